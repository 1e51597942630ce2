"""The page of commands: found, made, edited, tried on one device; files; and what hurried or mistaken people do."""

import re
from pathlib import Path

from playwright.sync_api import Page, Route, expect
from tests.browser import pace
from tests.browser.conftest import Visit

from rackhand.engine import catalog
from rackhand.engine.access import SYSTEM
from rackhand.engine.catalog import AssetView
from rackhand.engine.fake import Lab
from rackhand.server.fake_site import Site


def made(site: Site, title: str, command: str, folder: str = "") -> AssetView:
    body = {"title": title, "kind": "shell", "params": {"command": command}, "folder": folder}
    return site.do(lambda lab: lab.db.write(catalog.create_asset, SYSTEM, body))


def rows(page: Page) -> list[str]:
    return page.locator(".commands tbody tr td:first-child a").all_inner_texts()


def test_one_is_made_and_mistakes_stand_at_their_fields(site: Site, visit: Visit) -> None:
    page = visit("/commands", expected="422")
    page.get_by_role("link", name="New command").click()
    page.get_by_role("link", name=re.compile("^Open")).first.click()
    title = page.get_by_role("complementary").get_by_label(re.compile("^Title"))
    title.fill("Front page")
    page.get_by_role("button", name="Save").last.click()
    url = page.get_by_label(re.compile("^URL"))
    expect(url).to_be_focused()
    expect(url).to_have_attribute("aria-invalid", "true")
    expect(title).to_have_value("Front page")
    url.fill("https://example.com/")
    page.get_by_role("complementary").get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").get_by_text("Front page is in the table.")).to_be_visible()
    expect(page.get_by_role("cell", name=re.compile("^Front page"))).to_contain_text("https://example.com/")


def test_search_and_folders_narrow_the_table(site: Site, visit: Visit) -> None:
    made(site, "Zebra", "echo zebra", "animals")
    made(site, "Yak", "echo yak", "animals")
    page = visit("/commands")
    page.get_by_label("Folder").first.select_option("animals")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile("folder=animals"))
    assert rows(page) == ["Yak", "Zebra"]
    page.get_by_label("Search titles").fill("zeb")
    page.keyboard.press("Enter")
    expect(page.locator(".commands tbody tr")).to_have_count(1)
    page.get_by_label("Search titles").fill("nothing like it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()


def test_one_is_tried_on_a_device_and_its_output_is_seen_live(site: Site, visit: Visit) -> None:
    asset = made(site, "Say hello", "echo {{ params.whom }}")
    page = visit(f"/commands/{asset.id}", expected="422", before=pace.own_time)
    page.get_by_label("Device number", exact=False).last.fill("6")
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_label("whom")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("whom").fill("Kim")
    page.get_by_role("button", name="Try").click()
    expect(page).to_have_url(re.compile(f"/commands/{asset.id}/tries/.*/6$"))
    expect(page.get_by_role("heading", name="on device 6")).to_be_visible()

    site.do(_answers)
    pace.after(page, 3_000, "/log")
    expect(page.locator("log-view li")).to_have_text(re.compile("hello Kim"))
    page.clock.run_for(3_000)  # if the panel has not asked since
    expect(page.locator("#drawer").get_by_text("Succeeded").first).to_be_visible()


async def _answers(lab: Lab) -> None:
    """The device does what it was asked."""
    job = (await lab.pull("PC-01")).jobs[0]
    assert (job.device.index, job.params) == (6, {"whom": "Kim"})
    step = lab.step("PC-01", job, 2, 0, "succeeded", exit_code=0, output_tail="hello Kim\n", output_lines=1)
    end = lab.event("PC-01", job, "task_finished", 3, status="succeeded")
    await lab.report(lab.started("PC-01", job), step, end)


def test_a_file_is_sent_when_it_is_chosen(site: Site, visit: Visit, tmp_path: Path) -> None:
    package = tmp_path / "player <b>.apk"
    package.write_bytes(b"PK\x03\x04 not quite")
    page = visit("/commands/new?kind=install_apk")
    page.get_by_role("complementary").get_by_label(re.compile("^Title")).fill("Install the player")
    with page.expect_response(lambda answer: "/api/files" in answer.url):
        page.locator("input[type=file]").set_input_files(package)
    expect(page.locator("[data-name]")).to_have_text("player <b>.apk (0.0 MB)")
    page.get_by_role("complementary").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Install the player is in the table.")).to_be_visible()


def test_a_file_that_is_refused_is_told_at_its_field(site: Site, visit: Visit, tmp_path: Path) -> None:
    page = visit("/commands/new?kind=install_apk", expected="413")
    problem = '{"status": 413, "detail": "the content is larger than 5 bytes; nothing was stored"}'

    def refuse(route: Route) -> None:
        route.fulfill(status=413, content_type="application/problem+json", body=problem)

    page.route("**/api/files**", refuse)
    (tmp_path / "big.apk").write_bytes(b"x" * 10)
    page.locator("input[type=file]").set_input_files(tmp_path / "big.apk")
    expect(page.get_by_text("the content is larger than 5 bytes; nothing was stored")).to_be_visible()
    expect(page.locator("[data-name]")).to_have_text("no file yet")


def test_archived_ones_come_back(site: Site, visit: Visit) -> None:
    asset = made(site, "Old habit", "true")
    page = visit(f"/commands/{asset.id}")
    page.get_by_role("complementary").get_by_role("button", name="Archive").click()
    page.get_by_role("dialog").get_by_role("button", name="Archive").click()
    expect(page.get_by_text("Archived. Saved playbooks keep their copy.")).to_be_visible()
    assert "Old habit" not in rows(page)
    page.get_by_label("archived").check()
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("row", name=re.compile("Old habit")).get_by_role("button", name="Restore").click()
    expect(page.get_by_text("The command is back.")).to_be_visible()
    expect(page.get_by_role("link", name="Old habit")).to_be_visible()
