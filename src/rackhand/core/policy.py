"""Execution policy (DESIGN section 4): what a run allows, and what follows from the end of a step attempt."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from rackhand.core.assets import Effect
from rackhand.core.clock import Millis
from rackhand.core.schema import AnyOf, Choice, Field, Integer, Record, Spec, parse
from rackhand.core.states import UNKNOWN_OUTCOMES, StepStatus

_DAY_S = 86_400


def _spec_of(entry: Spec | Field) -> Spec:
    return entry.spec if isinstance(entry, Field) else entry


POLICY = Record(
    {
        "concurrency": Field(Integer(1, 1000), 1),
        "grace_wait_ms": Field(Integer(0, 3_600_000), 15_000),
        "online_window_s": Field(Integer(1, 3600), 30),
        "timeout_ms": Field(Integer(1, _DAY_S * 1000), 90_000),
        "retry_count": Field(Integer(0, 100), 0),
        "offline": Field(AnyOf((Choice(("skip",)), Record({"wait_s": Integer(0, _DAY_S)}))), "skip"),
        "deadline_s": Field(Integer(1, 30 * _DAY_S), _DAY_S),
    }
)
DEFAULTS: dict[str, Any] = parse(POLICY, {})
"""What holds where neither the run nor the workspace says anything."""
POLICY_CHANGES = Record({name: Field(_spec_of(entry), None) for name, entry in POLICY.fields.items()})
"""The same fields, each of them optional or null: only what differs from the defaults."""
BACKOFF_MS = 1000
BACKOFF_MAX_MS = 60_000


class OnFailure(StrEnum):
    """What a failed step means for its device."""

    STOP_DEVICE = "stop_device"
    CONTINUE = "continue"
    STOP_RUN = "stop_run"


class Next(StrEnum):
    """What the executor does after an attempt."""

    ADVANCE = "advance"
    RETRY = "retry"
    WARN = "warn"
    FAIL_DEVICE = "fail_device"
    STOP_RUN = "stop_run"


@dataclass(frozen=True, slots=True)
class Policy:
    """A resolved policy; the fields are those of the HTTP contract."""

    concurrency: int = 1
    grace_wait_ms: int = 15_000
    online_window_s: int = 30
    timeout_ms: int = 90_000
    retry_count: int = 0
    offline: str | dict[str, int] = "skip"
    deadline_s: int = _DAY_S

    @classmethod
    def of(cls, checked: dict[str, Any]) -> "Policy":
        """From a value that `POLICY` has checked, here or in a newer version, whose new fields are left out."""
        return cls(**{name: value for name, value in checked.items() if name in cls.__slots__})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def offline_wait_ms(self) -> int | None:
        """How long an offline device stays queued; None if it is skipped at once."""
        return self.offline["wait_s"] * 1000 if isinstance(self.offline, dict) else None


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """The facts that decide what follows an ended attempt.

    `attempts_charged` counts the attempts so far, those that an agent restart cut short left out.
    """

    status: StepStatus
    attempts_charged: int
    retry_count: int
    effect: Effect
    on_failure: OnFailure
    is_device_back: bool = True
    is_restart: bool = False


def decide(end: AttemptEnd) -> Next:
    """What follows an ended attempt; a device that did not come back fails its run whatever `on_failure` says."""
    if end.status in (StepStatus.SUCCEEDED, StepStatus.SKIPPED):
        return Next.ADVANCE
    if not end.is_device_back:
        return Next.FAIL_DEVICE
    if _may_repeat(end):
        return Next.RETRY
    match end.on_failure:
        case OnFailure.CONTINUE:
            return Next.WARN
        case OnFailure.STOP_RUN:
            return Next.STOP_RUN
    return Next.FAIL_DEVICE


def _may_repeat(end: AttemptEnd) -> bool:
    if end.status in UNKNOWN_OUTCOMES and end.effect is Effect.ONCE:
        return False
    return end.is_restart or end.attempts_charged <= end.retry_count


def backoff_ms(attempt: int) -> int:
    """The pause before the attempt after `attempt` (from 1): 1 s doubling, at most a minute."""
    return min(BACKOFF_MS << min(attempt - 1, 16), BACKOFF_MAX_MS)


def step_deadline_ms(timeout_ms: int, retry_count: int, grace_wait_ms: int) -> int:
    """The longest that one step may take on one device, waiting included."""
    pauses = sum(backoff_ms(attempt) for attempt in range(1, retry_count + 1))
    return (retry_count + 1) * (timeout_ms + grace_wait_ms) + pauses


def is_online(node_last_seen_at: Millis | None, is_probe_good: bool, now: Millis, online_window_s: int) -> bool:
    """Online: the node reported within the window, and the device's own last probe was good."""
    return is_probe_good and node_last_seen_at is not None and now - node_last_seen_at <= online_window_s * 1000
