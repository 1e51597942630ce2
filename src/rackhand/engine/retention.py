"""Retention: final runs and events that are older than the workspace keeps them go, a batch at a time.

Contents of artifacts go first, outside the transaction: who stops in between leaves rows whose content is missing,
which the next pass removes; never contents that nothing names.
"""

from dataclasses import dataclass

from rackhand.engine import audit_log, happenings, preferences
from rackhand.engine.preferences import DAY_MS
from rackhand.store import firings, health, retention
from rackhand.store.db import Tx
from rackhand.store.retention import OldRuns


@dataclass(frozen=True, slots=True)
class Removed:
    """What a batch took away; a full batch of events says that there may be more."""

    runs: int = 0
    events: int = 0
    audit: int = 0


def due_runs(tx: Tx) -> OldRuns:
    """Some runs that are kept no longer."""
    days = preferences.read(tx).retention.run_days
    return OldRuns() if days is None else retention.old_runs(tx, tx.now - days * DAY_MS)


def remove(tx: Tx, due: OldRuns) -> Removed:
    """Remove a batch of these runs, some old events and some old rows of the audit log."""
    before = tx.now - preferences.read(tx).retention.event_days * DAY_MS
    gone = retention.remove_runs(tx, due) if due.ids else 0
    events = retention.remove_events(tx, before) + health.remove_events(tx, before)
    events += firings.forget(tx, before) + happenings.forget(tx, before)
    return Removed(gone, events, audit_log.forget(tx))
