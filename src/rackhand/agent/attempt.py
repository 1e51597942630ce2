"""One attempt of one step as a frozen value, and the one place that maps how it ended to a state."""

from dataclasses import dataclass, replace

from rackhand.agent.actions.outcome import Outcome, ProducedFile
from rackhand.agent.adb.errors import (
    AdbError,
    AdbTimeoutError,
    DeviceGoneError,
    ServerDownError,
    ServerUnusableError,
    UnauthorizedError,
)
from rackhand.core import step_reasons
from rackhand.core.clock import Millis
from rackhand.core.errors import RackhandError
from rackhand.core.playbook import Step
from rackhand.core.policy import AttemptEnd, Next, decide
from rackhand.core.states import Decision, StepStatus

_WORKING = ("stream", "finish")  # phases of a call in which the device had taken it
_TROUBLE: tuple[tuple[type[AdbError], str], ...] = (
    (DeviceGoneError, step_reasons.DISCONNECTED),
    (UnauthorizedError, step_reasons.UNAUTHORIZED),
    (ServerDownError, step_reasons.SERVER_GONE),
    (ServerUnusableError, step_reasons.SERVER_UNUSABLE),
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """`trouble` says in words what was wrong with the device ("" nothing); `is_cut`: the agent itself ended it
    (restart, out of contact), which is not charged; `is_cancelled`: the server ended the lease."""

    step: Step
    step_index: int
    drawn: float
    decision: Decision
    number: int = 1
    charged: int = 1
    status: StepStatus = StepStatus.RUNNING
    started_at: Millis | None = None
    finished_at: Millis | None = None
    exit_code: int | None = None
    output_tail: str | None = None
    output_lines: int | None = None
    error_message: str | None = None
    files: tuple[ProducedFile, ...] = ()
    trouble: str = ""
    is_device_back: bool = True
    is_cut: bool = False
    is_cancelled: bool = False

    @property
    def where(self) -> str:
        """The step as operators know it: `step 3 (Take a screenshot)`."""
        return "step {n} ({text})".format(**self.place)

    @property
    def place(self) -> dict[str, object]:
        """The step, as the reasons name it."""
        return {"n": self.step_index + 1, "text": self.step.title}

    @property
    def next(self) -> Next:
        """What follows, by the policy that the server knows too."""
        assert self.step.retry_count is not None
        return decide(
            AttemptEnd(
                status=self.status,
                attempts_charged=self.charged,
                retry_count=self.step.retry_count,
                effect=self.step.effect,
                on_failure=self.step.on_failure,
                is_device_back=self.is_device_back,
                is_restart=self.is_cut,
            )
        )

    def after_outcome(self, outcome: Outcome) -> "Attempt":
        """The device answered, well or badly. What can only fail again has no retries left."""
        step = self.step if outcome.is_worth_retrying else replace(self.step, retry_count=0)
        status = StepStatus.SUCCEEDED if outcome.is_success else StepStatus.FAILED
        return replace(
            self,
            step=step,
            status=status,
            exit_code=outcome.exit_code,
            error_message=outcome.error_message,
            files=outcome.files,
        )

    def after_error(self, error: BaseException) -> "Attempt":
        """Trouble on the way (outcome unknown), or a reason of the agent's own (known: it failed)."""
        message = str(error) or type(error).__name__
        if isinstance(error, AdbTimeoutError):
            return self._after_timeout(error, message)
        for kind, trouble in _TROUBLE:
            if isinstance(error, kind):
                return self.abort(message, trouble)
        if isinstance(error, RackhandError) and not isinstance(error, AdbError):
            return replace(self, status=StepStatus.FAILED, error_message=message)
        return self.abort(f"{type(error).__name__}: {message}", step_reasons.NO_SENSE)

    def _after_timeout(self, error: AdbTimeoutError, message: str) -> "Attempt":
        """The step's own deadline, or one on the way to the device (it never answered the call)."""
        if error.phase not in _WORKING:
            return self.abort(message, step_reasons.STOPPED_ANSWERING)
        late = step_reasons.LATE.format(n=self.step.timeout_ms)
        trouble = step_reasons.UNANSWERED.format(reason=late, **self.place)
        return replace(self, status=StepStatus.TIMED_OUT, error_message=late, trouble=trouble)

    def abort(self, message: str, trouble: str = "") -> "Attempt":
        """Ended without an answer: nobody knows whether it took effect."""
        return replace(self, status=StepStatus.ABORTED, error_message=message, trouble=trouble)
