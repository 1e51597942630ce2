"""Leases: who may still say something, who is silent, and which pauses are forgiven."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.core.lease import (
    MAX_RETURNS,
    Periods,
    Standing,
    after_unstarted_expiry,
    is_silent,
    standing,
    sweep_gap_ms,
)
from rackhand.core.states import DEVICE_RUN, DeviceRunStatus

D = DeviceRunStatus


@pytest.mark.parametrize("status", DeviceRunStatus)
def test_how_a_lease_stands(status: DeviceRunStatus) -> None:
    is_open = status in DEVICE_RUN.open

    assert standing(status, None) is (Standing.LIVE if is_open else Standing.FENCED)
    assert standing(status, 9) is (Standing.LIVE if is_open else Standing.ENDED)


def test_a_device_run_that_is_never_started_is_lost_with_its_third_lease() -> None:
    """`epoch` counts the leases given so far, the one that ran out included."""
    assert MAX_RETURNS == 3
    assert [after_unstarted_expiry(epoch) for epoch in (1, 2, 3, 4)] == [D.QUEUED, D.QUEUED, D.QUEUED, D.LOST]


@pytest.mark.parametrize(
    ("last_seen_at", "resumed_at", "now", "is_it"),
    [
        (1000, None, 1045, False),
        (1000, None, 1046, True),
        (1000, 1040, 1046, False),
        (1000, 1040, 1086, True),
        (1040, 1000, 1046, False),
        (None, None, 46, True),
        (None, 1000, 1045, False),
        (2000, None, 1000, False),
    ],
)
def test_silence_counts_from_the_last_proof(
    last_seen_at: int | None, resumed_at: int | None, now: int, is_it: bool
) -> None:
    assert is_silent(last_seen_at, resumed_at, now, 45) is is_it


@pytest.mark.parametrize(
    ("last", "now", "gap"),
    [(None, 10**6, None), (1000, 1000, None), (1000, 6000, None), (1000, 6001, 5001), (1000, 999, -1)],
)
def test_only_long_pauses_and_jumps_back_are_forgiven(last: int | None, now: int, gap: int | None) -> None:
    assert sweep_gap_ms(last, now, 5000) == gap


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_a_gap_is_what_lies_between(last: int, now: int) -> None:
    assert sweep_gap_ms(last, now, 5000) in (None, now - last)


def test_the_periods_are_those_of_the_design() -> None:
    periods = Periods()

    assert (periods.lease_ms, periods.beat_ms, periods.node_gone_ms) == (30_000, 10_000, 45_000)
    assert (periods.sweep_gap_ms, periods.scan_deadline_ms, periods.upload_window_ms) == (5_000, 60_000, 86_400_000)
    assert periods.beat_ms * 2 < periods.lease_ms < periods.node_gone_ms
