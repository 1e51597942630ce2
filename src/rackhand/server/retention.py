"""Removes what is kept no longer: contents first, then rows, batch after batch until nothing is due."""

from collections.abc import Callable

import structlog

from rackhand.engine import retention
from rackhand.store.audit import ROWS_A_BATCH
from rackhand.store.blobs import BlobStore
from rackhand.store.db import Database
from rackhand.store.retention import EVENTS_A_BATCH, OldRuns

_log = structlog.get_logger("rackhand.retention")
MOST_BATCHES = 1_000
"""In one pass: the next one goes on, and other writers get their turn."""


async def remove_old(db: Database, artifacts: BlobStore, is_closing: Callable[[], bool] = bool) -> int:
    """One pass; returns how many runs went. Idempotent, so that any number of servers may run it."""
    runs = 0
    for _ in range(MOST_BATCHES):
        if is_closing():
            break
        due = await db.read(retention.due_runs)
        await _delete(artifacts, due)
        removed = await db.write(retention.remove, due)
        await _delete(artifacts, due)  # what was uploaded in between
        runs += removed.runs
        if removed.runs or removed.events or removed.audit:
            _log.info("removed history", runs=removed.runs, events=removed.events, audit=removed.audit)
        if not due.ids and removed.events < EVENTS_A_BATCH and removed.audit < ROWS_A_BATCH:
            break
    return runs


async def _delete(artifacts: BlobStore, due: OldRuns) -> None:
    for _, key in due.contents:
        await artifacts.delete(key)
