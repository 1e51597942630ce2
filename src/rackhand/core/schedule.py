"""Schedules: what becomes of each time that has come due. Pure: the time, the zone and the schedule are arguments.

Every due time is decided once: it fires, or it is missed (later than the grace), or it is skipped since an earlier run
is still under way. Nobody forgets one: what is missed is named, up to a limit, and the limit is named too.
"""

from collections import deque
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from itertools import takewhile

from rackhand.core.clock import Millis
from rackhand.core.cron import times_after

SHOWN_MISSED = 100
LOOK_BACK_MS = 604_800_000
"""After a longer pause, times before it are missed as one."""


class Misfire(StrEnum):
    """What is made up for when times were missed: nothing, or the newest one."""

    SKIP = "skip"
    ONCE = "once"


class Overlap(StrEnum):
    """What happens to a time that comes while a run of the schedule is still under way."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"


class FiringState(StrEnum):
    """What became of a due time."""

    STARTED = "started"
    WAITING = "waiting"
    SKIPPED = "skipped"
    MISSED = "missed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Due:
    """`fire`: times that a run is made for. `missed`: those that get a row; if `unlisted_until` is given, more were
    missed between the first of them and it. `next_at` is the first time still to come."""

    fire: tuple[Millis, ...]
    missed: tuple[Millis, ...]
    unlisted_until: Millis | None
    next_at: Millis | None


def decide(expression: str, zone: tzinfo, due_at: Millis, now: Millis, grace_ms: int, misfire: Misfire) -> Due:
    """What to do about `due_at` and the times after it up to `now`."""
    resume = max(due_at, now - LOOK_BACK_MS)
    upcoming = times_after(expression, zone, resume)
    later = deque[Millis](maxlen=SHOWN_MISSED)
    count = 0
    next_at = None
    for at in upcoming:
        if at > now:
            next_at = at
            break
        later.append(at)
        count += 1
    known = (due_at, *later)
    on_time = tuple(at for at in known if now - at <= grace_ms)
    late = tuple(takewhile(lambda at: now - at > grace_ms, known))
    if misfire is Misfire.ONCE and late and not on_time:
        on_time, late = (late[-1],), late[:-1]
    is_short = resume > due_at or count > len(later)
    unlisted_until = known[1] if is_short and len(known) > 1 else resume if is_short else None
    return Due(on_time, late, unlisted_until, next_at)


def may_start(overlap: Overlap, is_busy: bool, is_waiting: bool) -> FiringState:
    """What becomes of a time that fires: `is_busy` while a run of the schedule is open, `is_waiting` if another time
    waits for its end already."""
    if overlap is Overlap.ALLOW or not is_busy:
        return FiringState.STARTED
    if overlap is Overlap.QUEUE and not is_waiting:
        return FiringState.WAITING
    return FiringState.SKIPPED
