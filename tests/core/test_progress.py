"""Roll-up: what DESIGN section 3 says about every mix of device runs."""

from itertools import product

import pytest

from rackhand.core.progress import empty_counts, open_status, roll_up
from rackhand.core.states import DEVICE_RUN, RUN, DeviceRunStatus, RunStatus

D, R = DeviceRunStatus, RunStatus


def counts(**given: int) -> dict[str, int]:
    return empty_counts() | given | {"total": sum(given.values())}


def all_small_counts() -> list[dict[str, int]]:
    """Every mix with 0, 1 or 2 device runs of each status: 3 ** 8."""
    names = [status.value for status in D]
    return [counts(**dict(zip(names, mix, strict=True))) for mix in product(range(3), repeat=len(names))]


def test_empty_counts_have_every_status_and_the_total() -> None:
    assert empty_counts() == {status.value: 0 for status in D} | {"total": 0}


def test_every_small_mix() -> None:
    for mix in all_small_counts():
        is_open = any(mix[status] for status in (D.QUEUED, D.RUNNING, D.WAITING))
        is_all_good = mix["total"] > 0 and mix["succeeded"] == mix["total"]
        expected = R.SUCCEEDED if is_all_good else R.PARTIAL if mix["succeeded"] else R.FAILED

        assert roll_up(mix, is_stopped=False) is (None if is_open else expected)
        assert roll_up(mix, is_stopped=True) is (None if is_open else R.STOPPED)


def test_an_open_mix_has_an_open_status_and_a_final_one_a_final() -> None:
    for mix in all_small_counts():
        status = roll_up(mix, is_stopped=False)
        if status is None:
            assert open_status(mix, is_stopped=False) in (R.QUEUED, R.RUNNING)
            assert open_status(mix, is_stopped=True) is R.STOPPING
            assert any(mix[open_one] for open_one in DEVICE_RUN.open)
        else:
            assert RUN.is_final(status)


@pytest.mark.parametrize(
    ("mix", "status"),
    [
        (counts(), R.FAILED),
        (counts(skipped_offline=3), R.FAILED),
        (counts(lost=1, stopped=1), R.FAILED),
        (counts(succeeded=18, skipped_offline=1, failed=1), R.PARTIAL),
        (counts(succeeded=20), R.SUCCEEDED),
    ],
)
def test_known_runs(mix: dict[str, int], status: RunStatus) -> None:
    assert roll_up(mix, is_stopped=False) is status


def test_a_run_is_queued_until_its_first_device_run_has_moved() -> None:
    assert open_status(counts(queued=2, skipped_offline=1), is_stopped=False) is R.QUEUED
    assert open_status(counts(queued=2, running=1), is_stopped=False) is R.RUNNING
    assert open_status(counts(queued=2, failed=1), is_stopped=False) is R.RUNNING
