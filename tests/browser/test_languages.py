"""Korean and English on every page, on a phone: nothing untranslated, nothing wider than the screen, one switch."""

from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from playwright.sync_api import Page, expect
from tests.browser.conftest import Visit
from tests.browser.pages import EMPTY, EXPECTED, LOGIN, PAGES

import rackhand.server
from rackhand.engine.access import Role
from rackhand.server.fake_site import Site

CATALOGUES = sorted((Path(rackhand.server.__file__).parent / "locale" / "ko").glob("*.po"))
PHONE = 390
# Whatever people can read or hear: texts, and the attributes that are said or shown.
_TEXTS = """() => {
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode())
    if (!walker.currentNode.parentElement.closest("script, [lang]:not(html), code, pre"))
      found.add(walker.currentNode.data.trim());
  for (const element of document.querySelectorAll("[aria-label], [title], [placeholder], [alt], [data-confirm]"))
    for (const name of ["aria-label", "title", "placeholder", "alt", "data-confirm"])
      if (!element.closest("[lang]:not(html)")) found.add((element.getAttribute(name) ?? "").trim());
  return [...found];
}"""


def translated() -> set[str]:
    """Every English text that is another one in Korean."""
    found = set[str]()
    for path in CATALOGUES:
        with path.open("rb") as file:
            messages = [message for message in read_po(file) if isinstance(message.id, str)]
        found |= {str(message.id) for message in messages if message.id and message.id != message.string}
    return found


ENGLISH = translated()
OWN_WORDS = {"Model", "admin"}
"""What a phone or a person of the fleet is called may be an English word of ours."""


def fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE


@pytest.mark.parametrize("name", PAGES)
def test_every_page(site: Site, visit: Visit, name: str) -> None:
    page = visit(PAGES[name](site), language="ko", width=PHONE, height=800, expected=EXPECTED)
    html = page.locator("html")
    expect(html).to_have_attribute("lang", "ko")
    fits(page)
    assert sorted(ENGLISH & set(page.evaluate(_TEXTS)) - OWN_WORDS) == []

    page.get_by_role("banner").get_by_role("link", name="English").click()
    expect(html).to_have_attribute("lang", "en")
    fits(page)


def test_before_there_is_anything(empty_site: Site, visit: Visit) -> None:
    for path in (LOGIN, *EMPTY):
        page = visit(path, language="ko", width=PHONE, height=800, role=None if path == LOGIN else Role.ADMIN)
        fits(page)
        assert sorted(ENGLISH & set(page.evaluate(_TEXTS)) - OWN_WORDS) == []


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
