"""With JavaScript off: pages are read, panels are pages, and forms post."""

import re

from playwright.sync_api import expect
from tests.browser.conftest import Visit
from tests.browser.happenings import photographed, run_named

from rackhand.server.fake_site import Site


def test_pages_are_read(site: Site, visit: Visit) -> None:
    run = photographed(site, "For readers", 8, [], "all is well\n")
    page = visit("/devices", js=False)
    page.get_by_role("link", name=re.compile("^4 ·")).click()
    expect(page.get_by_role("heading", name="Device 4")).to_be_visible()
    page.goto("/devices?view=list")
    expect(page.get_by_role("row")).to_have_count(31)
    page.goto(f"/runs/{run}/devices/8")
    expect(page.get_by_text("all is well")).to_be_visible()
    for path in ("/", "/runs", "/commands", "/playbooks", "/settings"):
        page.goto(path)
        expect(page.locator("main h1")).to_be_visible()


def test_forms_post(site: Site, visit: Visit) -> None:
    page = visit("/commands/new?kind=shell", js=False, expected="422")
    editor = page.get_by_role("complementary")
    editor.get_by_role("button", name="Save").click()
    expect(editor.get_by_label(re.compile("^Title"))).to_have_attribute("aria-invalid", "true")
    editor.get_by_label(re.compile("^Title")).fill("Without scripts")
    editor.get_by_label(re.compile("^Shell command")).fill("id")
    editor.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Without scripts is in the table.")).to_be_visible()

    page.get_by_role("button", name="Add Without scripts to the playbook").click()
    expect(page.locator("li.step")).to_have_count(1)
    page.get_by_label("Title", exact=True).fill("No scripts at all")
    page.get_by_role("button", name="Run now").click()
    expect(page).to_have_url(re.compile("/runs/[^/]+$"))
    expect(page.get_by_role("heading", name="No scripts at all")).to_be_visible()

    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("heading", name="No scripts at all")).to_be_visible()
    assert run_named(site, "No scripts at all").status == "stopped"
