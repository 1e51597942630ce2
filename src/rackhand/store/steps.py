"""Step attempts in SQL: what one device run has done, and what follows from the last attempts of its steps."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, func, select, update

from rackhand.core.clock import Millis
from rackhand.core.states import FAILED_STEPS
from rackhand.store.db import Tx
from rackhand.store.tables import run_device_states, run_steps, runs

_S = run_steps.c
_FAILED = tuple(sorted(FAILED_STEPS))


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One row of run_steps."""

    run_id: str
    device_index: int
    step_index: int
    attempt: int
    step_id: str | None
    step_type: str | None
    status: str
    probability: float | None
    draw: float | None
    is_draw_flagged: bool
    decision: str | None
    exit_code: int | None
    output_tail: str | None
    output_lines: int
    late: bool
    late_status: str | None
    started_at: Millis | None
    finished_at: Millis | None
    error_message: str | None


def _row(row: Row[Any]) -> AttemptRow:
    return AttemptRow(**{name: row._mapping[name] for name in AttemptRow.__slots__})


def of_device_run(tx: Tx, run_id: str, device_index: int) -> list[AttemptRow]:
    """Every attempt of one device run, in the order of steps and attempts."""
    where = (_S.workspace_id == tx.workspace_id, _S.run_id == run_id, _S.device_index == device_index)
    rows = tx.conn.execute(select(run_steps).where(*where).order_by(_S.step_index, _S.attempt))
    return [_row(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Span:
    """When one attempt ran, for the timeline."""

    device_index: int
    step_index: int
    attempt: int
    status: str
    started_at: Millis
    finished_at: Millis | None


def spans(tx: Tx, run_id: str, device_indexes: Sequence[int]) -> list[Span]:
    """The started attempts of some devices of a run, by device, step and attempt."""
    where = (_S.workspace_id == tx.workspace_id, _S.run_id == run_id, _S.started_at.is_not(None))
    statement = select(*(_S[name] for name in Span.__slots__)).where(*where, _S.device_index.in_(device_indexes))
    rows = tx.conn.execute(statement.order_by(_S.device_index, _S.step_index, _S.attempt))
    return [Span(*row) for row in rows]


def of_run(tx: Tx, run_id: str) -> list[AttemptRow]:
    """Every attempt of a run, by device, step and attempt."""
    where = (_S.workspace_id == tx.workspace_id, _S.run_id == run_id)
    rows = tx.conn.execute(select(run_steps).where(*where).order_by(_S.device_index, _S.step_index, _S.attempt))
    return [_row(row) for row in rows]


Outcome = tuple[int, int, str]
"""(device_index, step_index, status): the last attempt's, or what the node reported of it late"""


def outcomes(tx: Tx, run_id: str) -> list[Outcome]:
    """How each attempt of a run ended, by device, step and attempt; without the outputs, which may be large."""
    status = func.coalesce(_S.late_status, _S.status)
    where = (_S.workspace_id == tx.workspace_id, _S.run_id == run_id)
    statement = select(_S.device_index, _S.step_index, status).where(*where)
    rows = tx.conn.execute(statement.order_by(_S.device_index, _S.step_index, _S.attempt))
    return [(row[0], row[1], row[2]) for row in rows]


def failed_last(
    tx: Tx,
    run_id: str,
    device_indexes: Collection[int],
    step_indexes: Collection[int],
    statuses: Sequence[str] = _FAILED,
) -> list[tuple[int, int]]:
    """(device_index, step_index) of steps whose last attempt ended in one of `statuses`."""
    where = (
        _S.workspace_id == tx.workspace_id,
        _S.run_id == run_id,
        _S.device_index.in_(sorted(device_indexes)),
        _S.step_index.in_(sorted(step_indexes)),
    )
    last = (
        select(_S.device_index, _S.step_index, func.max(_S.attempt).label("attempt"))
        .where(*where)
        .group_by(_S.device_index, _S.step_index)
        .subquery()
    )
    is_last = and_(
        _S.device_index == last.c.device_index, _S.step_index == last.c.step_index, _S.attempt == last.c.attempt
    )
    found = tx.conn.execute(
        select(_S.device_index, _S.step_index)
        .join(last, is_last)
        .where(*where, _S.status.in_(statuses))
        .order_by(_S.device_index, _S.step_index)
    )
    return [(row.device_index, row.step_index) for row in found]


_RECENT_RUNS = 20


def typical_ms(tx: Tx, kinds: Collection[str]) -> dict[str, int]:
    """How long steps of these kinds took on average in the last runs; kinds without history are left out."""
    recent = (
        select(runs.c.id)
        .where(runs.c.workspace_id == tx.workspace_id)
        .order_by(runs.c.created_at.desc(), runs.c.id.desc())
        .limit(_RECENT_RUNS)
    )
    where = (
        _S.workspace_id == tx.workspace_id,
        _S.run_id.in_(recent.scalar_subquery()),
        _S.step_type.in_(sorted(kinds)),
        _S.status == "succeeded",
        _S.finished_at.is_not(None),
        _S.started_at.is_not(None),
    )
    mean = func.avg(_S.finished_at - _S.started_at)
    found = tx.conn.execute(select(_S.step_type, mean).where(*where).group_by(_S.step_type))
    return {kind: max(round(float(taken)), 0) for kind, taken in found if kind is not None}


def set_warnings(tx: Tx, run_id: str, counts: dict[int, int]) -> None:
    """Store how many failed steps of each device run said `continue`."""
    d = run_device_states.c
    for device_index, count in sorted(counts.items()):
        where = (d.workspace_id == tx.workspace_id, d.run_id == run_id, d.device_index == device_index)
        tx.conn.execute(update(run_device_states).where(*where, d.warning_count != count).values(warning_count=count))
