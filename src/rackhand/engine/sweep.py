"""The sweep: every server runs it each second, and it closes whatever has passed its deadline in the database.

If all servers were down or asleep, or the clock jumped, the pass closes nothing and forgives the gap instead. If a
pass breaks, it is undone and made again with a savepoint for each rule, and for each run if a rule cannot close its
rows at once: what breaks is pushed away and reported.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import structlog

from rackhand.core import reasons
from rackhand.core.lease import Periods, after_unstarted_expiry, sweep_gap_ms
from rackhand.core.states import DeviceRunStatus, RunStatus
from rackhand.engine import nodes, preferences, rollouts, scans, status
from rackhand.engine.closing import close
from rackhand.engine.facts import GapForgiven
from rackhand.engine.rollup import recount
from rackhand.store import artifacts, leases, overdue, runs, stats, sweeps
from rackhand.store import rollouts as rollout_rows
from rackhand.store import scans as scan_rows
from rackhand.store.db import Database, Tx
from rackhand.store.leases import OpenDeviceRun

_log = structlog.get_logger("rackhand.sweep")
MINUTE_MS = 60_000
PUSHED_MS = MINUTE_MS
"""When a row that broke the sweep is tried again."""
_D = DeviceRunStatus


@dataclass(frozen=True, slots=True)
class Swept:
    """What a pass did: nodes to wake, and how many device runs it closed or put back; `gap_ms` if it forgave one,
    `failures` counts what broke and was left for later."""

    wake: frozenset[str] = frozenset()
    closed: int = 0
    gap_ms: int | None = None
    failures: int = 0


@dataclass(slots=True)
class _Pass:
    """One pass in the making."""

    tx: Tx
    periods: Periods
    resumed_at: int | None
    has_savepoints: bool
    wake: set[str] = field(default_factory=set)
    closed: int = 0
    failures: int = 0

    def attempt(self, what: str, act: Callable[[], None], **facts: object) -> bool:
        """Whether `act` went through; if not, it is as if it had never been tried. Without savepoints it raises."""
        if not self.has_savepoints:
            act()
            return True
        before = self.failures
        sweeps.attempt(self.tx, act, partial(self._report, what, facts))
        return self.failures == before

    def _report(self, what: str, facts: dict[str, object], error: Exception) -> None:
        self.failures += 1
        _log.error("a part of the sweep failed and is left for later", part=what, exc_info=error, **facts)

    def end(self, rows: Sequence[OpenDeviceRun], status: DeviceRunStatus, message: str) -> None:
        """Close device runs; if that breaks, run by run, and the runs that break are pushed away."""
        if not rows or self.attempt("closing", lambda: self._close(rows, status, message)):
            return
        by_run: dict[str, list[OpenDeviceRun]] = defaultdict(list)
        for row in rows:
            by_run[row.run_id].append(row)
        for run_id, mine in sorted(by_run.items()):
            closing = partial(self._close, mine, status, message)
            if self.attempt("closing", closing, run_id=run_id):
                continue
            runs.recount(self.tx, run_id)  # counts that went wrong are the likeliest cause, and can be mended
            if not self.attempt("closing again", closing, run_id=run_id):
                overdue.push_away(self.tx, [row.id for row in mine], self.tx.now + PUSHED_MS)

    def _close(self, rows: Sequence[OpenDeviceRun], status: DeviceRunStatus, message: str) -> None:
        self.wake |= close(self.tx, rows, status, message)
        self.closed += len(rows)


async def pass_once(db: Database, periods: Periods) -> Swept:
    """One pass; it pays for savepoints, two more round trips a rule on PostgreSQL, only if something breaks."""
    with suppress(*sweeps.BREAKS):
        return await db.write(sweep, periods, has_savepoints=False)
    return await db.write(sweep, periods)


def sweep(tx: Tx, periods: Periods, *, has_savepoints: bool = True) -> Swept:
    """Cheap when nothing is due: each rule is one indexed query."""
    last = sweeps.load(tx)
    gap = sweep_gap_ms(last.last_sweep_at, tx.now, periods.sweep_gap_ms)
    if gap is not None:
        _forgive(tx, gap, periods)
        return Swept(gap_ms=gap)
    sweeps.store(tx)
    made = _Pass(tx, periods, last.resumed_at, has_savepoints)
    for rule in _RULES:
        made.attempt(rule.__name__.strip("_"), partial(rule, made))
    if (last.last_sweep_at or 0) // MINUTE_MS != tx.now // MINUTE_MS:
        made.attempt("sample", partial(_sample, made))
    return Swept(frozenset(made.wake), made.closed, failures=made.failures)


def _forgive(tx: Tx, gap_ms: int, periods: Periods) -> None:
    overdue.forgive_gap(tx, gap_ms, tx.now + periods.lease_ms)
    runs.shift_deadlines(tx, gap_ms)
    scan_rows.shift_deadlines(tx, gap_ms)
    artifacts.shift_deadlines(tx, gap_ms)
    sweeps.store(tx, resumed=True)
    tx.tell(GapForgiven(gap_ms))


def _unstarted(made: _Pass) -> None:
    """Leases that ran out before the device run was started: back to the queue, three times, then lost."""
    rows = overdue.expired_unstarted(made.tx)
    lost = [row for row in rows if after_unstarted_expiry(row.lease_epoch) is _D.LOST]
    again = [row for row in rows if after_unstarted_expiry(row.lease_epoch) is _D.QUEUED]
    overdue.requeue(made.tx, [row.id for row in again])
    made.wake |= {row.node_id for row in again if row.node_id}
    made.closed += len(again)
    if lost:
        made.end(lost, _D.LOST, reasons.NEVER_STARTED.format(n=lost[0].lease_epoch))


def _lost(made: _Pass) -> None:
    """Started device runs whose lease was not renewed: lost after the run's grace, and fenced."""
    by_node: dict[str, list[OpenDeviceRun]] = defaultdict(list)
    page = overdue.expired_started(made.tx)
    while page:
        policies = {run.id: run.policy for run in runs.get_many(made.tx, {row.run_id for row in page}).values()}
        for row in page:
            if (row.lease_expires_at or 0) + policies[row.run_id].grace_wait_ms < made.tx.now:
                by_node[row.node_id or ""].append(row)
        is_last = len(page) < leases.SWEEP_LIMIT or sum(map(len, by_node.values())) >= leases.SWEEP_LIMIT
        page = [] if is_last else overdue.expired_started(made.tx, page[-1].id)
    for node_id, rows in sorted(by_node.items()):
        message = reasons.WENT_SILENT.format(node=node_id)
        made.end(rows, _D.LOST, message)


def _past_deadline(made: _Pass) -> None:
    """Device runs of a stopping run end stopped when its grace is over; others fail with the run's deadline."""
    rows = overdue.past_deadline(made.tx)
    stopping = _of_stopping_runs(made.tx, rows)
    stopped = [row for row in rows if row.run_id in stopping]
    late = [row for row in rows if row.run_id not in stopping]
    made.end(stopped, _D.STOPPED, reasons.NOT_CONFIRMED)
    made.end(late, _D.FAILED, reasons.PAST_DEADLINE)


def _of_stopping_runs(tx: Tx, rows: list[OpenDeviceRun]) -> set[str]:
    if not rows:
        return set()
    known = runs.get_many(tx, {row.run_id for row in rows})
    return {run.id for run in known.values() if run.status is RunStatus.STOPPING}


def _silent_nodes(made: _Pass) -> None:
    """Queued device runs of a node that is gone are skipped, or wait if the policy says so; the run ends."""
    silent_before = made.tx.now - made.periods.node_gone_ms
    if made.resumed_at is not None and made.resumed_at > silent_before:
        return
    rows = overdue.queued_on_silent_nodes(made.tx, silent_before)
    known = runs.get_many(made.tx, {row.run_id for row in rows}) if rows else {}
    gone = []
    for row in rows:
        wait_ms = known[row.run_id].policy.offline_wait_ms
        if wait_ms is None or row.lease_token is not None:
            gone.append(row)
        else:
            leases.wait_for_devices(made.tx, [row.id], made.tx.now + wait_ms)
    made.end(gone, _D.SKIPPED_OFFLINE, reasons.NODE_SILENT)


def _offline(made: _Pass) -> None:
    """Devices that stayed offline for as long as the policy waits; those that are back wait for their turn only."""
    rows = overdue.offline_too_long(made.tx)
    if not rows:
        return
    back = overdue.back_again(made.tx, [row.device_id for row in rows])
    overdue.end_waiting(made.tx, [row.id for row in rows if row.device_id in back])
    gone = [row for row in rows if row.device_id not in back]
    made.end(gone, _D.SKIPPED_OFFLINE, reasons.OFFLINE_TOO_LONG)


def _rollouts(made: _Pass) -> None:
    """Rollouts whose open wave went well open the next one; those where too many failed halt."""
    for run_id in rollout_rows.rolling(made.tx):
        made.attempt("rollout", partial(_advance, made, run_id), run=run_id)


def _advance(made: _Pass, run_id: str) -> None:
    made.wake |= rollouts.advance(made.tx, run_id)


def _idle_runs(made: _Pass) -> None:
    """Runs past their deadline that have nothing left to wait for: the net under every other rule."""
    for run_id in overdue.idle_runs(made.tx):
        made.attempt("idle run", partial(recount, made.tx, run_id), run_id=run_id)


def _others(made: _Pass) -> None:
    nodes.mark_silent(made.tx, made.periods)
    status.expire_activity(made.tx, made.periods)


def _scans(made: _Pass) -> None:
    scans.sweep_scans(made.tx, made.periods)


def _sample(made: _Pass) -> None:
    """How many devices are online at this moment, for the dashboard's trend."""
    stats.store_sample(made.tx, stats.count_devices(made.tx, preferences.read(made.tx).limits))


def _uploads(made: _Pass) -> None:
    artifacts.give_up(made.tx)


_CLOSING = (_unstarted, _lost, _past_deadline, _silent_nodes, _offline)
_RULES = (*_CLOSING, _rollouts, _idle_runs, _others, _scans, _uploads)
