"""Screenshots of a device: thumbnails that open in a lightbox, by mouse and by keys, and compared there."""

import re

from playwright.sync_api import Locator, Page, expect
from tests.browser.conftest import Visit
from tests.browser.happenings import photographed, picture

from rackhand.server.fake_site import Site


def opened(site: Site, visit: Visit, *labels: str) -> tuple[Page, Locator]:
    """The panel of a device with these screenshots, and the lightbox on the first."""
    run = photographed(site, "Pictures", 1, [picture(label) for label in labels])
    page = visit(f"/runs/{run}/devices/1")
    page.locator("shot-gallery a").first.click()
    return page, page.get_by_role("dialog", name="Screenshot")


def test_keys_go_through_them_and_tell_what_differs(site: Site, visit: Visit) -> None:
    page, box = opened(site, visit, "LEFT", "RIGHT", "RIGHT")
    shown = box.locator("img.first")
    addresses = [link.get_attribute("href") for link in page.locator("shot-gallery a").all()]
    assert len(addresses) == 3
    expect(shown).to_have_attribute("src", re.compile(f"{addresses[0]}$"))
    page.keyboard.press("ArrowRight")
    expect(shown).to_have_attribute("src", re.compile(f"{addresses[1]}$"))
    page.keyboard.press("d")
    expect(box.locator("[data-share]")).to_have_text("0.0 % of the pixels differ")
    page.keyboard.press("ArrowLeft")
    expect(box.locator("[data-share]")).to_have_text("0.8 % of the pixels differ")
    page.keyboard.press("d")
    expect(box.locator("[data-share]")).to_be_hidden()
    page.keyboard.press("ArrowLeft")
    expect(shown).to_have_attribute("src", re.compile(f"{addresses[2]}$"))
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(page.get_by_role("heading", name="Device 1")).to_be_visible()


def test_two_stand_side_by_side_or_under_a_slider(site: Site, visit: Visit) -> None:
    _, box = opened(site, visit, "ONE", "TWO")
    box.get_by_role("button", name="Side by side").click()
    expect(box.locator("img.second")).to_be_visible()
    expect(box.get_by_role("button", name="Side by side")).to_have_attribute("aria-pressed", "true")
    box.get_by_role("button", name="Swipe").click()
    slider = box.get_by_label("Where the two pictures meet")
    slider.fill("30")
    expect(box.locator("img.second")).to_have_css("clip-path", "inset(0px 0px 0px 30%)")
    box.get_by_role("button", name="Close").click()
    expect(box).to_be_hidden()
