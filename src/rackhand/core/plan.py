"""Plans: what a run would do. Which devices, in which order, who is left out and why, and how long it may take."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt

from rackhand.core.playbook import Step
from rackhand.core.policy import Policy
from rackhand.core.reasons import NO_NODE, OFFLINE
from rackhand.core.states import DeviceRunStatus


@dataclass(frozen=True, slots=True)
class Candidate:
    """A device as the planner sees it; `is_online` is DESIGN's rule, `blocked_by` a reason that keeps it out."""

    id: str
    index_no: int | None
    serial: str
    node_id: str | None
    label: str | None
    labels: dict[str, str]
    is_online: bool
    blocked_by: str | None = None
    usb_path: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedDevice:
    """One device run to be: queued, or skipped_offline with its reason. `wave` counts from 1; 0 is in none."""

    device: Candidate
    device_index: int
    dice_index: int
    status: DeviceRunStatus
    reason: str | None = None
    first_step_index: int = 0
    wave: int = 0


@dataclass(frozen=True, slots=True)
class Expectation:
    """How often a step is likely to be executed: the mean, and 95 % of all runs lie in low..high."""

    mean: float
    low: int
    high: int


def arrange(devices: Iterable[Candidate], policy: Policy) -> list[PlannedDevice]:
    """Device runs in the order of their index. An offline device is never scheduled at once: it is skipped, or it
    waits in the queue if the policy says so. Devices without an index cannot be named and are left out."""
    return [
        PlannedDevice(device, device.index_no, device.index_no, *_standing(device, policy))
        for device in sorted(devices, key=lambda d: d.index_no or 0)
        if device.index_no is not None
    ]


def _standing(device: Candidate, policy: Policy) -> tuple[DeviceRunStatus, str | None]:
    if device.blocked_by is not None:
        return DeviceRunStatus.SKIPPED_OFFLINE, device.blocked_by
    if device.node_id is None:
        return DeviceRunStatus.SKIPPED_OFFLINE, NO_NODE
    if not device.is_online and policy.offline_wait_ms is None:
        return DeviceRunStatus.SKIPPED_OFFLINE, OFFLINE
    return DeviceRunStatus.QUEUED, None if device.is_online else OFFLINE


def expect(device_count: int, probability: float) -> Expectation:
    """Executions of one step over `device_count` devices (binomial, +-1.96 standard deviations)."""
    mean = device_count * probability
    spread = 1.96 * sqrt(device_count * probability * (1 - probability))
    return Expectation(mean, max(0, round(mean - spread)), min(device_count, round(mean + spread)))


def eta_ms(
    planned: Sequence[PlannedDevice], steps: Sequence[Step], policy: Policy, typical_ms: Mapping[str, int]
) -> int | None:
    """How long the run may take: the slowest node's share, or None while a kind of step has no history."""
    if any(step.kind not in typical_ms for step in steps):
        return None
    each = sum(step.probability * typical_ms[step.kind] for step in steps)
    per_node = Counter(p.device.node_id for p in planned if p.status is DeviceRunStatus.QUEUED)
    return max((ceil(ceil(count / policy.concurrency) * each) for count in per_node.values()), default=0)
