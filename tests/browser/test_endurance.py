"""What a page that stays open for hours costs, told by counts: nodes, listeners and heap after 300 polls,
or fewer by day."""

from collections.abc import Callable

import pytest
from playwright.sync_api import CDPSession, Page, expect
from tests.browser.conftest import Visit
from tests.browser.happenings import run_named
from tests.browser.pace import own_time, stop_time
from tests.nightly import IS_NIGHTLY

from rackhand.server.fake_site import Site

POLLS = 300 if IS_NIGHTLY else 120
FEW = POLLS // 10
"""One node a poll that stays would be ten times as many; what is drawn just then is not a leak."""
WARM_UP = 40
HEAP_BYTES = 300_000
"""What compiled code, caches and the collector's own slack may add."""

# The page's own polls, answered in the page: each answer of the tiles differs from the one before in every tile.
_ANSWER = """async ([path, drawer]) => {
  const real = window.fetch.bind(window);
  const first = await (await real(path, { headers: { Accept: "application/json" } })).json();
  const html = await (await real(drawer, { headers: { "HX-Request": "true" } })).text();
  const flipped = [...(first.packed ?? first.heatmap.packed)];
  window.polls = 0;
  window.fetch = async (asked) => {
    const url = String(asked.url ?? asked);
    if (!url.includes(path)) return new Response(html, { headers: { "Content-Type": "text/html" } });
    window.polls++;
    const digits = flipped.map((digit) => "043c8b"[(parseInt(digit, 16) + window.polls) % 6]);
    const changed = digits.map((digit, at) => [at, parseInt(digit, 16)]);
    const ofFleet = { ...first, full: false, packed: "", changed };
    const body = first.heatmap ? { heatmap: { packed: digits.join("") } } : ofFleet;
    return new Response(JSON.stringify(body), { headers: { ETag: `"${window.polls}"` } });
  };
}"""


def counts(session: CDPSession) -> dict[str, int]:
    """After the garbage is gone: nodes, listeners, bytes of the heap."""
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    found = session.send("Memory.getDOMCounters")
    heap = session.send("Runtime.getHeapUsage")
    return {"nodes": found["nodes"], "listeners": found["jsEventListeners"], "heap": int(heap["usedSize"])}


def polled(page: Page, times: int) -> None:
    """Let time pass until the page has polled so often, and everything else that polls with it."""
    while page.evaluate("window.polls") < times:
        page.clock.run_for(3_300)
    expect(page.locator(".htmx-request")).to_have_count(0)


@pytest.mark.parametrize(
    ("path", "drawer", "asked"),
    [
        (lambda site: "/devices/3", lambda site: "/devices/3", lambda site: "/api/nodes/status?view=packed"),
        (
            lambda site: f"/runs/{run_named(site, 'Under way').id}",
            lambda site: f"/runs/{run_named(site, 'Under way').id}",
            lambda site: f"/api/runs/{run_named(site, 'Under way').id}?view=packed",
        ),
    ],
    ids=["devices", "run"],
)
def test_polls_leave_nothing_behind(
    site: Site, visit: Visit, path: Callable[[Site], str], drawer: Callable[[Site], str], asked: Callable[[Site], str]
) -> None:
    page = visit(path(site), before=own_time)
    stop_time(page)
    page.evaluate(_ANSWER, [asked(site), drawer(site)])
    session = page.context.new_cdp_session(page)

    polled(page, WARM_UP)
    before = counts(session)
    polled(page, WARM_UP + POLLS)
    later = counts(session)

    print(f"before {before}, later {later}")
    assert later["nodes"] <= before["nodes"] + FEW
    assert later["listeners"] <= before["listeners"] + FEW
    assert later["heap"] <= before["heap"] + HEAP_BYTES
