"""A rollout on its page: bars of the waves, why it halted, and the button that lets it go on."""

from playwright.sync_api import expect
from tests.browser.axe import judge
from tests.browser.conftest import Visit
from tests.browser.happenings import halted_rollout

from rackhand.server.fake_site import Site


def test_a_halted_rollout_is_resumed_from_its_page(site: Site, visit: Visit) -> None:
    run_id = halted_rollout(site)
    page = visit("/")
    page.get_by_text("the rollout of run 'New firmware' halted in wave 1").wait_for()
    page = visit(f"/runs/{run_id}")
    box = page.get_by_role("region", name="Rollout")
    expect(box.locator(".chip")).to_have_text("Halted")
    expect(box).to_contain_text("1 of 1 devices of the open waves failed; at most 20 % may")
    expect(box.locator(".waves li")).to_have_count(3)
    expect(box.locator(".waves li.closed")).to_have_count(2)
    judge(page)

    box.get_by_role("button", name="Resume").click()
    expect(box.locator(".chip")).to_have_text("Rolling out")
    expect(box.locator(".waves li.closed")).to_have_count(1)
    expect(box.get_by_role("button", name="Resume")).to_have_count(0)

    box.get_by_role("button", name="Abort").click()
    page.get_by_role("dialog").get_by_role("button", name="Abort").click()
    expect(box.locator(".chip")).to_have_text("Aborted")
    expect(page.locator(".run-head .chip")).to_have_text("Stopped")


def test_the_builder_shows_the_devices_of_each_wave(site: Site, visit: Visit) -> None:
    page = visit("/playbooks/builder", language="ko")
    page.get_by_text("단계별로 배포").click()
    page.get_by_label("단계별로 실행").check()
    page.get_by_label("차수별 도달 범위").fill("2, 50%")
    expect(page.locator(".plan-waves li")).to_have_count(3)
    expect(page.locator(".plan-waves li").first).to_contain_text("1차")
    judge(page)
