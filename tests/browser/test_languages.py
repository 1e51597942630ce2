"""One switch between Korean and English; every page in both is in test_pages.py."""

from playwright.sync_api import expect
from tests.browser.conftest import Visit

from rackhand.server.fake_site import Site


def test_the_language_is_kept(site: Site, visit: Visit) -> None:
    page = visit("/devices/3")
    page.get_by_role("link", name="한국어").click()
    expect(page.get_by_role("heading", name="기기 3", exact=True)).to_be_visible()
    page.goto("/runs")
    expect(page.get_by_role("heading", level=1)).to_have_text("실행")
    page.get_by_role("link", name="English").click()
    page.goto("/runs")
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")


def test_what_scripts_say_is_korean_too(site: Site, visit: Visit) -> None:
    page = visit("/devices", language="ko", expected="404")
    page.keyboard.press("/")
    page.keyboard.type("1-3")
    expect(page.locator("[data-hits]")).to_have_text("3대 찾음")
    page.keyboard.press("Control+k")
    page.keyboard.type("17")
    expect(page.get_by_role("option", name="기기 17")).to_be_visible()
