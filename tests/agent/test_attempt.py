"""How an attempt's end is classified: every kind of error, and what follows from it."""

import pytest

from rackhand.agent.actions.outcome import Outcome
from rackhand.agent.adb.errors import (
    AdbTimeoutError,
    DeviceGoneError,
    ProtocolError,
    ServerDownError,
    UnauthorizedError,
)
from rackhand.agent.attempt import Attempt
from rackhand.agent.fake import make_step
from rackhand.agent.files import FileUnavailable
from rackhand.core.playbook import Step
from rackhand.core.policy import Next
from rackhand.core.states import Decision, StepStatus


def attempt(**fields: object) -> Attempt:
    step = Step.of(make_step("screenshot", title="Look", **fields))
    return Attempt(step, 2, 0.5, Decision.EXECUTED)


@pytest.mark.parametrize(
    ("error", "status", "trouble"),
    [
        (DeviceGoneError("x"), "aborted", "device was disconnected"),
        (ServerDownError("x"), "aborted", "adb server went away"),
        (UnauthorizedError("x"), "aborted", "device asks to allow USB debugging"),
        (ProtocolError("x"), "aborted", "device gave an answer that makes no sense"),
        (ZeroDivisionError("x"), "aborted", "device gave an answer that makes no sense"),
        (AdbTimeoutError("x", phase="open"), "aborted", "device stopped answering"),
        (
            AdbTimeoutError("x", phase="stream"),
            "timed_out",
            "step 3 (Look) did not end within 5000 ms and the device does not answer",
        ),
        (FileUnavailable("no file"), "failed", ""),
    ],
)
def test_each_error_has_its_state_and_its_words(error: Exception, status: str, trouble: str) -> None:
    ended = attempt().after_error(error)

    assert (ended.status.value, ended.trouble) == (status, trouble)
    assert "x" in (ended.error_message or "") or ended.error_message in ("no file", "did not end within 5000 ms")


def test_an_answer_is_a_known_outcome() -> None:
    good = attempt().after_outcome(Outcome(0, "out"))
    bad = attempt().after_outcome(Outcome(3, "out", error_message="exit code 3"))

    assert (good.status, good.exit_code, good.next) == (StepStatus.SUCCEEDED, 0, Next.ADVANCE)
    assert (bad.status, bad.error_message, bad.next) == (StepStatus.FAILED, "exit code 3", Next.FAIL_DEVICE)


def test_the_budget_and_the_device_decide_what_follows() -> None:
    gone = attempt(retry_count=1).abort("x", "device was disconnected")

    assert gone.next is Next.RETRY
    assert attempt(retry_count=1, effect="once").abort("x").next is Next.FAIL_DEVICE
    assert attempt(on_failure="continue").abort("x").next is Next.WARN
    assert attempt(on_failure="stop_run").abort("x").next is Next.STOP_RUN


def test_what_can_only_fail_again_is_not_tried_again() -> None:
    refused = Outcome(error_message="signed by another key", is_worth_retrying=False)

    assert attempt(retry_count=3).after_outcome(refused).next is Next.FAIL_DEVICE
    assert attempt(retry_count=3).after_outcome(Outcome(1, error_message="odd")).next is Next.RETRY
