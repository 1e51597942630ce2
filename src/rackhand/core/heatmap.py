"""Heatmap cells: one hex digit per device, `online << 3 | activity`."""

from collections.abc import Iterable
from enum import IntEnum

from rackhand.core.states import DeviceRunStatus


class Activity(IntEnum):
    """The border of a tile."""

    IDLE = 0
    RUNNING = 1
    WAITING = 2
    ERROR = 3
    DONE = 4


_ACTIVITY = {
    DeviceRunStatus.QUEUED: Activity.IDLE,
    DeviceRunStatus.RUNNING: Activity.RUNNING,
    DeviceRunStatus.WAITING: Activity.WAITING,
    DeviceRunStatus.SUCCEEDED: Activity.DONE,
    DeviceRunStatus.FAILED: Activity.ERROR,
    DeviceRunStatus.STOPPED: Activity.IDLE,
    DeviceRunStatus.LOST: Activity.ERROR,
    DeviceRunStatus.SKIPPED_OFFLINE: Activity.IDLE,
}


def activity(status: DeviceRunStatus | None) -> Activity:
    """The activity that a device's last device run shows; none is idle."""
    return Activity.IDLE if status is None else _ACTIVITY[status]


def code(is_online: bool, shown: int) -> int:
    """0..15 for one tile."""
    return int(is_online) << 3 | shown


def pack(codes: Iterable[int]) -> str:
    """One hex digit per device, in the order of the layout."""
    return "".join("0123456789abcdef"[value] for value in codes)
