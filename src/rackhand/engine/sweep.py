"""The sweep: every server runs it each second, and it closes whatever has passed its deadline in the database.

If all servers were down or asleep, or the clock jumped, the pass closes nothing and forgives the gap instead.
"""

from dataclasses import dataclass

from rackhand.core.lease import Periods, after_unstarted_expiry, sweep_gap_ms
from rackhand.core.states import DeviceRunStatus, RunStatus
from rackhand.engine import nodes, scans, status
from rackhand.engine.closing import close
from rackhand.store import artifacts, leases, runs, sweeps
from rackhand.store import scans as scan_rows
from rackhand.store.db import Tx
from rackhand.store.leases import OpenDeviceRun

_D = DeviceRunStatus


@dataclass(frozen=True, slots=True)
class Swept:
    """What a pass did: nodes to wake, and how many device runs it closed or put back; `gap_ms` if it forgave one."""

    wake: frozenset[str] = frozenset()
    closed: int = 0
    gap_ms: int | None = None


def sweep(tx: Tx, periods: Periods) -> Swept:
    """One pass. Cheap when nothing is due: each rule is one indexed query."""
    last = sweeps.load(tx)
    gap = sweep_gap_ms(last.last_sweep_at, tx.now, periods.sweep_gap_ms)
    if gap is not None:
        _forgive(tx, gap, periods)
        return Swept(gap_ms=gap)
    sweeps.store(tx)
    wake: set[str] = set()
    closed = 0
    for rule in (_unstarted, _lost, _past_deadline, _silent_nodes, _offline):
        nodes_of_rule, count = rule(tx, periods, last.resumed_at)
        wake |= nodes_of_rule
        closed += count
    nodes.mark_silent(tx, periods)
    status.expire_activity(tx, periods)
    scans.sweep_scans(tx, periods)
    artifacts.give_up(tx)
    return Swept(frozenset(wake), closed)


def _forgive(tx: Tx, gap_ms: int, periods: Periods) -> None:
    leases.forgive_gap(tx, gap_ms, tx.now + periods.lease_ms)
    runs.shift_deadlines(tx, gap_ms)
    scan_rows.shift_deadlines(tx, gap_ms)
    artifacts.shift_deadlines(tx, gap_ms)
    sweeps.store(tx, resumed=True)


def _unstarted(tx: Tx, periods: Periods, resumed_at: int | None) -> tuple[set[str], int]:
    """Leases that ran out before the device run was started: back to the queue, three times, then lost."""
    rows = [row for row in leases.expired(tx) if row.status is _D.QUEUED]
    lost = [row for row in rows if after_unstarted_expiry(row.lease_epoch) is _D.LOST]
    again = [row for row in rows if after_unstarted_expiry(row.lease_epoch) is _D.QUEUED]
    leases.requeue(tx, [row.id for row in again])
    wake = (
        close(tx, lost, _D.LOST, f"the node took this device run {lost[0].lease_epoch} times and never started it")
        if lost
        else set()
    )
    return wake | {row.node_id for row in again if row.node_id}, len(rows)


def _lost(tx: Tx, periods: Periods, resumed_at: int | None) -> tuple[set[str], int]:
    """Started device runs whose lease was not renewed: lost after the run's grace, and fenced."""
    rows = [row for row in leases.expired(tx) if row.status is not _D.QUEUED]
    policies = {run.id: run.policy for run in runs.get_many(tx, {row.run_id for row in rows}).values()} if rows else {}
    lost = [row for row in rows if (row.lease_expires_at or 0) + policies[row.run_id].grace_wait_ms < tx.now]
    wake: set[str] = set()
    for node_id in sorted({row.node_id or "" for row in lost}):
        mine = [row for row in lost if (row.node_id or "") == node_id]
        message = f"node {node_id} went silent while this device was running; what it did since is unknown"
        wake |= close(tx, mine, _D.LOST, message)
    return wake, len(lost)


def _past_deadline(tx: Tx, periods: Periods, resumed_at: int | None) -> tuple[set[str], int]:
    """Device runs of a stopping run end stopped when its grace is over; others fail with the run's deadline."""
    rows = leases.past_deadline(tx)
    stopping = _of_stopping_runs(tx, rows)
    stopped = [row for row in rows if row.run_id in stopping]
    late = [row for row in rows if row.run_id not in stopping]
    wake = close(tx, stopped, _D.STOPPED, "stopped by an operator; the node did not confirm it in time")
    return wake | close(tx, late, _D.FAILED, "the run's deadline passed before this device was done"), len(rows)


def _of_stopping_runs(tx: Tx, rows: list[OpenDeviceRun]) -> set[str]:
    if not rows:
        return set()
    known = runs.get_many(tx, {row.run_id for row in rows})
    return {run.id for run in known.values() if run.status is RunStatus.STOPPING}


def _silent_nodes(tx: Tx, periods: Periods, resumed_at: int | None) -> tuple[set[str], int]:
    """Queued device runs of a node that is gone are skipped, so that the run ends."""
    silent_before = tx.now - periods.node_gone_ms
    if resumed_at is not None and resumed_at > silent_before:
        return set(), 0
    rows = leases.queued_on_silent_nodes(tx, silent_before)
    close(tx, rows, _D.SKIPPED_OFFLINE, "its node has been silent")
    return set(), len(rows)


def _offline(tx: Tx, periods: Periods, resumed_at: int | None) -> tuple[set[str], int]:
    """Devices that stayed offline for as long as the policy waits."""
    rows = leases.offline_too_long(tx)
    return close(tx, rows, _D.SKIPPED_OFFLINE, "offline for as long as the policy waits"), len(rows)
