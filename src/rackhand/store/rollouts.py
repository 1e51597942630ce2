"""Rollouts in SQL: which are under way, how their waves went, and how they move on. What follows is decided elsewhere.

A move is `UPDATE ... WHERE rollout_state = old AND open_wave = old` and takes the run's next rev.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select, update

from rackhand.core.rollout import Rollout
from rackhand.core.states import ROLLOUT, DeviceRunStatus, RolloutState
from rackhand.store.db import Tx
from rackhand.store.metadata import literals
from rackhand.store.runs import RunRow
from rackhand.store.tables import run_device_states, runs

_D, _R = run_device_states.c, runs.c
_OPEN = literals(ROLLOUT.open)
FEW = 100


@dataclass(frozen=True, slots=True)
class HaltedRun:
    """A run whose rollout waits for an operator."""

    id: str
    title: str
    open_wave: int
    reason: str


def _in_state(tx: Tx, state: RolloutState) -> tuple[ColumnElement[bool], ...]:
    """As the partial index has it: SQLite does not see by itself that a state is one of the open ones."""
    return (_R.workspace_id == tx.workspace_id, _R.rollout_state.in_(_OPEN), _R.rollout_state == state.value)


def rolling(tx: Tx) -> list[str]:
    """Ids of the runs whose rollout goes on."""
    where = _in_state(tx, RolloutState.ROLLING)
    return list(tx.conn.execute(select(_R.id).where(*where).order_by(_R.id)).scalars())


def halted(tx: Tx) -> list[HaltedRun]:
    """Runs whose rollout waits for an operator, the oldest first."""
    where = _in_state(tx, RolloutState.HALTED)
    statement = select(_R.id, _R.title, _R.open_wave, _R.rollout_reason).where(*where).order_by(_R.id).limit(FEW)
    return [HaltedRun(row.id, row.title, row.open_wave, row.rollout_reason or "") for row in tx.conn.execute(statement)]


def waves(tx: Tx, run_id: str) -> dict[int, dict[str, int]]:
    """Device runs by wave and status, zeros included, plus `total`; wave 0 are those that are in none."""
    where = (_D.workspace_id == tx.workspace_id, _D.run_id == run_id)
    statement = select(_D.wave, _D.status, func.count()).where(*where).group_by(_D.wave, _D.status)
    found = defaultdict[int, dict[str, int]](lambda: {status.value: 0 for status in DeviceRunStatus} | {"total": 0})
    for wave, status, count in tx.conn.execute(statement):
        found[wave][status] = count
        found[wave]["total"] += count
    return dict(found)


def nodes_of(tx: Tx, run_id: str, wave: int) -> set[str]:
    """The nodes that have device runs of this wave to claim."""
    where = (_D.workspace_id == tx.workspace_id, _D.run_id == run_id, _D.wave == wave, _D.status == "queued")
    return {str(node) for node in tx.conn.execute(select(_D.node_id).where(*where).distinct()).scalars() if node}


def halt(tx: Tx, run: RunRow, reason: str) -> bool:
    """Open no further wave and hand out nothing more; False if someone else moved the rollout first."""
    return _move(tx, run, {"rollout_state": RolloutState.HALTED.value, "rollout_reason": reason})


def go_on(tx: Tx, run: RunRow, rollout: Rollout, wave: int) -> bool:
    """Go on with this wave; `rollout` has what was accepted. False if someone else moved the rollout first."""
    values = {"rollout_state": RolloutState.ROLLING.value, "rollout_reason": None}
    return _move(tx, run, {**values, "open_wave": wave, "rollout": rollout.as_json()})


def _move(tx: Tx, run: RunRow, values: dict[str, Any]) -> bool:
    was = (_R.rollout_state == run.rollout_state, _R.open_wave == run.open_wave)
    where = (_R.workspace_id == tx.workspace_id, _R.id == run.id, *was)
    return tx.conn.execute(update(runs).where(*where).values(rev=_R.rev + 1, **values)).rowcount == 1
