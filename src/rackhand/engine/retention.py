"""Retention: final runs and events that are older than the workspace keeps them go, a batch at a time.

Contents of artifacts go first, outside the transaction: who stops in between leaves rows whose content is missing,
which the next pass removes; never contents that nothing names.
"""

from dataclasses import dataclass

from rackhand.engine import audit_log, preferences
from rackhand.engine.preferences import DAY_MS
from rackhand.store import retention
from rackhand.store.db import Tx
from rackhand.store.retention import OldRun


@dataclass(frozen=True, slots=True)
class Removed:
    """What a pass took away; a full batch says that there may be more."""

    runs: int = 0
    events: int = 0
    audit: int = 0


def due_runs(tx: Tx) -> list[OldRun]:
    """Some runs that are kept no longer."""
    days = preferences.read(tx).retention.run_days
    return [] if days is None else retention.old_runs(tx, tx.now - days * DAY_MS)


def remove(tx: Tx, due: list[OldRun]) -> Removed:
    """Remove these runs, some old events and some old rows of the audit log."""
    before = tx.now - preferences.read(tx).retention.event_days * DAY_MS
    gone = retention.remove_runs(tx, [run.id for run in due]) if due else 0
    return Removed(gone, retention.remove_events(tx, before), audit_log.forget(tx))
