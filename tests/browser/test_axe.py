"""axe on every page, filled, empty and refused; in every language and theme at night, else in one of them with the
contrasts of the other theme. Then everything is pressed: the policy has to hold.
"""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Visit
from tests.browser.pages import EMPTY, EMPTY_SETTINGS, EXPECTED, LOGIN, PAGES
from tests.nightly import IS_NIGHTLY

from rackhand.server.fake_site import Site

Look = tuple[str, str]
"""Language and theme."""
AXE = Path(__file__).resolve().parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = """async ([levels, rules]) => {
  const options = { runOnly: rules.length ? rules : levels, resultTypes: ["violations"] };
  const { violations } = await axe.run(document, options);
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) =>
    html.slice(0, 200) + " | " + failureSummary.replaceAll("\\n", " ").slice(0, 200)).slice(0, 3).join("\\n  ")}`);
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

_INSERT = "(html) => document.body.insertAdjacentHTML('beforeend', html)"


def violations(page: Page, *rules: str) -> list[str]:
    found: list[str] = page.evaluate(_RUN, [LEVELS, list(rules)])
    return found


def judge(page: Page) -> None:
    """Every rule in the theme that is shown, the contrasts in the other one, too."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert violations(page) == []
    html = page.locator("html")
    other = "light" if html.get_attribute("data-theme") == "dark" else "dark"
    html.evaluate("(html, theme) => (html.dataset.theme = theme)", other)
    assert violations(page, "color-contrast") == []


def looks(usual: Look) -> pytest.MarkDecorator:
    chosen = [(language, theme) for language in ("en", "ko") for theme in ("light", "dark")] if IS_NIGHTLY else [usual]
    return pytest.mark.parametrize("look", chosen, ids="-".join)


@looks(("en", "light"))
@pytest.mark.parametrize("name", PAGES)
def test_filled(site: Site, visit: Visit, name: str, look: Look) -> None:
    page = visit(PAGES[name](site), expected=EXPECTED, language=look[0], theme=look[1])
    judge(page)
    assert page.evaluate(_PRESS) > 0


@looks(("ko", "dark"))
@pytest.mark.parametrize("path", [*EMPTY, *EMPTY_SETTINGS])
def test_empty(empty_site: Site, visit: Visit, path: str, look: Look) -> None:
    page = visit(path, language=look[0], theme=look[1])
    judge(page)
    if path in EMPTY:
        assert page.evaluate(_PRESS) > 0


@looks(("en", "light"))
def test_refused_forms(site: Site, visit: Visit, look: Look) -> None:
    language, theme = look
    page = visit(LOGIN, role=None, expected="403", language=language, theme=theme)
    judge(page)
    page.locator("input[name='/name']").fill("nobody")
    page.locator("input[name='/password']").fill("wrong")
    page.locator("form[action='/login'] button").click()
    expect(page.get_by_role("alert")).to_be_visible()
    judge(page)

    page = visit("/settings", expected="422", language=language, theme=theme)
    page.locator("input[name='/policy/concurrency']").evaluate("(input) => (input.value = '0')")
    page.locator("main form").first.evaluate("(form) => (form.noValidate = true)")
    page.locator("main form button.pri").first.click()
    expect(page.locator(".field-error:visible")).to_have_count(1)
    judge(page)


def test_the_policy_is_watched(site: Site, visit: Visit) -> None:
    """The other tests would be worth nothing if a violation went unnoticed."""
    page = visit("/runs", expected="policy: style-src|policy: script-src|Content Security Policy")
    with page.expect_console_message(lambda message: "policy: style-src" in message.text):
        page.evaluate(_INSERT, '<b style="color: red">x</b>')
    with page.expect_console_message(lambda message: "policy: script-src" in message.text):
        page.evaluate(_INSERT, '<b onclick="alert(1)">x</b>')
