"""Leases: one lease covers one device run; its token fences every fact that a node reports about it."""

from dataclasses import dataclass
from enum import StrEnum

from rackhand.core.clock import Millis
from rackhand.core.states import DEVICE_RUN, DeviceRunStatus

MAX_RETURNS = 3
"""How often a lease that nobody started goes back to the queue."""


@dataclass(frozen=True, slots=True)
class Periods:
    """Every period of the run loop; all are settings, so that tests run the same code with short ones."""

    lease_ms: int = 30_000
    beat_ms: int = 10_000
    node_gone_ms: int = 45_000
    sweep_ms: int = 1_000
    sweep_gap_ms: int = 5_000
    scan_deadline_ms: int = 60_000
    pull_wait_ms: int = 30_000
    upload_window_ms: int = 86_400_000
    activity_window_ms: int = 86_400_000
    probe_write_ms: int = 60_000


class Standing(StrEnum):
    """How a lease token stands to the device run that carries it."""

    LIVE = "live"
    ENDED = "ended"
    FENCED = "fenced"


def standing(status: DeviceRunStatus, finished_seq: int | None) -> Standing:
    """LIVE while open; ENDED when the node itself finished it; FENCED when the server closed it."""
    if not DEVICE_RUN.is_final(status):
        return Standing.LIVE
    return Standing.FENCED if finished_seq is None else Standing.ENDED


def after_unstarted_expiry(epoch: int) -> DeviceRunStatus:
    """A lease that ran out unstarted goes back to the queue, three times; then the device run is lost."""
    return DeviceRunStatus.QUEUED if epoch <= MAX_RETURNS else DeviceRunStatus.LOST


def is_silent(last_seen_at: Millis | None, resumed_at: Millis | None, now: Millis, limit_ms: int) -> bool:
    """Whether a node has been silent for longer than `limit_ms`, pauses of the servers left out."""
    proof = max(last_seen_at or 0, resumed_at or 0)
    return now - proof > limit_ms


def sweep_gap_ms(last_sweep_at: Millis | None, now: Millis, limit_ms: int) -> int | None:
    """The gap to forgive, if all servers were down, asleep, or the clock jumped; None for an ordinary pass."""
    if last_sweep_at is None:
        return None
    gap = now - last_sweep_at
    return gap if gap < 0 or gap > limit_ms else None
