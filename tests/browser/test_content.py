"""Content in a browser: pasted, refused at its field, previewed, registered, marked as seen, handed to the builder."""

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Visit

from rackhand.server.fake_site import Site


@pytest.mark.parametrize("language", ["ko", "en"])
def test_from_an_address_to_the_builder(site: Site, visit: Visit, language: str) -> None:
    words = {"ko": ("동영상의 주소 또는 ID", "미리보기"), "en": ("Address or id of a video", "Preview")}
    address, preview = words[language]
    page = visit("/content", language=language, expected=r"status of 422")
    page.get_by_label(address).fill("https://www.youtube.com/playlist?list=PL0123456789")
    page.get_by_role("button", name=preview).click()
    expect(page.locator(".field-error:visible")).to_have_count(1)
    expect(page.get_by_label(address)).to_have_value("https://www.youtube.com/playlist?list=PL0123456789")
    page.goto("/content")
    row = page.locator(".videos .video", has_text="Fresh from the lobby")
    row.locator("a.btn").click()
    expect(page.locator("#run-content option:checked")).to_have_text("Fresh from the lobby")
