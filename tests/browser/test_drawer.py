"""The panel beside the tiles: links into it, Back, Esc, where the focus goes, and what hurried people do."""

import re

from playwright.sync_api import Page, Route, expect
from tests.browser.conftest import Visit
from tests.browser.happenings import run_named

from rackhand.server.fake_site import Site

TILES = re.compile("/devices$")


def at(index: int) -> re.Pattern[str]:
    return re.compile(f"/devices/{index}$")


def is_open(page: Page, index: int) -> None:
    expect(page.get_by_role("heading", name=f"Device {index}")).to_be_visible()
    expect(page).to_have_url(at(index))
    expect(page.locator(f"a[data-i='{index}']")).to_have_attribute("aria-current", "true")
    expect(page.locator("main [aria-current=true]")).to_have_count(1)


def is_closed(page: Page) -> None:
    expect(page.locator("#drawer")).to_be_empty()
    expect(page).to_have_url(TILES)
    expect(page.locator("main [aria-current=true]")).to_have_count(0)


def test_enter_opens_and_escape_returns_to_the_tile(site: Site, visit: Visit) -> None:
    page = visit("/devices")
    tile = page.locator("a[data-i='4']")
    tile.focus()
    page.keyboard.press("Enter")
    is_open(page, 4)
    page.get_by_label("Shell command").focus()
    page.keyboard.press("Escape")
    is_closed(page)
    expect(tile).to_be_focused()


def test_a_deep_link_opens_it_and_closing_leads_to_its_tile(site: Site, visit: Visit) -> None:
    page = visit("/devices/12")
    is_open(page, 12)
    page.get_by_role("complementary", name="Details").get_by_role("link", name="Close").click()
    is_closed(page)
    expect(page.locator("a[data-i='12']")).to_be_focused()


def test_back_and_forward_go_through_what_was_open(site: Site, visit: Visit) -> None:
    page = visit("/devices/3")
    is_open(page, 3)
    for index in (5, 6):
        page.locator(f"a[data-i='{index}']").click()
        is_open(page, index)
    page.keyboard.press("Escape")
    is_closed(page)
    for index in (6, 5, 3):
        page.go_back()
        is_open(page, index)
    page.go_forward()
    is_open(page, 5)
    page.reload()
    is_open(page, 5)
    page.go_back()
    is_open(page, 3)


def test_of_several_in_a_hurry_the_last_one_opens(site: Site, visit: Visit) -> None:
    page = visit("/devices")
    held: list[Route] = []

    def wait(route: Route) -> None:
        held.append(route)

    page.route(re.compile(r"/devices/(7|8)$"), wait)
    for index in (7, 8, 9):
        page.locator(f"a[data-i='{index}']").click()
    is_open(page, 9)
    for route in held:
        route.abort()
    is_open(page, 9)


def test_closing_what_is_still_loading_keeps_it_closed(site: Site, visit: Visit) -> None:
    page = visit("/devices/3", expected="ERR_FAILED")
    held: list[Route] = []

    def wait(route: Route) -> None:
        held.append(route)

    page.route("**/devices/7", wait)
    with page.expect_event("requestfailed"):
        with page.expect_request("**/devices/7"):
            page.locator("a[data-i='7']").click()
        page.keyboard.press("Escape")
    is_closed(page)


def test_a_dialog_takes_escape_first(site: Site, visit: Visit) -> None:
    page = visit("/devices/3")
    page.get_by_role("button", name="Reboot").click()
    dialog = page.get_by_role("dialog", name="Reboot device 3 now?")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    is_open(page, 3)


def test_a_click_with_ctrl_is_left_to_the_browser(site: Site, visit: Visit) -> None:
    page = visit("/devices")
    with page.context.expect_page() as opened:
        page.locator("a[data-i='4']").click(modifiers=["Control"])
    expect(opened.value.get_by_role("heading", name="Device 4")).to_be_visible()
    is_closed(page)


def test_the_panel_of_a_run_closes_to_its_run(site: Site, visit: Visit) -> None:
    run = run_named(site, "All well")
    page = visit(f"/runs/{run.id}/devices/2")
    expect(page.get_by_role("heading", name="Device 2")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(f"/runs/{run.id}$"))
    expect(page.locator("a[data-i='2']")).to_be_focused()


def test_the_timeline_leads_to_the_panel_too(site: Site, visit: Visit) -> None:
    run = run_named(site, "All well")
    page = visit(f"/runs/{run.id}")
    label = page.locator("svg a[data-drawer]").first
    index = label.get_attribute("aria-label")
    label.click()
    expect(page.get_by_role("heading", name=f"Device {index}")).to_be_visible()
    expect(page).to_have_url(re.compile(f"/runs/{run.id}/devices/{index}$"))
