"""Old rows, removed in small batches: final runs with all below them, and events. Open runs are never touched."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, tuple_

from rackhand.core.clock import Millis
from rackhand.core.states import RUN
from rackhand.store.db import Tx
from rackhand.store.tables import artifacts, events, runs

RUNS_A_BATCH = 20
EVENTS_A_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class OldRun:
    """A run to be removed, and the contents that go with it."""

    id: str
    storage_keys: tuple[str, ...]


def old_runs(tx: Tx, before: Millis) -> list[OldRun]:
    """Some final runs that ended before, the oldest first."""
    where = (runs.c.workspace_id == tx.workspace_id, runs.c.status.not_in(tuple(sorted(RUN.open))))
    statement = (
        select(runs.c.id).where(*where, runs.c.finished_at < before).order_by(runs.c.created_at).limit(RUNS_A_BATCH)
    )
    ids = list(tx.conn.execute(statement).scalars())
    keys = select(artifacts.c.run_id, artifacts.c.storage_key).where(
        artifacts.c.workspace_id == tx.workspace_id, artifacts.c.run_id.in_(ids), artifacts.c.storage_key.is_not(None)
    )
    found: dict[str, list[str]] = {run_id: [] for run_id in ids}
    for run_id, key in tx.conn.execute(keys):
        found[run_id].append(key)
    return [OldRun(run_id, tuple(keys)) for run_id, keys in found.items()]


def remove_runs(tx: Tx, run_ids: Sequence[str]) -> int:
    """Remove runs with their device runs, steps and artifacts; returns how many there were."""
    where = (runs.c.workspace_id == tx.workspace_id, runs.c.id.in_(run_ids))
    return tx.conn.execute(delete(runs).where(*where)).rowcount


def remove_events(tx: Tx, before: Millis) -> int:
    """Remove some events that were received before; returns how many."""
    key = (events.c.workspace_id, events.c.node_id, events.c.event_id)
    some = (
        select(*key)
        .where(events.c.workspace_id == tx.workspace_id, events.c.received_at < before)
        .limit(EVENTS_A_BATCH)
    )
    return tx.conn.execute(delete(events).where(tuple_(*key).in_(some))).rowcount
