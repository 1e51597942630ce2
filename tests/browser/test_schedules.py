"""Making a schedule in a browser: the next five times while one types, and the page that it ends on, with history."""

from playwright.sync_api import expect
from tests.browser.axe import judge
from tests.browser.conftest import Visit
from tests.browser.happenings import playbook_named

from rackhand.server.fake_site import Site


def test_a_schedule_is_made_with_its_next_times_in_view(site: Site, visit: Visit) -> None:
    start = f"/playbooks/{playbook_named(site, 'By the clock')}"
    page = visit(start, language="ko", expected="422", timezone_id="Asia/Tokyo")
    page.get_by_role("link", name="예약하기").click()
    expect(page.get_by_label("시간대")).to_have_value("Asia/Tokyo")
    page.get_by_label("제목").fill("매일 아침")
    page.get_by_label("cron 식").fill("61 9 * * *")
    expect(page.locator("#next-times")).to_contain_text("분 값을 읽을 수 없습니다")
    page.get_by_label("cron 식").fill("0 9 * * MON-FRI")
    expect(page.locator("#next-times li")).to_have_count(5)
    expect(page.locator("#next-times li").first).to_contain_text("09:00 JST")
    judge(page)
    page.get_by_label("시간대").fill("Mars/Olympus")
    page.get_by_role("button", name="저장").click()
    expect(page.locator('[data-field="/time_zone"] .field-error')).to_contain_text("시간대가 아닙니다")
    expect(page.locator(".toast")).to_contain_text("고칠 필드에 표시했습니다")
    page.get_by_label("시간대").fill("Asia/Seoul")
    page.get_by_label("시간대").press("Enter")
    page.wait_for_url("**/schedules/0*")
    expect(page.locator(".next-times li")).to_have_count(5)
    page.get_by_role("button", name="일시 중지").click()
    expect(page.locator(".head .chip")).to_contain_text("일시 중지됨")
    page.get_by_role("button", name="삭제").click()
    page.get_by_role("dialog").get_by_role("button", name="삭제").click()
    page.wait_for_url("**/schedules")
