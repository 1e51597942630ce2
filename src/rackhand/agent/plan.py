"""Reading a job: its policy, its steps with every default filled in, and the values for its templates. Pure."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from rackhand.core.assets import KINDS, Effect
from rackhand.core.errors import Malformed
from rackhand.core.playbook import Step
from rackhand.core.policy import OnFailure, Policy
from rackhand.wire.messages import Job

_POLICY_FIELDS = frozenset(each.name for each in fields(Policy))
_LASTING = frozenset({"wait", "logcat"})  # kinds that go on for the `duration_ms` they were given
_OPTIONAL: dict[str, Any] = {
    "id": "",
    "asset_id": "",
    "asset_revision": 1,
    "title": "",
    "params": {},
    "probability": 1.0,
    "timeout_ms": None,
    "retry_count": None,
    "on_failure": OnFailure.STOP_DEVICE.value,
}


def read_policy(job: Job) -> Policy:
    """Fields of a newer server are left out."""
    return Policy(**{name: value for name, value in job.policy.items() if name in _POLICY_FIELDS})


def read_steps(job: Job, policy: Policy) -> list[Step]:
    """Malformed names the step that cannot be read; nothing was touched."""
    return [_read_step(index, raw, policy) for index, raw in enumerate(job.steps)]


def _read_step(index: int, raw: Mapping[str, Any], policy: Policy) -> Step:
    try:
        kind = raw["kind"]
        values = {name: raw.get(name, default) for name, default in _OPTIONAL.items()}
        values |= {"kind": kind, "title": values["title"] or kind}
        values["effect"] = raw.get("effect") or (KINDS[kind].effect if kind in KINDS else Effect.ONCE)
        return _with_time(Step.of(values).with_policy(policy))
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(
            "step {n} of the job cannot be read: {kind}: {reason}",
            n=index + 1,
            kind=type(error).__name__,
            reason=str(error),
        ) from None


def _with_time(step: Step) -> Step:
    """A step that is asked to last has its duration on top of its timeout."""
    duration_ms = step.params.get("duration_ms")
    if step.kind not in _LASTING or not isinstance(duration_ms, int):
        return step
    return replace(step, timeout_ms=(step.timeout_ms or 0) + duration_ms)


def facts_of(job: Job) -> dict[str, str]:
    """What `{{ params.x }}` and its kin stand for."""
    facts = {f"params.{name}": str(value) for name, value in job.params.items()}
    facts |= {f"secrets.{name}": value for name, value in job.secrets.items()}
    facts["device.index"] = str(job.device.index)
    facts["device.label"] = job.device.label or ""
    facts["run.id"] = job.run_id
    return facts
