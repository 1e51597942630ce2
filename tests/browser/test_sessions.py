"""Two tabs, and a session that ends in the middle: back to the page after the login, with what was typed."""

import re

from playwright.sync_api import Page, expect
from tests.browser.conftest import Visit

from rackhand.engine import accounts, sessions
from rackhand.engine.access import SYSTEM
from rackhand.engine.fake import Lab
from rackhand.engine.passwords import hash_password
from rackhand.server.fake_site import Site
from rackhand.server.session_cookie import NAME

NAME_OF_KIM, PASSWORD = "kim", "a long enough password"


def arrive(site: Site, visit: Visit) -> Page:
    """Kim, logged in with a password."""

    async def make(lab: Lab) -> None:
        if not any(user.name == NAME_OF_KIM for user in (await lab.db.read(accounts.list_users)).items):
            await lab.db.write(accounts.create_user, SYSTEM, NAME_OF_KIM, "operator", hash_password(PASSWORD))

    site.do(make)
    page = visit("/login", role=None, expected="401")
    log_in(page)
    expect(page).to_have_url(re.compile("/$"))
    return page


def log_in(page: Page) -> None:
    page.get_by_label("Name").fill(NAME_OF_KIM)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def end_session(site: Site, page: Page) -> None:
    cookie = next(each["value"] for each in page.context.cookies() if each.get("name") == NAME)
    site.do(lambda lab: lab.db.write(sessions.end_cookie, str(cookie)))


def test_a_form_comes_back_after_the_login(site: Site, visit: Visit) -> None:
    page = arrive(site, visit)
    page.goto("/devices/4")
    page.get_by_label("Shell command").fill("getprop ro.serialno")
    end_session(site, page)
    page.get_by_role("button", name="Run it").click()
    expect(page).to_have_url(re.compile(r"/login\?next=%2Fdevices%2F4"))
    log_in(page)
    expect(page).to_have_url(re.compile("/devices/4$"))
    expect(page.get_by_label("Shell command")).to_have_value("getprop ro.serialno")


def test_logging_out_in_one_tab_leads_the_other_to_the_login(site: Site, visit: Visit) -> None:
    first = arrive(site, visit)
    second = first.context.new_page()
    second.goto("/devices")
    expect(second.get_by_role("heading", name=re.compile("Devices"))).to_be_visible()
    first.get_by_role("button", name="Log out").click()
    expect(first).to_have_url(re.compile("/login"))
    second.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(second).to_have_url(re.compile(r"/login\?next=%2Fdevices"))
