"""What use cases tell of themselves (`tx.tell`): values for log lines, metrics and traces, heard after the commit.

Nothing is decided by them and nothing is stored of them: a fact that nobody hears changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rackhand.core.clock import Millis
from rackhand.core.states import RUN, DeviceRunStatus, RunStatus
from rackhand.store.runs import RunRow


@dataclass(frozen=True, slots=True)
class RunMoved:
    """A run was made, or its status changed. `counts` are the device runs by status."""

    run_id: str
    status: RunStatus
    title: str
    counts: dict[str, int]
    created_at: Millis
    finished_at: Millis | None

    @classmethod
    def of(cls, run: RunRow, status: RunStatus, now: Millis) -> "RunMoved":
        finished_at = now if RUN.is_final(status) else None
        return cls(run.id, status, run.title, run.counts, run.created_at, finished_at)


@dataclass(frozen=True, slots=True)
class DeviceRunMoved:
    """The status of a device run changed, by its node's report or (`by_server`) by the server's own word."""

    run_id: str
    device: int
    node_id: str | None
    status: DeviceRunStatus
    by_server: bool
    at: Millis
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class GroupApplied:
    """A group commit of callbacks."""

    requests: int
    events: int


@dataclass(frozen=True, slots=True)
class NodeMoved:
    """A node reports again, or is silent."""

    node_id: str
    is_online: bool


@dataclass(frozen=True, slots=True)
class GapForgiven:
    """All servers were away, or the clock jumped (back: negative); every deadline was moved by the gap."""

    gap_ms: int


Fact = RunMoved | DeviceRunMoved | GroupApplied | NodeMoved | GapForgiven


def known(facts: Iterable[object]) -> Iterable[Fact]:
    """Those that are facts of the engine."""
    return (fact for fact in facts if isinstance(fact, Fact))
