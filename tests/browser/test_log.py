"""The log of a device: it follows, searches and links to lines, and whatever a device writes stays text."""

import re

from playwright.sync_api import Page, expect
from tests.browser import pace
from tests.browser.conftest import Visit
from tests.browser.fleet import HOSTILE
from tests.browser.happenings import photographed

from rackhand.engine.fake import Lab
from rackhand.server.fake_site import Site
from rackhand.wire.messages import Job

LINES = "".join(f"line {number}\n" for number in range(1, 61))
LOG = "/log"


def shown(page: Page) -> list[str]:
    return page.locator("log-view li:visible span").all_inner_texts()


def test_it_is_searched_linked_and_wrapped(site: Site, visit: Visit) -> None:
    run = photographed(site, "Talkative", 2, [], LINES + "Failure [NO_SPACE]\nwarning: low\n")
    page = visit(f"/runs/{run}/devices/2")
    expect(page.locator("log-view li")).to_have_count(62)
    expect(page.locator("log-view li[data-level=E] span")).to_have_text("Failure [NO_SPACE]")
    expect(page.locator("log-view li[data-level=W] span")).to_have_text("warning: low")

    page.get_by_label("Search the log").fill("LINE 5")
    expect(page.locator("[data-hits]")).to_have_text("11 lines")
    assert shown(page) == ["line 5", *(f"line {number}" for number in range(50, 60))]
    page.get_by_label("Search the log").fill("")
    page.get_by_role("button", name="Wrap").click()
    expect(page.locator("log-view")).to_have_class(re.compile("wrap"))

    page.get_by_role("link", name="Line 7", exact=True).click()
    expect(page).to_have_url(re.compile("#L7$"))
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download").click()
    assert saved.value.path().read_text(encoding="utf-8").splitlines()[:2] == ["line 1", "line 2"]


def test_markup_in_a_log_stays_text(site: Site, visit: Visit) -> None:
    run = photographed(site, "Hostile", 3, [], f"{HOSTILE}\n<script>alert(1)</script>\n\u202egnp.exe\n")
    page = visit(f"/runs/{run}/devices/3")
    texts = page.locator("log-view li span").all_text_contents()
    assert texts[:2] == [HOSTILE.replace("\u202e", "\u202e"), "<script>alert(1)</script>"]
    assert page.locator("log-view :is(img, script)").count() == 0


def test_new_lines_come_and_it_follows_until_one_scrolls_up(site: Site, visit: Visit) -> None:
    job = begun(site, 5)
    page = visit(f"/runs/{job.run_id}/devices/5", before=pace.own_time, height=700)
    box, follow = page.locator(".log-scroll"), page.get_by_role("button", name="Follow")
    expect(page.get_by_text("No output yet.")).to_be_visible()

    write(site, job, LINES, 2)
    pace.after(page, 3_000, LOG)
    expect(page.locator("log-view li").last).to_contain_text("line 60")
    expect(follow).to_have_attribute("aria-pressed", "true")
    box.evaluate("box => { box.scrollTop = 0; }")
    expect(follow).to_have_attribute("aria-pressed", "false")

    write(site, job, LINES + "the end\n", 3)
    pace.after(page, 3_000, LOG)
    expect(page.locator("log-view li").last).to_contain_text("the end")
    assert box.evaluate("box => box.scrollTop") == 0
    follow.click()
    expect(follow).to_have_attribute("aria-pressed", "true")


def begun(site: Site, index: int) -> Job:
    """A device run whose step has begun."""

    async def story(lab: Lab) -> Job:
        playbook = await lab.playbook({"kind": "logcat", "params": {}})
        await lab.run(playbook, {"scope": "indexes", "indexes": str(index)})
        job = (await lab.pull("PC-01")).jobs[0]
        await lab.report(lab.started("PC-01", job))
        return job

    return site.do(story)


def write(site: Site, job: Job, text: str, seq: int) -> None:
    """The device writes more."""

    async def story(lab: Lab) -> None:
        more = {"output_tail": text, "output_lines": text.count("\n")}
        await lab.report(lab.step("PC-01", job, seq, 0, "running", **more))

    site.do(story)
