"""The event ingest, whatever the database: load what a group of callbacks needs, save what its fold has changed.

Hand-written set-based SQL, one module per dialect; tests/store/test_ingest.py holds both to the same contract.
"""

from collections.abc import Sequence
from typing import Protocol

from rackhand.store import ingest_postgres, ingest_sqlite
from rackhand.store.changes import Changes, EventKey, Loaded, StepKey, StepRow
from rackhand.store.db import Dialect, Tx


class Ingest(Protocol):
    """What a dialect's module provides."""

    def load(self, tx: Tx, event_keys: Sequence[EventKey], lease_tokens: Sequence[str]) -> Loaded: ...

    def load_steps(self, tx: Tx, keys: Sequence[StepKey]) -> dict[StepKey, StepRow]: ...

    def save(self, tx: Tx, changes: Changes) -> None: ...


_BY_DIALECT: dict[Dialect, Ingest] = {"sqlite": ingest_sqlite, "postgresql": ingest_postgres}


def load(tx: Tx, event_keys: Sequence[EventKey], lease_tokens: Sequence[str]) -> Loaded:
    """First verdicts of events already stored, and device runs by lease token (locked where rows can be locked)."""
    return _BY_DIALECT[tx.dialect].load(tx, event_keys, lease_tokens)


def load_steps(tx: Tx, keys: Sequence[StepKey]) -> dict[StepKey, StepRow]:
    """The step rows of these keys that exist."""
    return _BY_DIALECT[tx.dialect].load_steps(tx, keys)


def save(tx: Tx, changes: Changes) -> None:
    """Write the device runs (stamped with the rev of their run in `run_revs`), steps, artifacts and events."""
    _BY_DIALECT[tx.dialect].save(tx, changes)
