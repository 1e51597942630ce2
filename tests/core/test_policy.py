"""Policy: the defaults of DESIGN section 4, and what follows from every possible end of an attempt."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.core.assets import Effect
from rackhand.core.errors import Invalid
from rackhand.core.policy import (
    POLICY,
    AttemptEnd,
    Next,
    OnFailure,
    Policy,
    backoff_ms,
    decide,
    is_online,
    step_deadline_ms,
)
from rackhand.core.schema import parse
from rackhand.core.states import STEP, StepStatus

DEFAULTS = {
    "concurrency": 1,
    "grace_wait_ms": 15_000,
    "online_window_s": 30,
    "timeout_ms": 90_000,
    "retry_count": 0,
    "offline": "skip",
    "deadline_s": 86_400,
}
SETTLED = {OnFailure.STOP_DEVICE: Next.FAIL_DEVICE, OnFailure.CONTINUE: Next.WARN, OnFailure.STOP_RUN: Next.STOP_RUN}


def test_an_empty_policy_has_every_default() -> None:
    checked = parse(POLICY, {})

    assert checked == DEFAULTS
    assert Policy.of(checked) == Policy()
    assert Policy().as_json() == DEFAULTS


@pytest.mark.parametrize(("offline", "wait_ms"), [("skip", None), ({"wait_s": 0}, 0), ({"wait_s": 90}, 90_000)])
def test_how_long_an_offline_device_stays_queued(offline: Any, wait_ms: int | None) -> None:
    policy = Policy.of(parse(POLICY, {"offline": offline, "concurrency": 20}))

    assert policy.offline_wait_ms == wait_ms
    assert policy.concurrency == 20
    assert Policy.of(policy.as_json()) == policy


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("concurrency", 0, "/concurrency"),
        ("grace_wait_ms", -1, "/grace_wait_ms"),
        ("online_window_s", 0, "/online_window_s"),
        ("timeout_ms", 0, "/timeout_ms"),
        ("retry_count", 101, "/retry_count"),
        ("retry_count", None, "/retry_count"),
        ("offline", "wait", "/offline"),
        ("offline", {"wait_s": -1}, "/offline/wait_s"),
        ("deadline_s", 0, "/deadline_s"),
        ("grace", 1, "/grace"),
    ],
)
def test_each_field_is_checked(field: str, value: Any, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(POLICY, {field: value})

    assert [error.path for error in refused.value.errors] == [path]


def ends() -> list[AttemptEnd]:
    """Every combination, with 1..3 attempts against a budget of 0..1 retries."""
    facts = product(sorted(STEP.final), (1, 2, 3), (0, 1), Effect, OnFailure, (True, False), (True, False))
    return [AttemptEnd(*fact) for fact in facts]


def expected(end: AttemptEnd) -> Next:
    """DESIGN's rules, one a line, in the words of DESIGN."""
    if end.status in ("succeeded", "skipped"):
        return Next.ADVANCE
    if not end.is_device_back:
        return Next.FAIL_DEVICE  # not recovered: fails whatever on_failure says
    if end.effect == "once" and end.status in ("timed_out", "aborted"):
        return SETTLED[end.on_failure]  # unknown outcome: never repeated by itself
    if end.is_restart:
        return Next.RETRY  # one more attempt, not charged to retry_count
    has_budget = end.attempts_charged - 1 < end.retry_count
    return Next.RETRY if has_budget else SETTLED[end.on_failure]


@pytest.mark.parametrize("status", sorted(STEP.final))
def test_every_end_of_an_attempt(status: StepStatus) -> None:
    table = [end for end in ends() if end.status is status]

    assert [decide(end) for end in table] == [expected(end) for end in table]
    assert len(table) == 144


@pytest.mark.parametrize("status", [StepStatus.TIMED_OUT, StepStatus.ABORTED])
def test_a_once_step_of_unknown_outcome_is_never_repeated(status: StepStatus) -> None:
    answers = {decide(end) for end in ends() if end.status is status and end.effect is Effect.ONCE}

    assert Next.RETRY not in answers
    assert Next.ADVANCE not in answers


def test_pauses_double_from_a_second_to_a_minute() -> None:
    assert [backoff_ms(n) for n in (1, 2, 3, 6, 7, 8, 100)] == [1000, 2000, 4000, 32_000, 60_000, 60_000, 60_000]


@pytest.mark.parametrize(
    ("timeout", "retries", "grace", "deadline"),
    [(90_000, 0, 15_000, 105_000), (1000, 1, 100, 3200), (1000, 3, 0, 4000 + 7000), (1, 8, 0, 9 + 63_000 + 120_000)],
)
def test_the_longest_that_a_step_may_take(timeout: int, retries: int, grace: int, deadline: int) -> None:
    assert step_deadline_ms(timeout, retries, grace) == deadline


@given(st.integers(1, 10**6), st.integers(0, 100), st.integers(0, 10**6))
def test_a_step_deadline_leaves_room_for_every_attempt(timeout: int, retries: int, grace: int) -> None:
    every_attempt = (retries + 1) * (timeout + grace) + sum(backoff_ms(n + 1) for n in range(retries))

    assert step_deadline_ms(timeout, retries, grace) == every_attempt


@pytest.mark.parametrize(
    ("last_seen_at", "is_probe_good", "is_it"),
    [(70_000, True, True), (69_999, True, False), (100_000, False, False), (None, True, False), (100_001, True, True)],
)
def test_online_needs_a_reporting_node_and_a_good_probe(
    last_seen_at: int | None, is_probe_good: bool, is_it: bool
) -> None:
    assert is_online(last_seen_at, is_probe_good, now=100_000, online_window_s=30) is is_it
