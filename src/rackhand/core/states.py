"""States and their moves, written once, as data. `move` alone decides; docs/states.md is drawn from here.

Commands (claim, stop, sweep) follow the edges. Reported events are facts and may skip states: see `core.events`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from rackhand.core.errors import IllegalMove

S = TypeVar("S", bound=StrEnum)


class RunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    STOPPED = "stopped"


class DeviceRunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST = "lost"
    SKIPPED_OFFLINE = "skipped_offline"


class StepStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    ABORTED = "aborted"
    SKIPPED = "skipped"


class ScanStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


class RolloutState(StrEnum):
    ROLLING = "rolling"
    HALTED = "halted"
    ABORTED = "aborted"
    DONE = "done"


class ArtifactStatus(StrEnum):
    PENDING = "pending"
    STORED = "stored"
    MISSING = "missing"


class Decision(StrEnum):
    EXECUTED = "executed"
    SKIPPED = "skipped"


class DeviceState(StrEnum):
    """How a device is. The first six are what is seen of it; the last two are what is concluded."""

    ABSENT = "absent"
    OFFLINE = "offline"
    UNAUTHORIZED = "unauthorized"
    BOOTING = "booting"
    ONLINE = "online"
    UNRESPONSIVE = "unresponsive"
    FLAPPING = "flapping"
    QUARANTINED = "quarantined"


class Verdict(StrEnum):
    """What the server made of an event; repeated events get their first verdict again."""

    ACCEPTED = "accepted"
    LATE = "late"
    STALE = "stale"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Machine(Generic[S]):
    """One state machine: its name, its first state and its edges."""

    name: str
    initial: S
    moves: Mapping[S, frozenset[S]]

    def is_final(self, state: S) -> bool:
        return not self.moves[state]

    @property
    def final(self) -> frozenset[S]:
        return frozenset(state for state in self.moves if self.is_final(state))

    @property
    def open(self) -> frozenset[S]:
        return frozenset(state for state in self.moves if not self.is_final(state))


_R, _D, _T, _C, _A = RunStatus, DeviceRunStatus, StepStatus, ScanStatus, ArtifactStatus
_O = RolloutState
_RUN_ENDS = frozenset({_R.SUCCEEDED, _R.PARTIAL, _R.FAILED, _R.STOPPED})
_DEVICE_RUN_ENDS = frozenset({_D.SUCCEEDED, _D.FAILED, _D.STOPPED, _D.LOST})
_STEP_ENDS = frozenset({_T.SUCCEEDED, _T.FAILED, _T.TIMED_OUT, _T.ABORTED})
_SCAN_ENDS = frozenset({_C.SUCCEEDED, _C.FAILED, _C.TIMED_OUT})

RUN = Machine(
    "run",
    _R.QUEUED,
    {
        _R.QUEUED: frozenset({_R.RUNNING, _R.STOPPING}) | _RUN_ENDS,
        _R.RUNNING: frozenset({_R.STOPPING}) | _RUN_ENDS,
        _R.STOPPING: frozenset({_R.STOPPED}),
        **{end: frozenset[RunStatus]() for end in _RUN_ENDS},
    },
)
DEVICE_RUN = Machine(
    "device run",
    _D.QUEUED,
    {
        _D.QUEUED: frozenset({_D.RUNNING, _D.SKIPPED_OFFLINE, _D.STOPPED, _D.FAILED, _D.LOST}),
        _D.RUNNING: frozenset({_D.WAITING}) | _DEVICE_RUN_ENDS,
        _D.WAITING: frozenset({_D.RUNNING}) | _DEVICE_RUN_ENDS,
        _D.SKIPPED_OFFLINE: frozenset(),
        **{end: frozenset[DeviceRunStatus]() for end in _DEVICE_RUN_ENDS},
    },
)
STEP = Machine(
    "step attempt",
    _T.QUEUED,
    {
        _T.QUEUED: frozenset({_T.RUNNING, _T.SKIPPED}),
        _T.RUNNING: _STEP_ENDS,
        _T.SKIPPED: frozenset(),
        **{end: frozenset[StepStatus]() for end in _STEP_ENDS},
    },
)
SCAN = Machine(
    "scan job",
    _C.QUEUED,
    {
        _C.QUEUED: frozenset({_C.RUNNING}) | _SCAN_ENDS,
        _C.RUNNING: _SCAN_ENDS,
        **{end: frozenset[ScanStatus]() for end in _SCAN_ENDS},
    },
)
ROLLOUT = Machine(
    "rollout",
    _O.ROLLING,
    {
        _O.ROLLING: frozenset({_O.HALTED, _O.ABORTED, _O.DONE}),
        _O.HALTED: frozenset({_O.ROLLING, _O.ABORTED}),
        _O.ABORTED: frozenset(),
        _O.DONE: frozenset(),
    },
)
ARTIFACT = Machine(
    "artifact",
    _A.PENDING,
    {
        _A.PENDING: frozenset({_A.STORED, _A.MISSING}),
        _A.STORED: frozenset(),
        _A.MISSING: frozenset(),
    },
)

_V = DeviceState
SEEN = frozenset(_V) - {_V.FLAPPING, _V.QUARANTINED}
"""What an agent sees of a device: adb's word and the agent's own probes."""
_ILL = frozenset({_V.ABSENT, _V.OFFLINE, _V.BOOTING, _V.UNRESPONSIVE})

DEVICE = Machine(
    "device",
    _V.ABSENT,
    {
        **{seen: SEEN - {seen} | {_V.FLAPPING} for seen in _V if seen not in _ILL},
        **{seen: SEEN - {seen} | {_V.FLAPPING, _V.QUARANTINED} for seen in _V if seen in _ILL},
        _V.FLAPPING: SEEN,
        _V.QUARANTINED: SEEN,
    },
)

UNKNOWN_OUTCOMES = frozenset({StepStatus.TIMED_OUT, StepStatus.ABORTED})
"""Step ends after which nobody knows whether the command took effect."""

FAILED_STEPS = frozenset({StepStatus.FAILED, StepStatus.TIMED_OUT, StepStatus.ABORTED})


def move(machine: Machine[S], old: S, new: S) -> S:
    """`new`, if the table has the edge `old -> new`; IllegalMove otherwise, and nothing has changed."""
    if new not in machine.moves[old]:
        raise IllegalMove("a {machine} cannot go from {old} to {new}", machine=machine.name, old=old, new=new)
    return new
