"""Runs in SQL: insert, read, list, and the one statement that moves a run's counts and rev. No rule is decided here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, insert, select, tuple_, update

from rackhand.core import reasons
from rackhand.core.clock import Millis
from rackhand.core.policy import Policy
from rackhand.core.rollout import Rollout
from rackhand.core.states import ROLLOUT, RUN, DeviceRunStatus, RolloutState, RunStatus
from rackhand.store.db import Tx
from rackhand.store.metadata import literals
from rackhand.store.tables import run_device_states, runs

_OPEN = literals(RUN.open)
_OPEN_ROLLOUT = literals(ROLLOUT.open)


@dataclass(frozen=True, slots=True)
class RunRow:
    """One row of runs; `counts` has one key per device-run status, and total. Without a rollout `open_wave` is 0."""

    id: str
    title: str
    playbook_id: str
    playbook_revision: int
    target: dict[str, Any]
    params: dict[str, Any]
    policy: Policy
    seed: int
    status: RunStatus
    rev: int
    trigger: str
    parent_run_id: str | None
    counts: dict[str, int]
    deadline_at: Millis
    stop_requested_at: Millis | None
    last_error_message: str | None
    created_at: Millis
    started_at: Millis | None
    finished_at: Millis | None
    created_by: str | None
    rollout: Rollout | None = None
    rollout_state: RolloutState | None = None
    rollout_reason: str | None = None
    open_wave: int = 0


def _row(row: Row[Any]) -> RunRow:
    m = row._mapping
    counts = {status.value: m[f"count_{status}"] for status in DeviceRunStatus} | {"total": m["count_total"]}
    return RunRow(
        id=m["id"],
        title=m["title"],
        playbook_id=m["playbook_id"],
        playbook_revision=m["playbook_revision"],
        target=m["target"],
        params=m["params"],
        policy=Policy.of(m["policy"]),
        seed=m["seed"],
        status=RunStatus(m["status"]),
        rev=m["rev"],
        trigger=m["trigger"],
        parent_run_id=m["parent_run_id"],
        counts=counts,
        deadline_at=m["deadline_at"],
        stop_requested_at=m["stop_requested_at"],
        last_error_message=m["last_error_message"],
        created_at=m["created_at"],
        started_at=m["started_at"],
        finished_at=m["finished_at"],
        created_by=m["created_by"],
        rollout=None if m["rollout"] is None else Rollout.of(m["rollout"]),
        rollout_state=None if m["rollout_state"] is None else RolloutState(m["rollout_state"]),
        rollout_reason=m["rollout_reason"],
        open_wave=m["open_wave"],
    )


def _all(tx: Tx) -> Select[Any]:
    return select(runs).where(runs.c.workspace_id == tx.workspace_id)


_CONVERTED = ("policy", "counts", "status", "rollout")


def add(tx: Tx, run: RunRow, rerun: dict[str, Any] | None) -> None:
    """Insert a run with its counts as given."""
    tx.conn.execute(
        insert(runs).values(
            workspace_id=tx.workspace_id,
            **{name: getattr(run, name) for name in RunRow.__slots__ if name not in _CONVERTED},
            policy=run.policy.as_json(),
            status=run.status.value,
            rollout=None if run.rollout is None else run.rollout.as_json(),
            rerun=rerun,
            **{f"count_{name}": amount for name, amount in run.counts.items()},
        )
    )


def get(tx: Tx, run_id: str, *, for_update: bool = False) -> RunRow | None:
    """One run, or None; `for_update` locks its row where the database has row locks."""
    statement = _all(tx).where(runs.c.id == run_id)
    row = tx.conn.execute(statement.with_for_update() if for_update else statement).first()
    return None if row is None else _row(row)


def get_many(tx: Tx, run_ids: Iterable[str]) -> dict[str, RunRow]:
    """Runs by id."""
    rows = tx.conn.execute(_all(tx).where(runs.c.id.in_(sorted(run_ids))))
    return {row.id: _row(row) for row in rows}


def page(
    tx: Tx,
    *,
    limit: int,
    after: tuple[Millis, str] | None = None,
    status: str | None = None,
    playbook_id: str | None = None,
    parent_run_id: str | None = None,
    trigger: str | None = None,
    rollout_state: str | None = None,
    q: str | None = None,
) -> list[RunRow]:
    """Newest first, after the cursor `(created_at, id)`."""
    statement = _all(tx).order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(runs.c.created_at, runs.c.id) < tuple_(*after))
    for column, value in ((runs.c.status, status), (runs.c.playbook_id, playbook_id)):
        if value is not None:
            statement = statement.where(column == value)
    by_origin = ((runs.c.parent_run_id, parent_run_id), (runs.c.trigger, trigger))
    for column, value in (*by_origin, (runs.c.rollout_state, rollout_state)):
        if value is not None:
            statement = statement.where(column == value)
    if q is not None:
        statement = statement.where(runs.c.title.icontains(q, autoescape=True))
    return [_row(row) for row in tx.conn.execute(statement)]


def _open_on_node() -> Select[Any]:
    d = run_device_states.c
    queued = (
        select(d.run_id, d.wave)
        .where(d.workspace_id == bindparam("workspace_id"), d.node_id == bindparam("node_id"), d.status == "queued")
        .distinct()
    )
    return (
        select(runs)
        .where(runs.c.workspace_id == bindparam("workspace_id"), tuple_(runs.c.id, runs.c.open_wave).in_(queued))
        .where(runs.c.status.in_(("queued", "running")))
        .where(runs.c.rollout_state.is_distinct_from(RolloutState.HALTED.value))
        .order_by(runs.c.created_at, runs.c.id)
    )


_OPEN_ON_NODE = _open_on_node()


def open_on_node(tx: Tx, node_id: str) -> list[RunRow]:
    """Open runs that have queued device runs for a node in an open wave, claimed or not, oldest first; not those that
    are stopping, or whose rollout halted."""
    found = tx.conn.execute(_OPEN_ON_NODE, {"workspace_id": tx.workspace_id, "node_id": node_id})
    return [_row(row) for row in found]


def bump(tx: Tx, run_id: str, deltas: Mapping[DeviceRunStatus, int], error: str | None) -> RunRow:
    """rev + 1, the counts moved by `deltas`, the last error replaced if there is one. Returns the row as it is now."""
    values: dict[str, Any] = {"rev": runs.c.rev + 1}
    for status, delta in deltas.items():
        if delta:
            values[f"count_{status}"] = runs.c[f"count_{status}"] + delta
    if error is not None:
        values["last_error_message"] = error[:4000]
    statement = (
        update(runs)
        .where(runs.c.workspace_id == tx.workspace_id, runs.c.id == run_id)
        .values(values)
        .returning(*runs.c)
    )
    return _row(tx.conn.execute(statement).one())


def recount(tx: Tx, run_id: str) -> None:
    """Set the counts to what the device runs are."""
    d = run_device_states.c
    statement = select(d.status, func.count()).where(d.workspace_id == tx.workspace_id, d.run_id == run_id)
    found: dict[str, int] = {row[0]: row[1] for row in tx.conn.execute(statement.group_by(d.status))}
    counts = {f"count_{status}": found.get(status.value, 0) for status in DeviceRunStatus}
    where = (runs.c.workspace_id == tx.workspace_id, runs.c.id == run_id)
    tx.conn.execute(update(runs).where(*where).values(counts | {"count_total": sum(found.values())}))


def set_status(tx: Tx, run: RunRow, status: RunStatus, rollout_end: RolloutState | None = None) -> None:
    """Move an open run to `status`; started_at and finished_at follow. `rollout_end`: how its rollout ends with it."""
    values: dict[str, Any] = {"status": status.value}
    if run.started_at is None and status is RunStatus.RUNNING:
        values["started_at"] = tx.now
    if RUN.is_final(status):
        values["finished_at"] = tx.now
    if rollout_end is not None:
        values["rollout_state"] = rollout_end.value
    if rollout_end is RolloutState.ABORTED:
        values["rollout_reason"] = run.rollout_reason or reasons.ROLLOUT_CUT_SHORT
    tx.conn.execute(
        update(runs)
        .where(runs.c.workspace_id == tx.workspace_id, runs.c.id == run.id, runs.c.status.in_(_OPEN))
        .values(values)
    )


def request_stop(tx: Tx, run_id: str) -> None:
    """Note that an operator wants the run to stop; a rollout under way is aborted by it."""
    where = (runs.c.workspace_id == tx.workspace_id, runs.c.id == run_id, runs.c.status.in_(("queued", "running")))
    aborted = {"rollout_state": RolloutState.ABORTED.value, "rollout_reason": reasons.ROLLOUT_ABORTED}
    tx.conn.execute(update(runs).where(*where, runs.c.rollout_state.in_(_OPEN_ROLLOUT)).values(aborted))
    tx.conn.execute(update(runs).where(*where).values(status="stopping", stop_requested_at=tx.now))


def shift_deadlines(tx: Tx, gap_ms: int) -> None:
    """Forgive a gap of all servers: open runs end that much later."""
    where = (runs.c.workspace_id == tx.workspace_id, runs.c.status.in_(_OPEN))
    tx.conn.execute(update(runs).where(*where).values(deadline_at=runs.c.deadline_at + gap_ms))


def revisions(tx: Tx, run_ids: Sequence[str]) -> dict[str, tuple[str, int, int]]:
    """(playbook_id, playbook_revision, seed) of runs: what never changes."""
    statement = select(runs.c.id, runs.c.playbook_id, runs.c.playbook_revision, runs.c.seed)
    rows = tx.conn.execute(statement.where(runs.c.workspace_id == tx.workspace_id, runs.c.id.in_(run_ids)))
    return {row.id: (row.playbook_id, row.playbook_revision, row.seed) for row in rows}
