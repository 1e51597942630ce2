"""Tiles: what they say, how the keyboard moves over them, and that a poll changes them and nothing else."""

import re

from playwright.sync_api import Locator, Page, expect
from tests.browser.conftest import Visit
from tests.browser.happenings import lose
from tests.browser.pace import own_time, poll

from rackhand.engine.fake import Lab
from rackhand.server.fake_site import Site


def tile(page: Page, index: int) -> Locator:
    return page.locator(f"device-heatmap a[data-i='{index}']")


def test_a_poll_changes_the_tile_and_what_it_says(site: Site, visit: Visit) -> None:
    lose(site, 19, 20)
    page = visit("/devices", before=own_time)
    expect(tile(page, 5)).to_have_accessible_name("5 · online · done")
    offline = page.locator("[data-count=offline]")
    expect(offline).to_have_text("2")

    lose(site, 5, 19, 20)
    poll(page)

    expect(tile(page, 5)).to_have_accessible_name("5 · offline · done")
    expect(tile(page, 5)).to_have_attribute("data-c", "4")
    expect(tile(page, 6)).to_have_accessible_name("6 · online · done")
    expect(offline).to_have_text("3")
    expect(page.get_by_role("region", name="PC-01").locator("[data-online]")).to_have_text("17")


def test_a_poll_brings_what_changed_since_the_one_before(site: Site, visit: Visit) -> None:
    lose(site, 19, 20)
    page = visit("/devices", before=own_time)
    assert poll(page).status == 304
    for lost, position in ((5, 4), (6, 5)):
        lose(site, lost, 19, 20)
        answer = poll(page).json()
        back = {5: [], 6: [[4, 0b1100]]}[lost]
        assert (answer["full"], answer["packed"], answer["changed"]) == (False, "", [*back, [position, 0b0100]])
        expect(tile(page, lost)).to_have_accessible_name(f"{lost} · offline · done")
    expect(tile(page, 5)).to_have_accessible_name("5 · online · done")


def test_what_one_is_doing_survives_polls(site: Site, visit: Visit) -> None:
    page = visit("/devices", before=own_time)
    tile(page, 7).click()
    drawer = page.get_by_role("complementary", name="Details")
    expect(drawer.get_by_role("heading", name="Device 7")).to_be_visible()
    page.get_by_role("group", name="Filter by state").get_by_role("button", name="Error").click()
    page.get_by_role("button", name="Compact").click()
    drawer.get_by_text("Label, labels, number").click()
    label = drawer.get_by_label("Label", exact=True)
    label.fill("not sent yet")

    lose(site, 7, 8)
    poll(page)
    expect(tile(page, 7)).to_have_accessible_name(re.compile("offline"))
    page.clock.run_for(3_000)  # the drawer asks for itself
    expect(drawer.locator(".chip[data-status=offline]")).to_be_visible()

    expect(label).to_have_value("not sent yet")
    expect(label).to_be_focused()
    expect(tile(page, 7)).to_have_attribute("aria-current", "true")
    heatmap = page.locator("device-heatmap")
    expect(heatmap).to_have_attribute("data-only", "error")
    expect(heatmap).to_have_attribute("data-density", "compact")
    expect(page).to_have_url(re.compile("/devices/7$"))


def test_arrows_move_over_the_tiles(site: Site, visit: Visit) -> None:
    page = visit("/devices")
    tile(page, 1).focus()
    for key, index in (("ArrowRight", 2), ("ArrowDown", 12), ("ArrowLeft", 11), ("ArrowUp", 1), ("ArrowLeft", 1)):
        page.keyboard.press(key)
        expect(tile(page, index)).to_be_focused()
    page.keyboard.press("End")
    expect(tile(page, 30)).to_be_focused()
    page.keyboard.press("Home")
    expect(tile(page, 1)).to_be_focused()
    expect(page.locator("device-heatmap a[tabindex='0']")).to_have_count(1)


def test_e_goes_from_error_to_error(site: Site, visit: Visit) -> None:
    page = visit("/devices")
    tile(page, 1).focus()
    for index in (3, 7, 11, 3):
        page.keyboard.press("e")
        expect(tile(page, index)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Device 3")).to_be_visible()


def test_only_one_tile_is_a_tab_stop_and_it_is_the_one_that_was_left(site: Site, visit: Visit) -> None:
    page = visit("/devices")
    tile(page, 1).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(tile(page, 2)).to_be_focused()


def test_the_legend_filters(site: Site, visit: Visit) -> None:
    page = visit("/devices")
    error = page.get_by_role("button", name=re.compile("^Error"))
    error.click()
    expect(error).to_have_attribute("aria-pressed", "true")
    expect(tile(page, 3)).to_have_css("opacity", "1")
    expect(tile(page, 4)).to_have_css("opacity", "0.18")
    error.click()
    expect(error).to_have_attribute("aria-pressed", "false")
    expect(tile(page, 4)).to_have_css("opacity", "1")


def test_a_new_layout_draws_the_racks_anew(site: Site, visit: Visit) -> None:
    page = visit("/devices", before=own_time)
    tile(page, 3).click()
    expect(page.get_by_role("heading", name="Device 3")).to_be_visible()
    expect(tile(page, 31)).to_have_count(0)

    site.do(_third_node)
    poll(page)

    expect(page.get_by_role("region", name="PC-03")).to_be_visible()
    expect(tile(page, 33)).to_have_accessible_name("33 · online · idle")
    expect(tile(page, 3)).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("heading", name="Device 3")).to_be_visible()
    lose(site, 2)
    poll(page)
    expect(tile(page, 2)).to_have_accessible_name(re.compile("^2 · offline"))
    tile(page, 33).click()
    expect(page.get_by_role("heading", name="Device 33")).to_be_visible()


async def _third_node(lab: Lab) -> None:
    await lab.node("PC-03", 3)
