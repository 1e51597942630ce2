"""The event ingest on PostgreSQL: one statement per kind of row over arrays. No rule here.

Device runs are locked first, in the order of their ids, and events are looked up after that: when two replicas get the
same event, the second one waits and then finds the first one's verdict.
"""

# ruff: noqa: S608 - statements are put together from the constant column names of ingest_rows, never from input

from collections.abc import Sequence
from typing import Any

from rackhand.core.states import Verdict
from rackhand.store import ingest_rows as rows
from rackhand.store.changes import Changes, EventKey, Loaded, StepKey, StepRow
from rackhand.store.db import Tx

_WORKSPACE: rows.Columns = (("workspace_id", "text"),)
_EVENT_KEY: rows.Columns = (("node_id", "text"), ("event_id", "text"))
_STEP = rows.STEP_KEY + rows.STEP_VALUES


def _unnest(columns: rows.Columns) -> str:
    """`unnest($1::text[], $2::text[]) AS k(workspace_id, a)`.

    The workspace is an array too: as a constant it makes the planner, while it has no statistics, read the whole
    workspace for a hash join instead of one index entry per key.
    """
    columns = _WORKSPACE + columns
    arrays = ", ".join(f"${number}::{kind}[]" for number, (_, kind) in enumerate(columns, 1))
    return f"unnest({arrays}) AS k({', '.join(rows.names(columns))})"


def _match(table: str, columns: rows.Columns) -> str:
    return " AND ".join(f"{table}.{name} = k.{name}" for name in rows.names(_WORKSPACE + columns))


def _insert(table: str, columns: rows.Columns, on_conflict: str) -> str:
    names = ", ".join(rows.names(_WORKSPACE + columns))
    return f"INSERT INTO {table} ({names}) SELECT {names} FROM {_unnest(columns)} ON CONFLICT {on_conflict}"


_FIND_EVENTS = f"""
SELECT e.node_id, e.event_id, e.verdict FROM {_unnest(_EVENT_KEY)} JOIN events AS e ON {_match("e", _EVENT_KEY)}
"""
_FIND_DEVICE_RUNS = f"""
SELECT {", ".join("d." + name for name in rows.DEVICE_RUN_LOADED)} FROM {_unnest((("lease_token", "text"),))}
  JOIN run_device_states AS d ON {_match("d", (("lease_token", "text"),))}
 WHERE d.lease_token IS NOT NULL ORDER BY d.id FOR NO KEY UPDATE OF d
"""
_FIND_STEPS = f"""
SELECT {", ".join("s." + name for name in rows.names(_STEP))} FROM {_unnest(rows.STEP_KEY)}
  JOIN run_steps AS s ON {_match("s", rows.STEP_KEY)}
"""
_ADD_EVENTS = _insert("events", rows.EVENT, "DO NOTHING")
_ADD_ARTIFACTS = _insert("artifacts", rows.ARTIFACT, "DO NOTHING")
_PUT_STEPS = _insert(
    "run_steps",
    _STEP,
    f"(workspace_id, {', '.join(rows.names(rows.STEP_KEY))}) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in rows.names(rows.STEP_VALUES)),
)
_PUT_DEVICE_RUNS = (
    "UPDATE run_device_states AS d SET "
    + ", ".join(
        f"{name} = {'coalesce(k.rev, d.rev)' if name == 'rev' else 'k.' + name}"
        for name in rows.names(rows.DEVICE_RUN_SAVED)
    )
    + f" FROM {_unnest((*rows.DEVICE_RUN_SAVED, ('id', 'text')))} WHERE {_match('d', (('id', 'text'),))}"
)


def load(tx: Tx, event_keys: Sequence[EventKey], lease_tokens: Sequence[str]) -> Loaded:
    """First verdicts of events already stored, and device runs by lease token, locked until the end."""
    found = _run(tx, _FIND_DEVICE_RUNS, [(token,) for token in sorted(set(lease_tokens))])
    runs = map(rows.device_run, found)
    verdicts = {(node, event): Verdict(verdict) for node, event, verdict in _run(tx, _FIND_EVENTS, event_keys)}
    return Loaded(verdicts, {run.lease_token: run for run in runs if run.lease_token is not None})


def load_steps(tx: Tx, keys: Sequence[StepKey]) -> dict[StepKey, StepRow]:
    """The step rows of these keys that exist."""
    return {(row[0], row[1], row[2], row[3]): rows.step(row) for row in _run(tx, _FIND_STEPS, keys)}


def save(tx: Tx, changes: Changes) -> None:
    """Write everything; rows that others have put there in the meantime are kept (events) or replaced (steps)."""
    _put(tx, _PUT_DEVICE_RUNS, [rows.device_run_values(facts, changes) for facts in changes.device_runs.values()])
    _put(tx, _PUT_STEPS, [rows.step_values(row) for row in changes.steps.values()])
    _put(tx, _ADD_ARTIFACTS, [rows.artifact_values(facts, changes) for facts in changes.artifacts.values()])
    _put(tx, _ADD_EVENTS, [rows.event_values(event, changes) for event in changes.events])


def _run(tx: Tx, statement: str, keys: Sequence[tuple[Any, ...]]) -> Sequence[Any]:
    """Rows of a statement over one array per part of the keys."""
    return tx.conn.exec_driver_sql(statement, _arrays(tx, keys)).all() if keys else ()


def _put(tx: Tx, statement: str, values: Sequence[tuple[Any, ...]]) -> None:
    if values:
        tx.conn.exec_driver_sql(statement, _arrays(tx, values))


def _arrays(tx: Tx, values: Sequence[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    return ([tx.workspace_id] * len(values), *(list(part) for part in zip(*values, strict=True)))
