"""Old rows, removed in small batches: final runs with all below them, and events. Open runs are never touched."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, any_, delete, exists, func, literal_column, select, tuple_

from rackhand.core.clock import Millis
from rackhand.core.states import RUN
from rackhand.store.artifacts import storage_key
from rackhand.store.db import Tx
from rackhand.store.many import among
from rackhand.store.tables import artifacts, events, playbooks, run_device_states, run_steps, runs, schedules

RUNS_A_BATCH = 20
ROWS_A_BATCH = 1_000
"""Of each table in one transaction: a run over a whole fleet has millions, and other writers wait meanwhile."""
EVENTS_A_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class OldRuns:
    """Final runs to be removed, and some of their artifacts: id -> where its content is, or would be."""

    ids: tuple[str, ...] = ()
    contents: tuple[tuple[str, str], ...] = ()


def old_runs(tx: Tx, before: Millis) -> OldRuns:
    """Some final runs that ended before, the oldest first."""
    where = (runs.c.workspace_id == tx.workspace_id, runs.c.status.not_in(tuple(sorted(RUN.open))))
    statement = (
        select(runs.c.id).where(*where, runs.c.finished_at < before).order_by(runs.c.created_at).limit(RUNS_A_BATCH)
    )
    ids = tuple(tx.conn.execute(statement).scalars())
    a = artifacts.c
    theirs = select(a.id, a.run_id, a.device_index, a.storage_key).where(*_of(tx, artifacts, ids)).limit(ROWS_A_BATCH)
    found = tx.conn.execute(theirs) if ids else ()
    named = ((row.id, row.storage_key or storage_key(row.run_id, row.device_index, row.id)) for row in found)
    return OldRuns(ids, tuple(named))


def remove_runs(tx: Tx, due: OldRuns) -> int:
    """Remove the listed artifacts and a batch of what else is below these runs; the runs themselves once nothing is,
    with the playbooks that were made for them alone. Returns how many runs went."""
    if due.contents:
        listed = among(tx, artifacts.c.id, [artifact_id for artifact_id, _ in due.contents])
        tx.conn.execute(delete(artifacts).where(artifacts.c.workspace_id == tx.workspace_id, listed))
    if tx.conn.execute(select(exists().where(*_of(tx, artifacts, due.ids)))).scalar_one():
        return 0  # more than were listed, or declared meanwhile: their contents come first
    for table in (run_steps, run_device_states):
        if _remove_some(tx, table, _of(tx, table, due.ids), ROWS_A_BATCH) == ROWS_A_BATCH:
            return 0
    mine = (runs.c.workspace_id == tx.workspace_id, runs.c.id.in_(due.ids))
    made_for_them = tx.conn.execute(select(runs.c.playbook_id).where(*mine).distinct()).scalars().all()
    removed = tx.conn.execute(delete(runs).where(*mine)).rowcount
    _remove_hidden(tx, made_for_them)
    return removed


def _remove_hidden(tx: Tx, playbook_ids: Sequence[str]) -> None:
    """Of these playbooks, those that were made for single runs and that nothing names any more."""
    p = playbooks.c
    unused = [
        ~exists().where(table.c.workspace_id == p.workspace_id, table.c.playbook_id == p.id)
        for table in (runs, schedules)
    ]
    theirs = (p.workspace_id == tx.workspace_id, p.id.in_(playbook_ids), p.is_hidden)
    tx.conn.execute(delete(playbooks).where(*theirs, *unused))


def _of(tx: Tx, table: Table, run_ids: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    return (table.c.workspace_id == tx.workspace_id, table.c.run_id.in_(run_ids))


def remove_events(tx: Tx, before: Millis) -> int:
    """Remove some events that were received before; returns how many."""
    old = (events.c.workspace_id == tx.workspace_id, events.c.received_at < before)
    return _remove_some(tx, events, old, EVENTS_A_BATCH)


def _remove_some(tx: Tx, table: Table, where: Sequence[ColumnElement[bool]], most: int) -> int:
    """At most so many rows. On PostgreSQL by their place: by their keys it would read the whole table each time."""
    if tx.dialect == "postgresql":
        place: ColumnElement[object] = literal_column("ctid")
        some = select(place).select_from(table).where(*where).limit(most).scalar_subquery()
        return tx.conn.execute(delete(table).where(place == any_(func.array(some)))).rowcount
    key = tuple(table.primary_key.columns)
    return tx.conn.execute(delete(table).where(tuple_(*key).in_(select(*key).where(*where).limit(most)))).rowcount
