"""1,000 and 10,000 devices: the mechanisms that keep the page fast, counted. Times are printed and never asserted."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import CDPSession, Page, expect
from tests.browser.conftest import Visit
from tests.browser.pace import own_time, poll

from rackhand.engine.fake import Lab, phone
from rackhand.server.fake_site import Site

PER_NODE = 1_000
LOST = range(17, 1_000, 50)
"""The 20 devices of the first node that go offline."""
ENVELOPE_BYTES = 1_000
"""Of an answer to a poll, beyond one digit a device."""
# Every change in the tiles and the legend from now on: of which tile, or "" for other things.
_WATCH = """() => {
  window.touched = [];
  const note = (records) =>
    records.forEach(({ target, attributeName }) =>
      window.touched.push([target.dataset?.i ?? "", attributeName ?? target.parentElement?.dataset.online ?? ""]));
  const observer = new MutationObserver(note);
  observer.observe(document.querySelector("device-heatmap"),
    { attributes: true, childList: true, subtree: true, characterData: true });
}"""


@pytest.fixture(scope="module", params=[1_000, 10_000])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with that many devices, 1,000 a node."""
    with Site(tmp_path_factory.mktemp("scale")) as opened:

        async def furnish(lab: Lab) -> None:
            for number in range(request.param // PER_NODE):
                await lab.node(f"PC-{number:02d}", PER_NODE)

        opened.do(furnish)
        yield opened


def elements(page: Page) -> int:
    return int(page.evaluate("document.getElementsByTagName('*').length"))


def busy_ms(session: CDPSession) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(each["value"]) * 1000 for each in metrics if each["name"] == "TaskDuration")


def test_a_poll_touches_the_tiles_that_changed_and_no_other(site: Site, visit: Visit) -> None:
    page = visit("/devices", before=own_time)
    tiles = page.locator("device-heatmap a[data-i]")
    size = tiles.count()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    poll(page)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    page.evaluate(_WATCH)
    before, busy = elements(page), busy_ms(session)

    async def lose(lab: Lab) -> None:
        await lab.beat("PC-00", [phone(f"PC-00-S{i:03d}", online=i not in LOST) for i in range(1, PER_NODE + 1)])

    site.do(lose)
    answer = poll(page)
    expect(page.locator("[data-count=offline]")).to_have_text(str(len(LOST)))

    print(f"{size} devices: {busy_ms(session) - busy:.0f} ms of the main thread for one poll")
    touched = page.evaluate("window.touched")
    assert sorted({int(index) for index, _ in touched if index}) == list(LOST)
    assert len(touched) <= 2 * len(LOST) + 2 * PER_NODE // 100
    assert elements(page) == before
    assert len(answer.body()) <= size + ENVELOPE_BYTES

    page.evaluate("window.touched = []")
    assert poll(page).status == 304
    assert page.evaluate("window.touched") == []


def test_tiles_are_plain_links_in_racks_that_are_drawn_when_seen(site: Site, visit: Visit) -> None:
    page = visit("/devices")
    tiles = page.locator("device-heatmap a[data-i]")
    size = tiles.count()
    assert size % PER_NODE == 0
    expect(page.locator(".rack")).to_have_count(size // 100)
    expect(page.locator(".rack").first).to_have_css("content-visibility", "auto")
    expect(page.locator("device-heatmap")).to_have_attribute("data-density", "normal" if size <= 1_000 else "dots")
    assert elements(page) < size + 6 * size // 100 + 400
    assert page.evaluate("document.querySelector('device-heatmap').getAnimations({ subtree: true }).length") == 0
    expect(page.locator("device-heatmap [hx-get]")).to_have_count(0)
    expect(page.locator("device-heatmap a[tabindex='0']")).to_have_count(1)
    page.keyboard.press("/")
    page.keyboard.type("101-103")
    expect(page.locator("[data-hits]")).to_have_text(re.compile("3 found"))
    expect(page.locator("device-heatmap a.miss")).to_have_count(size - 3)
