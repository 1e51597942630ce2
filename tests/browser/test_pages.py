"""Every page, filled and before there is anything: nothing untranslated, nothing wider than a phone, nothing that axe
objects to, and whatever can be pressed is pressed under the policy; at night in every language and theme.
"""

from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from playwright.sync_api import Page, expect
from tests.browser.axe import Look, judge, looks
from tests.browser.conftest import Visit
from tests.browser.pages import EMPTY, EMPTY_SETTINGS, EXPECTED, LOGIN, PAGES

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
# Opens and presses whatever takes no form: summaries, and buttons that send nothing.
_PRESS = """() => {
  const pressed = [...document.querySelectorAll("main summary, #drawer summary, button[type=button]")];
  for (const each of pressed) {
    each.click();
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  }
  return pressed.length;
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


def by_look(names: list[str]) -> pytest.MarkDecorator:
    """Each name in the looks of its place."""
    chosen = [(name, look) for place, name in enumerate(names) for look in looks(place)]
    return pytest.mark.parametrize(("name", "look"), chosen, ids=[f"{name}-{'-'.join(look)}" for name, look in chosen])


def on_a_phone(page: Page, language: str) -> None:
    """It is in this language, and as narrow as the screen."""
    expect(page.locator("html")).to_have_attribute("lang", language)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    if language == "ko":
        assert sorted(ENGLISH & set(page.evaluate(_TEXTS)) - OWN_WORDS) == []


def on_a_desk(page: Page) -> None:
    """It has room for everything, and nobody is left out."""
    page.set_viewport_size({"width": 1440, "height": 900})
    judge(page)


@by_look(list(PAGES))
def test_filled(site: Site, visit: Visit, name: str, look: Look) -> None:
    language, theme = look
    other, switch = ("en", "한국어") if language == "ko" else ("ko", "English")
    page = visit(PAGES[name](site), language=other, theme=theme, width=PHONE, height=800, expected=EXPECTED)
    on_a_phone(page, other)
    page.get_by_role("banner").get_by_role("link", name=switch).click()
    on_a_phone(page, language)
    on_a_desk(page)
    assert page.evaluate(_PRESS) > 0


@by_look([LOGIN, *EMPTY, *EMPTY_SETTINGS])
def test_before_there_is_anything(empty_site: Site, visit: Visit, name: str, look: Look) -> None:
    language, theme = look
    role = None if name == LOGIN else Role.ADMIN
    page = visit(name, language=language, theme=theme, width=PHONE, height=800, role=role)
    on_a_phone(page, language)
    on_a_desk(page)
    if name in EMPTY:
        assert page.evaluate(_PRESS) > 0
