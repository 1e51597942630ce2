"""Roll-up: what the device runs of a run make of the run."""

from collections.abc import Mapping

from rackhand.core.states import DEVICE_RUN, DeviceRunStatus, RunStatus

_OPEN = tuple(sorted(DEVICE_RUN.open))


def empty_counts() -> dict[str, int]:
    """One key per device-run status, zeros included, plus `total`."""
    return {status.value: 0 for status in DeviceRunStatus} | {"total": 0}


def roll_up(counts: Mapping[str, int], *, is_stopped: bool) -> RunStatus | None:
    """The final status of a run with these counts, or None while a device run is open."""
    if any(counts[status] for status in _OPEN):
        return None
    if is_stopped:
        return RunStatus.STOPPED
    if counts["total"] and counts[DeviceRunStatus.SUCCEEDED] == counts["total"]:
        return RunStatus.SUCCEEDED
    return RunStatus.PARTIAL if counts[DeviceRunStatus.SUCCEEDED] else RunStatus.FAILED


def open_status(counts: Mapping[str, int], *, is_stopped: bool) -> RunStatus:
    """The status of an unfinished run: queued until its first device run has moved."""
    if is_stopped:
        return RunStatus.STOPPING
    has_moved = counts["total"] - counts[DeviceRunStatus.QUEUED] - counts[DeviceRunStatus.SKIPPED_OFFLINE] > 0
    return RunStatus.RUNNING if has_moved else RunStatus.QUEUED
