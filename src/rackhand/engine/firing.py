"""Firing: due times of schedules become runs, each exactly once, whichever replica looks first.

One transaction per schedule: the claim (`next_at` moves on from the value that was read), one row per due time (its key
refuses a second one) and the runs. If the process dies in between, none of it happened, and the next pass does it.
A run that cannot be made is a row that says why.
"""

from dataclasses import dataclass, field

from rackhand.core import reasons
from rackhand.core.clock import Millis, to_rfc3339
from rackhand.core.errors import RackhandError
from rackhand.core.schedule import Due, FiringState, decide, may_start
from rackhand.engine import runs, schedules, zones
from rackhand.engine.runs import Origin
from rackhand.store import firings
from rackhand.store import schedules as rows
from rackhand.store.db import Tx
from rackhand.store.firings import FiringRow
from rackhand.store.schedules import ScheduleRow

_LONGEST = 500


@dataclass(slots=True)
class Fired:
    """What one transaction did: runs that were made, times that were decided, nodes to wake."""

    runs: list[str] = field(default_factory=list)
    times: int = 0
    wake: set[str] = field(default_factory=set)


def list_due(tx: Tx) -> list[str]:
    """Ids of schedules whose next time has come."""
    return rows.due(tx)


def list_ready(tx: Tx) -> list[str]:
    """Ids of schedules that have a time waiting, and no open run or no permission to fire any more."""
    waiting = {row.schedule_id for row in firings.waiting(tx)}
    return [each for each in sorted(waiting) if not firings.is_busy(tx, each) or _is_paused(tx, each)]


def _is_paused(tx: Tx, schedule_id: str) -> bool:
    row = rows.get(tx, schedule_id)
    return row is None or not row.is_enabled


def fire(tx: Tx, schedule_id: str, grace_ms: int, refusal: str | None = None) -> Fired:
    """Decide every time of a schedule that has come; nothing if another replica did. `refusal`: why no run may start
    on this server, such as a full disk."""
    fired = Fired()
    row = rows.get(tx, schedule_id)
    if row is None or not row.is_enabled or row.next_at is None or row.next_at > tx.now:
        return fired
    due = decide(row.cron, zones.of(row.time_zone), row.next_at, tx.now, grace_ms, row.misfire)
    if not rows.claim(tx, row, due.next_at):
        return fired
    firings.add(tx, [_missed(tx, row, due, at, grace_ms) for at in due.missed])
    fired.times = len(due.missed) + len(due.fire)
    for at in due.fire:
        _fire_one(tx, row, at, fired, refusal)
    return fired


def _missed(tx: Tx, row: ScheduleRow, due: Due, at: Millis, grace_ms: int) -> FiringRow:
    if at == due.missed[0] and due.unlisted_until is not None:
        reason = reasons.TIMES_MISSED.format(at=to_rfc3339(due.unlisted_until))
    else:
        reason = reasons.TIME_MISSED.format(n=grace_ms // 1000)
    return FiringRow(row.id, at, FiringState.MISSED, None, reason, tx.now)


def _fire_one(tx: Tx, row: ScheduleRow, at: Millis, fired: Fired, refusal: str | None) -> None:
    is_waiting = bool(firings.waiting(tx, row.id))
    state = may_start(row.overlap, firings.is_busy(tx, row.id), is_waiting)
    if state is FiringState.STARTED:
        run_id, reason = _start(tx, row, fired, refusal)
        state = FiringState.FAILED if run_id is None else state
    else:
        run_id = None
        reason = reasons.WAITS_FOR_RUN if state is FiringState.WAITING else _skipped(is_waiting)
    firings.add(tx, [FiringRow(row.id, at, state, run_id, reason, tx.now)])
    _note(tx, row, at, run_id, state, reason)


def _skipped(is_waiting: bool) -> str:
    return reasons.ONE_WAITS if is_waiting else reasons.RUN_UNDER_WAY


def _note(tx: Tx, row: ScheduleRow, at: Millis, run_id: str | None, state: FiringState, reason: str | None) -> None:
    """Keep with the schedule what its newest time came to."""
    values = {"last_at": at, "last_error_message": reason if state is FiringState.FAILED else None}
    rows.change(tx, row.id, values | ({"last_run_id": run_id} if run_id else {}))


def _start(tx: Tx, row: ScheduleRow, fired: Fired, refusal: str | None) -> tuple[str | None, str | None]:
    """(id of the run, None), or (None, why there is none)."""
    if refusal is not None:
        return None, refusal[:_LONGEST]
    sealed = rows.secrets_of(tx, row.id)
    origin = Origin("schedule", f"schedule:{row.title}", title=row.title, sealed=sealed)
    told = len(tx.facts)
    try:
        with tx.conn.begin_nested():
            created = runs.create_run(tx, schedules.request_of(row, sealed), origin)
    except RackhandError as error:
        del tx.facts[told:]
        return None, str(error.detail)[:_LONGEST]
    fired.runs.append(created.view.id)
    fired.wake |= created.wake
    return created.view.id, None


def start_waiting(tx: Tx, schedule_id: str, refusal: str | None = None) -> Fired:
    """Start the time of a schedule that waits, if no run of it is open any more; nothing if another replica did."""
    fired = Fired()
    row = rows.get(tx, schedule_id, for_update=True)
    waiting = firings.waiting(tx, schedule_id)
    if row is None or not waiting:
        return fired
    first = waiting[0]
    if not row.is_enabled:
        fired.times += firings.settle(tx, first, FiringState.SKIPPED, reason=reasons.PAUSED_MEANWHILE)
    elif not firings.is_busy(tx, schedule_id) and firings.take(tx, first):
        run_id, reason = _start(tx, row, fired, refusal)
        state = FiringState.FAILED if run_id is None else FiringState.STARTED
        firings.settle(tx, first, state, run_id=run_id, reason=reason)
        _note(tx, row, first.due_at, run_id, state, reason)
        fired.times += 1
    return fired
