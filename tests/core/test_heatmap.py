"""Heatmap: one hex digit per tile."""

import pytest

from rackhand.core.heatmap import Activity, activity, code, pack
from rackhand.core.states import DeviceRunStatus

SHOWN = {
    None: 0,
    "queued": 0,
    "running": 1,
    "waiting": 2,
    "succeeded": 4,
    "failed": 3,
    "stopped": 0,
    "lost": 3,
    "skipped_offline": 0,
}


@pytest.mark.parametrize("status", [None, *DeviceRunStatus])
def test_every_status_has_its_activity(status: DeviceRunStatus | None) -> None:
    assert activity(status) == SHOWN[status]


@pytest.mark.parametrize("shown", Activity)
def test_online_is_the_fourth_bit(shown: Activity) -> None:
    assert code(False, shown) == shown.value
    assert code(True, shown) == 8 + shown.value


def test_a_fleet_is_a_line_of_hex_digits() -> None:
    assert pack([]) == ""
    assert pack([code(True, Activity.IDLE), code(True, Activity.RUNNING), code(False, Activity.ERROR)]) == "893"
    assert pack(range(16)) == "0123456789abcdef"


def test_every_tile_can_be_read_back() -> None:
    tiles = [(is_online, shown) for is_online in (False, True) for shown in Activity]

    packed = pack(code(*tile) for tile in tiles)

    assert [(int(digit, 16) >= 8, int(digit, 16) & 7) for digit in packed] == tiles


@pytest.mark.parametrize("wrong", [16, 99])
def test_a_code_beyond_a_digit_is_a_bug(wrong: int) -> None:
    with pytest.raises(IndexError):
        pack([wrong])
