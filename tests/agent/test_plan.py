"""Reading a job: defaults, unknown fields of a newer server, and words for what cannot be read."""

from typing import Any

import pytest

from rackhand.agent.fake import make_step
from rackhand.agent.plan import facts_of, read_policy, read_steps
from rackhand.core.assets import Effect
from rackhand.core.errors import Malformed
from rackhand.core.policy import Policy
from rackhand.wire.messages import Job, JobDevice, LeaseGrant


def job(*steps: dict[str, Any], **fields: Any) -> Job:
    return Job(
        lease=LeaseGrant(token="t", epoch=1, ttl_ms=1, expires_at=""),
        run_id="run-7",
        device=JobDevice(index=3, serial="S", runtime_handle="S", label="left"),
        steps=list(steps),
        first_step_index=0,
        dice_index=1,
        seed=1,
        **{"policy": {}, "params": {}, **fields},
    )


def test_a_newer_server_may_say_more() -> None:
    policy = read_policy(job(policy={"grace_wait_ms": 7, "colour": "red"}))
    steps = read_steps(job({**make_step("wait", params={"duration_ms": 1}), "colour": "red"}), policy)

    assert policy == Policy(grace_wait_ms=7)
    assert steps[0].kind == "wait"


def test_what_is_missing_comes_from_the_policy_and_the_kind() -> None:
    step = read_steps(job({"kind": "shell", "params": {"command": "x"}}), Policy(timeout_ms=9, retry_count=2))[0]

    assert (step.timeout_ms, step.retry_count, step.effect, step.title) == (9, 2, Effect.ONCE, "shell")


@pytest.mark.parametrize("kind", ["wait", "logcat"])
def test_a_step_that_is_asked_to_last_has_that_on_top_of_its_timeout(kind: str) -> None:
    lasting = make_step(kind, params={"duration_ms": 600_000}, timeout_ms=90_000)
    steps = read_steps(job(lasting, make_step("logcat", timeout_ms=90_000)), Policy())

    assert [step.timeout_ms for step in steps] == [690_000, 90_000]


@pytest.mark.parametrize("raw", [{}, {"kind": "wait", "effect": "sometimes"}, {"kind": "wait", "on_failure": "cry"}])
def test_a_step_that_makes_no_sense_is_named(raw: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match="step 2 of the job cannot be read"):
        read_steps(job(make_step("screenshot"), raw), Policy())


def test_templates_get_params_device_and_run() -> None:
    assert facts_of(job(params={"x": "1"})) == {
        "params.x": "1",
        "device.index": "3",
        "device.label": "left",
        "run.id": "run-7",
    }
