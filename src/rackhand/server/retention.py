"""Removes what is kept no longer: contents first, then rows, batch after batch until nothing is due."""

from collections.abc import Callable

import structlog

from rackhand.engine import retention
from rackhand.store.audit import ROWS_A_BATCH
from rackhand.store.blobs import BlobStore
from rackhand.store.db import Database
from rackhand.store.retention import EVENTS_A_BATCH

_log = structlog.get_logger("rackhand.retention")
MOST_BATCHES = 200
"""In one pass: the next one goes on, and other writers get their turn."""


async def remove_old(db: Database, artifacts: BlobStore, is_closing: Callable[[], bool] = bool) -> int:
    """One pass; returns how many runs went. Idempotent, so that any number of servers may run it."""
    runs = 0
    for _ in range(MOST_BATCHES):
        if is_closing():
            break
        due = await db.read(retention.due_runs)
        for run in due:
            for key in run.storage_keys:
                await artifacts.delete(key)
        removed = await db.write(retention.remove, due)
        runs += removed.runs
        if removed.runs or removed.events or removed.audit:
            _log.info("removed history", runs=removed.runs, events=removed.events, audit=removed.audit)
        if not due and removed.events < EVENTS_A_BATCH and removed.audit < ROWS_A_BATCH:
            break
    return runs
