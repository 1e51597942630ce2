"""The event ingest on SQLite: one prepared statement per kind of row over the driver's own cursor. No rule here."""

# ruff: noqa: S608 - statements are put together from the constant column names of ingest_rows, never from input

from collections.abc import Iterable, Sequence
from typing import Any

from rackhand.core.states import Verdict
from rackhand.store import ingest_rows as rows
from rackhand.store.changes import Changes, EventKey, Loaded, StepKey, StepRow
from rackhand.store.db import Tx
from rackhand.store.metadata import to_json

_STEP_COLUMNS = rows.names(rows.STEP_KEY + rows.STEP_VALUES)

_FIND_EVENTS = """
SELECT e.node_id, e.event_id, e.verdict FROM json_each(?) AS k CROSS JOIN events AS e
 WHERE e.workspace_id = ? AND e.node_id = json_extract(k.value, '$[0]') AND e.event_id = json_extract(k.value, '$[1]')
"""
_FIND_DEVICE_RUNS = f"""
SELECT {", ".join("d." + name for name in rows.DEVICE_RUN_LOADED)}
  FROM json_each(?) AS k CROSS JOIN run_device_states AS d
 WHERE d.workspace_id = ? AND d.lease_token IS NOT NULL AND d.lease_token = k.value
"""
_FIND_STEPS = f"""
SELECT {", ".join("s." + name for name in _STEP_COLUMNS)} FROM json_each(?) AS k CROSS JOIN run_steps AS s
 WHERE s.workspace_id = ? AND s.run_id = json_extract(k.value, '$[0]')
   AND s.device_index = json_extract(k.value, '$[1]') AND s.step_index = json_extract(k.value, '$[2]')
   AND s.attempt = json_extract(k.value, '$[3]')
"""


def _insert(table: str, columns: Sequence[str], on_conflict: str) -> str:
    marks = ", ".join("?" for _ in columns)
    return f"INSERT INTO {table} (workspace_id, {', '.join(columns)}) VALUES (?, {marks}) ON CONFLICT {on_conflict}"


_ADD_EVENT = _insert("events", rows.names(rows.EVENT), "DO NOTHING")
_ADD_ARTIFACT = _insert("artifacts", rows.names(rows.ARTIFACT), "DO NOTHING")
_PUT_STEP = _insert(
    "run_steps",
    _STEP_COLUMNS,
    f"(workspace_id, {', '.join(rows.names(rows.STEP_KEY))}) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in rows.names(rows.STEP_VALUES)),
)
_PUT_DEVICE_RUN = (
    "UPDATE run_device_states SET "
    + ", ".join(
        f"{name} = {'coalesce(?, rev)' if name == 'rev' else '?'}" for name in rows.names(rows.DEVICE_RUN_SAVED)
    )
    + " WHERE id = ? AND workspace_id = ?"
)


def load(tx: Tx, event_keys: Sequence[EventKey], lease_tokens: Sequence[str]) -> Loaded:
    """First verdicts of events already stored, and device runs by lease token."""
    runs = map(rows.device_run, _select(tx, _FIND_DEVICE_RUNS, lease_tokens))
    verdicts = {(node, event): Verdict(verdict) for node, event, verdict in _select(tx, _FIND_EVENTS, event_keys)}
    return Loaded(verdicts, {run.lease_token: run for run in runs if run.lease_token is not None})


def load_steps(tx: Tx, keys: Sequence[StepKey]) -> dict[StepKey, StepRow]:
    """The step rows of these keys that exist."""
    return {(row[0], row[1], row[2], row[3]): rows.step(row) for row in _select(tx, _FIND_STEPS, keys)}


def save(tx: Tx, changes: Changes) -> None:
    """Write everything; rows that others have put there in the meantime are kept (events) or replaced (steps)."""
    own = (tx.workspace_id,)
    runs = [rows.device_run_values(facts, changes) + own for facts in changes.device_runs.values()]
    _write(tx, _PUT_DEVICE_RUN, runs)
    _write(tx, _PUT_STEP, [own + rows.step_values(row) for row in changes.steps.values()])
    _write(tx, _ADD_ARTIFACT, [own + rows.artifact_values(facts, changes) for facts in changes.artifacts.values()])
    _write(tx, _ADD_EVENT, [own + rows.event_values(event, changes) for event in changes.events])


def _cursor(tx: Tx) -> Any:
    return tx.conn.connection.cursor()


def _select(tx: Tx, statement: str, keys: Sequence[object]) -> Iterable[Any]:
    if not keys:
        return ()
    return list(_cursor(tx).execute(statement, (to_json(keys), tx.workspace_id)))


def _write(tx: Tx, statement: str, values: list[tuple[Any, ...]]) -> None:
    if values:
        _cursor(tx).executemany(statement, values)
