"""A newcomer's way: `rackhand demo` prints a link; from there to a finished run of a preset in five clicks at most.

How long it takes from a fresh clone is measured by hand and noted in docs/quickstart.md: no test asserts a wall clock.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.browser.conftest import Visit

from rackhand.engine.access import Role

MOST_CLICKS = 5
_LINK = re.compile(r"(http://\S+?)(/login/\S+)")
_COUNT = """addEventListener("click", (event) => {
  if (event.isTrusted) sessionStorage.clicks = Number(sessionStorage.clicks ?? 0) + 1;
}, true);"""
SMALL = [
    "--devices",
    "2",
    "--nodes",
    "1",
    "--front",
    "server",
    "--scenario",
    "none",
    "--concurrency",
    "2",
    "--port",
    "0",
]


@dataclass(frozen=True, slots=True)
class Printed:
    """The demo as its terminal shows it: an address, and a link that logs in once."""

    url: str
    link: str

    def cookie(self, role: Role) -> str:
        raise AssertionError(f"a newcomer has no cookie of a {role}, but the link")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Printed]:
    """`rackhand demo` once it serves; ended as by Ctrl-C."""
    words = [sys.executable, "-m", "rackhand", "demo", *SMALL, "--data", str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            said: list[str] = []
            while not said or not said[-1].startswith("Serving"):
                said.append(process.stderr.readline())
                assert said[-1], f"the demo ended before it served: {said}"
            found = _LINK.search(process.stderr.readline())
            assert found is not None
            yield Printed(*found.groups())
        finally:
            process.terminate()
            process.communicate()


def test_from_the_printed_link_to_a_finished_preset(chromium: Browser, demo: Printed) -> None:
    visit = Visit(chromium, demo)
    page = visit(demo.link, role=None, language="ko", before=lambda page: page.add_init_script(_COUNT))
    page.get_by_role("button", name="로그인").click()
    page.get_by_role("link", name="시작하기", exact=True).click()

    points = page.locator("#checklist li")
    expect(points).to_have_count(6)
    assert points.evaluate_all("items => items.filter((each) => each.dataset.state === 'done').length") == 5
    page.locator("[data-point=scan]").get_by_role("button", name="기기 찾기").click()
    expect(page.locator("#checklist li[data-state=done]")).to_have_count(6)
    expect(page.locator("#checklist")).not_to_have_attribute("hx-get", "/onboarding")

    kiosk = page.get_by_role("article", name="키오스크 초기화")
    expect(kiosk.locator("ol.does li")).to_have_count(7)
    expect(kiosk.locator(".plan-facts dd").first).to_have_text("2")
    kiosk.get_by_role("button", name="지금 실행").click()
    page.wait_for_url("**/runs/*")
    expect(page.get_by_role("heading", name="키오스크 초기화")).to_be_visible()
    expect(page.locator(".run-head .chip")).to_have_attribute("data-status", "succeeded")
    assert page.evaluate("Number(sessionStorage.clicks)") <= MOST_CLICKS
    assert visit.close() == []
