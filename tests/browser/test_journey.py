"""The whole way of an operator, on real processes: in by the one-time link, a playbook put together by mouse and by
keys alone, a run on a fleet of which one phone stops answering, its log and its pictures, and again what failed.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.browser.conftest import Visit

from rackhand.cli.fake import Rig, Sim, gated
from rackhand.engine.access import Role

NODE = "PC-01"
LOST, WELL = "SIM00002", ("SIM00001", "SIM00003", "SIM00004")
GATE = "journey"
GRACE_S = "6"
MOST_TABS = 150


@dataclass(frozen=True, slots=True)
class Fleet:
    """Four simulated phones on one node, and a server with two commands."""

    rig: Rig
    sim: Sim

    @property
    def url(self) -> str:
        return self.rig.url

    def cookie(self, role: Role) -> str:
        raise AssertionError(f"nobody is logged in as {role} by a cookie here: operators come by the link")

    def link(self) -> str:
        """The address that logs in once."""
        words = ["users", "link", "--json", "--server", self.url, "--data", str(self.rig.folder / "server")]
        said = subprocess.run([sys.executable, "-m", "rackhand", *words], check=True, capture_output=True, text=True)
        return str(json.loads(said.stdout)["url"])

    def index_of(self, serial: str) -> int:
        return self.rig.index_of(serial)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    rig = Rig(tmp_path_factory.mktemp("journey"))
    try:
        rig.start_server()
        sim = rig.start_sim(4)
        rig.start_agent(NODE, sim.ports[0])
        rig.until_online(sim.groups[0])
        rig.api.post("/api/command-assets", {"title": "Take a picture", "kind": "screenshot", "params": {}})
        script = {"title": "Play the video", "kind": "shell", "params": {"command": gated(GATE)}}
        rig.api.post("/api/command-assets", script)
        yield Fleet(rig, sim)
    finally:
        rig.close()
        shutil.rmtree(rig.folder, ignore_errors=True)


@pytest.fixture
def operator(chromium: Browser, fleet: Fleet) -> Iterator[Page]:
    """A page that is logged in by a link."""
    visit = Visit(chromium, fleet)
    page = visit(fleet.link().removeprefix(fleet.url), role=None)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("You are logged in as admin.")).to_be_visible()
    yield page
    assert visit.close() == []


def shown_steps(page: Page) -> Locator:
    return page.locator("li.step .step-name b")


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until `wanted` has the focus."""
    expect(wanted).to_be_visible()
    for _ in range(MOST_TABS):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way by Tab to {wanted}")


def test_by_mouse_a_run_waits_fails_is_looked_into_and_is_run_again(fleet: Fleet, operator: Page) -> None:
    page = operator
    page.get_by_role("link", name="Commands", exact=True).click()
    page.get_by_role("button", name=re.compile("^Add.*Play the video")).click()
    expect(shown_steps(page)).to_have_text(["Play the video"])
    page.get_by_role("button", name=re.compile("^Add.*Take a picture")).click()
    expect(shown_steps(page)).to_have_text(["Play the video", "Take a picture"])
    grip = page.get_by_role("button", name="Move: Take a picture", exact=True)
    grip.drag_to(page.locator("li.step").first, target_position={"x": 20, "y": 2})
    expect(shown_steps(page)).to_have_text(["Take a picture", "Play the video"])
    page.get_by_label("Title", exact=True).fill("Evening check")
    page.get_by_text("More settings").click()
    page.get_by_label("Grace for a lost device (s)").fill(GRACE_S)
    page.get_by_label("Devices at once per node").fill("4")
    page.get_by_role("button", name="Run now").click()
    page.wait_for_url("**/runs/*")

    expect(page.get_by_role("heading", name="Evening check")).to_be_visible()
    fleet.rig.until_told(fleet.sim, LOST, f": {GATE};")
    fleet.sim.until_begun(LOST, GATE)
    fleet.sim.fault(LOST, "black_hole")
    lost = fleet.index_of(LOST)
    expect(page.locator(".alert wait-badge")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile(rf"^{lost} ·.* waiting"))).to_be_visible()
    for serial in WELL:
        fleet.sim.open(serial, GATE)
    expect(page.locator(".run-head .chip")).to_have_attribute("data-status", "partial")
    expect(page.get_by_text(re.compile("1 device · at step 2"))).to_be_visible()

    page.get_by_role("link", name=re.compile(rf"^{lost} ·.* error")).click()
    panel = page.locator("#drawer")
    expect(panel.get_by_role("heading", name=f"Device {lost}")).to_be_visible()
    expect(panel.get_by_text("stopped answering").first).to_be_visible()
    expect(panel.locator("log-view li")).to_contain_text(["begun"])
    page.get_by_role("link", name=re.compile(r"Screenshot of step 1")).click()
    expect(page.get_by_role("dialog").locator("img").first).to_have_js_property("complete", True)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(panel.locator("section")).to_have_count(0)

    fleet.sim.clear(LOST)
    fleet.rig.until_online([LOST])
    fleet.sim.open(LOST, GATE)
    expect(page.locator("#rerun input[name='/outcomes']:checked")).to_have_count(1)
    first = page.url
    page.get_by_role("button", name="Run again").click()
    page.wait_for_url(lambda url: "/runs/" in url and url != first)
    expect(page.get_by_text("of 1 devices finished")).to_be_visible()
    expect(page.locator(".run-head .chip")).to_have_attribute("data-status", "succeeded")


def test_by_keys_alone(fleet: Fleet, operator: Page) -> None:
    page, keys = operator, operator.keyboard
    for serial in (LOST, *WELL):
        fleet.sim.open(serial, GATE)
    keys.press("g")
    keys.press("c")
    page.wait_for_url("**/commands")
    choice = page.get_by_label("Command to add")
    for name in ("Play the video", "Take a picture"):
        tab_to(page, choice)
        keys.type(name)
        expect(choice.locator("option:checked")).to_have_text(name)
        keys.press("Tab")
        keys.press("Enter")
        expect(shown_steps(page).last).to_have_text(name)
    keys.press("Alt+ArrowUp")
    expect(shown_steps(page)).to_have_text(["Take a picture", "Play the video"])
    title = page.get_by_label("Title", exact=True)
    while not title.evaluate("element => element === document.activeElement"):
        keys.press("Shift+Tab")
    keys.type("By keys")
    keys.press("Control+k")
    keys.type("run now")
    keys.press("Enter")
    page.wait_for_url("**/runs/*")
    expect(page.get_by_role("heading", name="By keys")).to_be_visible()
    expect(page.locator(".run-head .chip")).to_have_attribute("data-status", "succeeded")
