"""Forms that are refused, to the ear and under the policy; and proof that a breach of the policy would be heard."""

import pytest
from playwright.sync_api import Page, expect
from tests.browser.axe import Look, judge, looks
from tests.browser.conftest import Visit
from tests.browser.pages import LOGIN

from rackhand.server.fake_site import Site

_INSERT = "(html) => document.body.insertAdjacentHTML('beforeend', html)"


@pytest.mark.parametrize("look", looks(1), ids="-".join)
def test_refused_forms(site: Site, visit: Visit, look: Look) -> None:
    language, theme = look
    page = visit(LOGIN, role=None, expected="403", language=language, theme=theme)
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


def told(page: Page, text: str, directive: str) -> None:
    with page.expect_console_message(lambda message: f"policy: {directive}" in message.text):
        page.evaluate(_INSERT, text)


def test_the_policy_is_watched(site: Site, visit: Visit) -> None:
    """The other tests would be worth nothing if a violation went unnoticed."""
    page = visit("/runs", expected="policy: style-src|policy: script-src|Content Security Policy")
    told(page, '<b style="color: red">x</b>', "style-src")
    told(page, '<b onclick="alert(1)">x</b>', "script-src")
