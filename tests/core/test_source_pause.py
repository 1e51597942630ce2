"""A source that refuses or fails is left alone, longer each time; one channel's fault delays no other."""

import pytest

from rackhand.core.quota import HOUR_MS, LONGEST_MS, MINUTE_MS, resets_at
from rackhand.core.source_pause import pause, retry_after
from rackhand.core.video_answers import Verdict

NOW = 1_795_900_000_000


@pytest.mark.parametrize("verdict", [Verdict.FINE, Verdict.UNCHANGED, Verdict.NOT_THERE])
def test_a_source_that_answers_is_not_left_alone(verdict: Verdict) -> None:
    assert pause(verdict, "", 3, NOW) is None


def test_a_spent_quota_comes_back_at_midnight_and_a_refused_key_is_tried_every_hour() -> None:
    spent, refused = pause(Verdict.QUOTA_SPENT, "", 0, NOW), pause(Verdict.KEY_REFUSED, "API key expired", 9, NOW)
    assert spent is not None
    assert refused is not None
    assert (spent.until, refused.until) == (resets_at(NOW), NOW + HOUR_MS)
    assert "API key expired" in refused.reason


def test_failures_double_the_pause_up_to_a_bound() -> None:
    def waits(verdict: Verdict) -> list[int]:
        found = (pause(verdict, "status 503", failures, NOW) for failures in (0, 1, 2, 50))
        return [each.until - NOW for each in found if each is not None]

    assert waits(Verdict.FAILING) == [MINUTE_MS // 2, MINUTE_MS, 2 * MINUTE_MS, HOUR_MS // 4]
    assert waits(Verdict.TOO_FAST) == [MINUTE_MS, 2 * MINUTE_MS, 4 * MINUTE_MS, HOUR_MS]


def test_a_channel_that_fails_is_asked_later_each_time() -> None:
    waits = [retry_after(3 * MINUTE_MS, failures) for failures in (1, 2, 30)]
    assert waits == [6 * MINUTE_MS, 12 * MINUTE_MS, LONGEST_MS]
    assert retry_after(2 * LONGEST_MS, 1) == 2 * LONGEST_MS
