"""Rollouts: the sweep lets them go on or halts them; an operator resumes or aborts one that halted.

All of it is rows, so that any server goes on where another one stopped. What a look at the waves means is decided in
core.rollout; here it is done.
"""

from dataclasses import dataclass, field

import structlog

from rackhand.core.errors import Conflict
from rackhand.core.lease import Periods
from rackhand.core.message import word
from rackhand.core.rollout import Rollout, accept, judge
from rackhand.core.states import ROLLOUT, RolloutState, RunStatus, move
from rackhand.engine.runs import load_run, stop_run
from rackhand.store import rollouts
from rackhand.store.db import Tx
from rackhand.store.runs import RunRow

_log = structlog.get_logger("rackhand.rollouts")
_GOING_ON = (RunStatus.QUEUED, RunStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class RolloutAnswer:
    """The answer to resume and abort."""

    id: str
    status: str
    counts: dict[str, int]
    rollout_state: str
    open_wave: int


@dataclass(frozen=True, slots=True)
class Moved:
    """An answer, and the nodes to wake."""

    view: RolloutAnswer
    wake: frozenset[str] = field(default_factory=frozenset)


def advance(tx: Tx, run_id: str) -> set[str]:
    """Open the next wave of a rollout, halt it, or leave it; returns the nodes that have work now."""
    run = load_run(tx, run_id)
    if run.rollout is None or run.rollout_state is not RolloutState.ROLLING or run.status not in _GOING_ON:
        return set()
    verdict = judge(run.rollout, run.open_wave, rollouts.waves(tx, run_id))
    if verdict.halts is not None:
        move(ROLLOUT, run.rollout_state, RolloutState.HALTED)
        if rollouts.halt(tx, run, verdict.halts):
            _log.warning("a rollout halted", run=run_id, wave=run.open_wave, reason=verdict.halts)
    elif verdict.opens:
        return _go_on(tx, run, run.rollout, run.open_wave + 1)
    return set()


def _go_on(tx: Tx, run: RunRow, rollout: Rollout, wave: int) -> set[str]:
    """Nodes with work, if nobody else moved the rollout first."""
    if not rollouts.go_on(tx, run, rollout, wave):
        return set()
    _log.info("a rollout goes on", run=run.id, wave=wave, waves=len(rollout.sizes))
    return rollouts.nodes_of(tx, run.id, wave)


def resume(tx: Tx, run_id: str) -> Moved:
    """Go on in spite of what failed: from now on only later device runs are weighed. A rollout that rolls stays as it
    is; Conflict if it is over, or if the run has none."""
    run, rollout = _load(tx, run_id)
    if run.rollout_state is RolloutState.ROLLING:
        return Moved(_answer(run))
    if run.rollout_state is not RolloutState.HALTED:
        raise Conflict(
            "the rollout of run {id} is {state}, nothing of it is left to resume; nothing was changed: run it again",
            id=run.id,
            state=word(str(run.rollout_state)),
            code="rollout_over",
        )
    move(ROLLOUT, run.rollout_state, RolloutState.ROLLING)
    accepted, wave = accept(rollout, run.open_wave, rollouts.waves(tx, run_id))
    wake = _go_on(tx, run, accepted, wave)
    return Moved(_answer(load_run(tx, run_id)), frozenset(wake))


def abort(tx: Tx, run_id: str, periods: Periods) -> Moved:
    """Stop the run, of which a wave may be under way; one that has ended stays as it is. Conflict without a rollout."""
    _load(tx, run_id)
    stopped = stop_run(tx, run_id, periods)
    return Moved(_answer(load_run(tx, run_id)), stopped.wake)


def _load(tx: Tx, run_id: str) -> tuple[RunRow, Rollout]:
    run = load_run(tx, run_id)
    if run.rollout is None:
        raise Conflict(
            "run {id} has no rollout: all of its devices are open; nothing was changed", id=run.id, code="no_rollout"
        )
    return run, run.rollout


def _answer(run: RunRow) -> RolloutAnswer:
    return RolloutAnswer(run.id, run.status.value, run.counts, str(run.rollout_state), run.open_wave)
