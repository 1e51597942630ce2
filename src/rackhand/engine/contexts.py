"""What never changes about a run: its seed and the steps of its revision. Cached, since facts come by the thousand."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from rackhand.core.playbook import Step
from rackhand.core.policy import OnFailure
from rackhand.engine import playbooks
from rackhand.store import runs
from rackhand.store.db import Tx

_KEPT = 2000


@dataclass(frozen=True, slots=True)
class RunContext:
    """The seed of a run and its steps as stored, before policy."""

    seed: int
    steps: tuple[Step, ...]

    def steps_that(self, on_failure: OnFailure) -> frozenset[int]:
        """Indexes of the steps with this `on_failure`."""
        return frozenset(i for i, step in enumerate(self.steps) if step.on_failure is on_failure)


class Contexts:
    """A bounded cache of RunContext by run id; safe to share, since nothing in it ever changes."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, RunContext] = OrderedDict()

    def of(self, tx: Tx, run_ids: Iterable[str]) -> dict[str, RunContext]:
        """The contexts of runs that exist."""
        wanted = set(run_ids)
        missing = sorted(wanted - self._known.keys())
        if missing:
            for run_id, (playbook_id, revision, seed) in runs.revisions(tx, missing).items():
                steps = playbooks.load_revision(tx, playbook_id, revision).steps
                self._known[run_id] = RunContext(seed, tuple(steps))
        found = {run_id: self._known[run_id] for run_id in wanted if run_id in self._known}
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return found
