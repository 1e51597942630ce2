"""The connection as pages tell it: live, checking, offline; slow answers, hidden tabs; what fails changes nothing."""

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from tests.browser.conftest import Visit
from tests.browser.pace import FLEET, FLEET_MS, Asked, hide, own_time, settle, stop_time

from rackhand.server.fake_site import Site

NO_ANSWER = "ERR_FAILED|ERR_INTERNET_DISCONNECTED|htmx:error: Failed to fetch"
REFUSED = "status of (404|409|422|500|503)"


def pill(page: Page) -> Locator:
    return page.locator("#connection")


def refuse(page: Page, path: str, status: int) -> None:
    """From now on the server refuses `path`."""

    def answer(route: Route) -> None:
        route.fulfill(status=status, body="<h1>Oh</h1>")

    page.route(path, answer)


def hold(page: Page, path: str) -> list[Route]:
    """From now on requests of `path` wait here."""
    held: list[Route] = []

    def wait(route: Route) -> None:
        held.append(route)

    page.route(path, wait)
    return held


def fail(page: Page, path: str, ms: int) -> None:
    """Let time pass until a request of `path` fails."""
    with page.expect_event("requestfailed", lambda request: path in request.url):
        page.clock.run_for(ms)


def test_a_lost_connection_is_told_and_the_last_state_kept(site: Site, visit: Visit) -> None:
    page = visit("/devices", before=own_time, expected=NO_ANSWER)
    expect(pill(page)).to_have_text("Live")
    said = page.locator("device-heatmap").inner_text()

    page.route(f"**{FLEET}**", lambda route: route.abort())
    fail(page, FLEET, FLEET_MS)
    expect(pill(page)).to_have_attribute("data-state", "checking")
    expect(pill(page)).to_have_text("Checking connection…")
    for _ in range(2):
        fail(page, FLEET, 33_000)
    expect(pill(page)).to_have_attribute("data-state", "offline")
    expect(pill(page)).to_have_text("Connection lost – showing the last known state")
    assert page.locator("device-heatmap").inner_text() == said
    expect(page.locator("#toasts .toast")).to_have_count(0)

    page.unroute(f"**{FLEET}**")
    page.clock.run_for(33_000)
    expect(pill(page)).to_have_attribute("data-state", "live")


def test_pages_that_poll_by_fragments_tell_it_too(site: Site, visit: Visit) -> None:
    page = visit("/runs", before=own_time, expected=NO_ANSWER)
    rows = page.get_by_role("row").count()
    page.route("**/runs", lambda route: route.abort())
    for state in ("checking", "checking", "offline"):
        fail(page, "/runs", 5_000)
        expect(pill(page)).to_have_attribute("data-state", state)
    expect(page.get_by_role("row")).to_have_count(rows)
    expect(page.locator("#toasts .toast")).to_have_count(0)

    page.unroute("**/runs")
    page.clock.run_for(5_000)
    expect(pill(page)).to_have_attribute("data-state", "live")


def test_a_poll_without_an_answer_for_three_seconds_is_told(site: Site, visit: Visit) -> None:
    page = visit("/devices", before=own_time)
    held = hold(page, f"**{FLEET}**")
    with page.expect_request(f"**{FLEET}**"):
        page.clock.run_for(FLEET_MS)
    page.clock.run_for(3_000)
    expect(pill(page)).to_have_attribute("data-state", "checking")
    held[0].continue_()
    expect(pill(page)).to_have_attribute("data-state", "live")


def test_the_browser_itself_offline(site: Site, visit: Visit) -> None:
    page = visit("/devices", expected=NO_ANSWER)
    page.context.set_offline(True)
    expect(pill(page)).to_have_attribute("data-state", "offline")
    with page.expect_response(f"**{FLEET}**"):
        page.context.set_offline(False)
    expect(pill(page)).to_have_attribute("data-state", "live")


def test_nothing_is_shown_for_300_ms_then_a_bar_and_after_3_s_words(site: Site, visit: Visit) -> None:
    page = visit("/devices", before=own_time)
    html, note = page.locator("html"), page.locator(".slow-note")
    held = hold(page, "**/devices/4")
    stop_time(page)
    with page.expect_request("**/devices/4"):
        page.locator("a[data-i='4']").click()

    page.clock.run_for(299)
    expect(html).not_to_have_class(re.compile("loading"))
    page.clock.run_for(1)
    expect(html).to_have_class(re.compile("loading"))
    expect(page.locator(".loading-bar")).to_be_visible()
    page.clock.run_for(2_699)
    expect(note).to_be_hidden()
    page.clock.run_for(1)
    expect(note).to_be_visible()
    expect(note).to_have_text("Checking connection…")

    held[0].continue_()
    expect(page.get_by_role("heading", name="Device 4")).to_be_visible()
    expect(note).to_be_hidden()
    expect(html).not_to_have_class(re.compile("loading"))


@pytest.mark.parametrize("path", ["/devices/2", "/", "/runs", "/settings/nodes"])
def test_a_hidden_tab_sends_nothing_and_asks_at_once_when_it_is_looked_at(site: Site, visit: Visit, path: str) -> None:
    page = visit(path, before=own_time)
    stop_time(page)
    asked = Asked(page)
    for _ in range(4):
        page.clock.run_for(4_200)
        settle(page)
    polled = set(asked.paths())
    assert polled

    hide(page)
    settle(page)
    asked = Asked(page)
    page.clock.run_for(120_000)
    assert asked.paths() == []

    hide(page, False)
    assert set(asked.paths()) == polled


def test_a_refusal_never_replaces_what_is_shown(site: Site, visit: Visit) -> None:
    page = visit("/devices/3", expected=REFUSED)
    heading = page.get_by_role("heading", name="Device 3")
    expect(heading).to_be_visible()
    for status, index in ((404, 5), (503, 6)):
        refuse(page, f"**/devices/{index}", status)
        page.locator(f"a[data-i='{index}']").click()
        expect(page.locator(".toast").last).to_have_text(f"The request failed ({status}). Nothing was changed.")
        expect(heading).to_be_visible()
        expect(page.locator("a[data-i='30']")).to_be_visible()
        expect(page.get_by_text("Oh", exact=True)).to_have_count(0)
        expect(page).to_have_url(re.compile("/devices/3$"))
        expect(page.locator("a[data-i='3']")).to_have_attribute("aria-current", "true")


def test_a_problem_of_the_server_is_told_in_its_words(site: Site, visit: Visit) -> None:
    page = visit("/devices", expected=REFUSED)
    gone = page.locator("a[data-i='8']")
    gone.evaluate("(link) => (link.href = '/devices/4711')")
    gone.click()
    expect(page.locator(".toast")).to_contain_text("4711")
    expect(page).to_have_url(re.compile("/devices$"))


def test_polls_that_are_refused_stay_quiet(site: Site, visit: Visit) -> None:
    page = visit("/runs", before=own_time, expected=REFUSED)
    rows = page.get_by_role("row").count()
    refuse(page, "**/runs", 503)
    page.clock.run_for(5_000)
    expect(pill(page)).to_have_attribute("data-state", "checking")
    expect(page.get_by_role("row")).to_have_count(rows)
    expect(page.locator("#toasts .toast")).to_have_count(0)


def test_a_form_without_an_answer_keeps_what_was_typed(site: Site, visit: Visit) -> None:
    page = visit("/devices/3", expected=NO_ANSWER)
    command = page.get_by_label("Shell command")
    command.fill("dumpsys battery")
    page.route("**/devices/3/do", lambda route: route.abort())
    page.get_by_role("button", name="Run it").click()
    expect(page.locator(".toast")).to_contain_text("What you typed is still here")
    expect(command).to_have_value("dumpsys battery")
    page.unroute("**/devices/3/do")
    page.get_by_role("button", name="Run it").click()
    expect(page.locator(".toast")).to_contain_text("Started")
