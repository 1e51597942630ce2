"""Roll-up: the one place where a run's counts, rev and status follow its device runs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rackhand.core.progress import open_status, roll_up
from rackhand.core.rollout import end_of
from rackhand.core.states import ROLLOUT, RUN, DeviceRunStatus, RolloutState, RunStatus, move
from rackhand.engine.facts import RunMoved
from rackhand.store import runs
from rackhand.store.db import Tx
from rackhand.store.runs import RunRow


@dataclass(slots=True)
class RunChange:
    """What one transaction changed in a run: counts by status, and the newest error."""

    deltas: Counter[DeviceRunStatus] = field(default_factory=Counter)
    error: str | None = None


def changes_of(
    moves: Iterable[tuple[str, DeviceRunStatus, DeviceRunStatus, str | None]],
) -> dict[str, RunChange]:
    """Changes by run from moves `(run_id, old, new, error)`."""
    changes: dict[str, RunChange] = defaultdict(RunChange)
    for run_id, old, new, error in moves:
        change = changes[run_id]
        change.deltas[old] -= 1
        change.deltas[new] += 1
        change.error = error or change.error
    return changes


def settle(tx: Tx, changes: Mapping[str, RunChange]) -> dict[str, RunRow]:
    """Take each run's next rev, move its counts, let its status follow. Runs are locked in the order of their ids."""
    settled = {}
    for run_id in sorted(changes):
        change = changes[run_id]
        run = runs.bump(tx, run_id, change.deltas, change.error)
        _follow(tx, run)
        settled[run_id] = run
    return settled


def _follow(tx: Tx, run: RunRow) -> None:
    if RUN.is_final(run.status):
        return
    is_stopped = run.status is RunStatus.STOPPING
    status = roll_up(run.counts, is_stopped=is_stopped) or open_status(run.counts, is_stopped=is_stopped)
    if status is not run.status:
        runs.set_status(tx, run, move(RUN, run.status, status), _rollout_end(run, status))
        tx.tell(RunMoved.of(run, status, tx.now))


def _rollout_end(run: RunRow, status: RunStatus) -> RolloutState | None:
    """How the rollout of a run ends with it; None if there is none, or if it has ended or goes on."""
    if run.rollout is None or run.rollout_state not in ROLLOUT.open or not RUN.is_final(status):
        return None
    return end_of(run.rollout, run.rollout_state, run.open_wave)


def recount(tx: Tx, run_id: str) -> None:
    """Set the counts of a run from its device runs, and let its status follow."""
    runs.recount(tx, run_id)
    settle(tx, {run_id: RunChange()})
