"""The frame of every page: what stands around the pages' own content."""

from playwright.sync_api import expect
from tests.browser.conftest import Visit


def test_the_error_page_speaks_the_readers_language(visit: Visit) -> None:
    page = visit("/nowhere", language="ko", expected="404")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="대시보드로")).to_be_visible()
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("link", name="To the dashboard")).to_be_visible()


def test_the_theme_is_kept(visit: Visit) -> None:
    page = visit("/nowhere", expected="404")
    html = page.locator("html")
    expect(html).to_have_attribute("data-theme", "light")
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(html).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(html).to_have_attribute("data-theme", "dark")


def test_shortcuts_and_palette(visit: Visit) -> None:
    page = visit("/nowhere", expected="404")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Go to or do …")
    expect(palette).to_be_visible()
    expect(palette.locator("input")).to_be_focused()
    page.keyboard.type("17")
    expect(palette.get_by_role("option", name="Device 17", exact=True)).to_have_attribute("aria-selected", "true")


def test_the_first_tab_stop_leads_past_the_navigation(visit: Visit) -> None:
    page = visit("/nowhere", expected="404")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
