"""The builder: the order that is shown is the order that is sent, by mouse, keyboard and buttons; chances in words."""

import re
from urllib.parse import parse_qsl

from playwright.sync_api import Locator, Page, expect
from tests.browser.conftest import Visit

from rackhand.engine import playbooks, run_views
from rackhand.engine.fake import Lab
from rackhand.server.fake_site import Site

BUILDER = "/playbooks/builder"


def made(site: Site, *commands: str) -> str:
    """A playbook of shell steps, each named by what it says: its id."""
    steps = [{"kind": "shell", "params": {"command": f"echo {name}"}} for name in commands]
    return site.do(lambda lab: lab.playbook(*steps, title="In order"))


def is_shown(page: Page, *names: str) -> None:
    expect(page.locator("li.step .what code")).to_have_text([f"echo {name}" for name in names])
    expect(page.locator("li.step .n")).to_have_text([str(n + 1) for n in range(len(names))])


def saved(page: Page) -> dict[str, str]:
    """Press Save: the fields that were sent."""
    with page.expect_response(lambda answer: answer.ok and answer.url.endswith("/playbooks")) as sent:
        page.get_by_role("button", name="Save", exact=True).click()
    return dict(parse_qsl(sent.value.request.post_data or "", keep_blank_values=True))


def steps_of(site: Site, playbook_id: str) -> list[str]:
    async def read(lab: Lab) -> list[str]:
        view = await lab.db.read(playbooks.get_playbook, playbook_id)
        return [str(step.params["command"]).removeprefix("echo ") for step in view.steps]

    return site.do(read)


def rows(page: Page) -> Locator:
    return page.locator("li.step")


def grip(page: Page, row: int) -> Locator:
    return page.locator("li.step .grip").nth(row)


def drag(page: Page, row: int, to: int) -> None:
    """By its grip, in small steps, to where the row at `to` is."""
    at, start, end = (each.bounding_box() for each in (grip(page, row), rows(page).nth(row), rows(page).nth(to)))
    assert at is not None
    assert start is not None
    assert end is not None
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + end["y"] - start["y"], steps=12)
    page.mouse.up()


def test_dragging_orders_and_the_order_shown_is_the_order_saved(site: Site, visit: Visit) -> None:
    playbook = made(site, "a", "b", "c", "d")
    page = visit(f"{BUILDER}?playbook={playbook}", height=1600, expected="404")
    is_shown(page, "a", "b", "c", "d")
    drag(page, 0, 2)
    is_shown(page, "b", "c", "a", "d")
    expect(page.locator("#announcer")).to_have_text("Moved to position 3")
    expect(grip(page, 2)).to_be_focused()
    drag(page, 3, 0)
    is_shown(page, "d", "b", "c", "a")
    expect(page.locator("li.step.dragged")).to_have_count(0)

    sent = saved(page)

    assert [sent[f"/steps/{n}/params/command"] for n in range(4)] == ["echo d", "echo b", "echo c", "echo a"]
    assert steps_of(site, playbook) == ["d", "b", "c", "a"]


def test_alt_arrows_and_buttons_order(site: Site, visit: Visit) -> None:
    playbook = made(site, "a", "b", "c")
    page = visit(f"{BUILDER}?playbook={playbook}", expected="404")
    grip(page, 0).focus()
    page.keyboard.press("Alt+ArrowDown")
    is_shown(page, "b", "a", "c")
    expect(grip(page, 1)).to_be_focused()
    page.keyboard.press("Alt+ArrowDown")
    page.keyboard.press("Alt+ArrowDown")  # it is the last one: nothing
    is_shown(page, "b", "c", "a")
    expect(page.locator("#announcer")).to_have_text("Moved to position 3")
    rows(page).nth(1).get_by_role("button", name="Move up").click()
    is_shown(page, "c", "b", "a")
    expect(rows(page).nth(0).get_by_role("button", name="Move up")).to_be_focused()
    rows(page).nth(0).get_by_role("button", name="Duplicate").click()
    is_shown(page, "c", "c", "b", "a")
    rows(page).nth(2).get_by_role("button", name="Delete").click()
    is_shown(page, "c", "c", "a")
    rows(page).nth(1).get_by_text("Parameters, time limit, retries").click()
    rows(page).nth(1).get_by_label("Shell command").fill("echo x")

    saved(page)

    assert steps_of(site, playbook) == ["c", "x", "a"]


def test_a_step_is_added_and_the_draft_survives_leaving(site: Site, visit: Visit) -> None:
    page = visit(BUILDER)
    page.get_by_label("Title", exact=True).fill("Half done")
    page.get_by_label("Command to add").select_option(index=0)
    page.get_by_role("button", name="Add step").click()
    expect(page.locator("li.step")).to_have_count(1)
    expect(page.locator("li.step input[type=range]")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("li.step output")).to_have_text("95%")

    page.goto("/runs")
    page.goto(BUILDER)

    expect(page.get_by_text("Changes that were not saved are back.")).to_be_visible()
    expect(page.get_by_label("Title", exact=True)).to_have_value("Half done")
    expect(page.locator("li.step output")).to_have_text("95%")
    page.get_by_role("button", name="Discard them").click()
    expect(page.get_by_label("Title", exact=True)).to_have_value("")
    expect(page.locator("li.step")).to_have_count(0)


def test_chances_are_told_in_devices(site: Site, visit: Visit) -> None:
    page = visit(f"{BUILDER}?playbook={made(site, 'a', 'b')}")
    facts = page.locator(".plan-facts dd")
    expect(facts.nth(0)).to_have_text("28")  # of 30 devices two are offline
    expect(facts.nth(1)).to_have_text("56")
    expect(page.locator(".left-out")).to_contain_text("2")
    slider, told = page.locator("li.step input[type=range]").first, page.locator("li.step .expected").first
    expect(told).to_have_text("all 28 devices")
    for share, text in (
        ("0.7", "about 20 of 28 devices (95%: 15–24)"),
        ("0.05", "about 1 of 28 devices (95%: 0–4)"),
        ("0", "no device"),
        ("0.5", "about 14 of 28 devices (95%: 9–19)"),
    ):
        slider.fill(share)
        expect(told).to_have_text(text)
    expect(facts.nth(1)).to_have_text("42")

    page.get_by_text("Numbers", exact=True).click()
    page.get_by_label("Device numbers").fill("1-10")
    expect(facts.nth(0)).to_have_text("10")
    expect(told).to_have_text("about 5 of 10 devices (95%: 2–8)")
    page.get_by_label("Device numbers").fill("1-")
    expect(page.locator(".problems")).to_be_visible()


def test_sending_twice_starts_one_run(site: Site, visit: Visit) -> None:
    page = visit(f"{BUILDER}?playbook={made(site, 'once')}")
    page.get_by_label("Title", exact=True).fill("Started once")
    page.get_by_role("button", name="Run now").dblclick()
    expect(page).to_have_url(re.compile("/runs/[0-9a-f-]+"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Started once")
    assert site.do(_runs_named_so) == 1


async def _runs_named_so(lab: Lab) -> int:
    found = await lab.db.read(run_views.list_runs, limit=50, after=None, filters={})
    return sum(run.title == "Started once" for run in found)


def test_errors_stand_at_their_fields_and_what_was_typed_stays(site: Site, visit: Visit) -> None:
    page = visit(f"{BUILDER}?playbook={made(site, 'a')}", expected="422")
    title = page.get_by_label("Title", exact=True)
    title.fill("")
    row = page.locator("li.step")
    row.get_by_text("Parameters, time limit, retries").click()
    row.get_by_label("Retries").fill("many")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(title).to_have_attribute("aria-invalid", "true")
    expect(title).to_be_focused()
    expect(row.get_by_label("Retries")).to_have_attribute("aria-invalid", "true")
    expect(row.get_by_label("Retries")).to_have_value("many")
    expect(page.locator(".field-error:visible")).to_have_count(2)
    expect(page.locator("#toasts .toast")).to_be_visible()
