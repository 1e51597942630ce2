"""Folding: reported events are facts, and any order and any duplication of a node's history ends in the same rows.

A device run keeps, for each thing that facts say about it (status, position, error), the highest `seq` that said it.
`task_finished` carries the lease's last seq N: facts with seq < N that come later are taken in, seq > N is stale.
When the server has closed the device run itself (lost, stopped, ...), its lease is fenced: facts are kept as late, the
status does not move. A final step attempt never becomes another final one; late news of it stands in `late_status`.
"""

from dataclasses import dataclass, replace

from rackhand.core.clock import Millis
from rackhand.core.lease import Standing, standing
from rackhand.core.states import (
    DEVICE_RUN,
    FAILED_STEPS,
    STEP,
    ArtifactStatus,
    Decision,
    DeviceRunStatus,
    StepStatus,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class TaskStarted:
    seq: int
    at: Millis


@dataclass(frozen=True, slots=True)
class TaskProgress:
    seq: int
    at: Millis
    status: DeviceRunStatus  # running or waiting
    step_index: int
    grace_left_ms: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class StepUpdate:
    seq: int
    at: Millis
    step_index: int
    attempt: int
    status: StepStatus
    probability: float
    draw: float
    decision: Decision
    exit_code: int | None = None
    output_tail: str | None = None
    output_lines: int | None = None
    started_at: Millis | None = None
    finished_at: Millis | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class ArtifactCreated:
    seq: int
    at: Millis
    artifact_id: str
    step_index: int
    kind: str
    content_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TaskFinished:
    seq: int
    at: Millis
    status: DeviceRunStatus  # succeeded, failed or stopped
    error_message: str | None


Fact = TaskStarted | TaskProgress | StepUpdate | ArtifactCreated | TaskFinished


@dataclass(frozen=True, slots=True)
class DeviceRunFacts:
    """The columns of run_device_states that facts may change, and those that name the row."""

    id: str
    run_id: str
    device_id: str
    device_index: int
    node_id: str | None
    lease_token: str | None
    status: DeviceRunStatus
    late_status: DeviceRunStatus | None = None
    current_step_index: int = 0
    grace_left_ms: int | None = None
    last_event_seq: int = 0
    status_seq: int = 0
    step_seq: int = 0
    error_seq: int = 0
    finished_seq: int | None = None
    started_at: Millis | None = None
    finished_at: Millis | None = None
    last_error_message: str | None = None
    dice_index: int = 0


@dataclass(frozen=True, slots=True)
class StepFacts:
    """One row of run_steps: the attempt of a step on a device."""

    run_id: str
    device_index: int
    step_index: int
    attempt: int
    status: StepStatus
    probability: float
    draw: float
    decision: Decision
    exit_code: int | None
    output_tail: str | None
    output_lines: int
    started_at: Millis | None
    finished_at: Millis | None
    error_message: str | None
    last_seq: int
    late: bool = False
    late_status: StepStatus | None = None


@dataclass(frozen=True, slots=True)
class ArtifactFacts:
    """A new row of artifacts."""

    id: str
    run_id: str
    device_index: int
    step_index: int
    node_id: str
    kind: str
    content_type: str
    size: int
    sha256: str
    late: bool
    status: ArtifactStatus = ArtifactStatus.PENDING


def fold(row: DeviceRunFacts, fact: Fact) -> tuple[DeviceRunFacts, Verdict]:
    """The device run after one fact, and the verdict on the fact; a stale fact changes nothing."""
    match standing(row.status, row.finished_seq):
        case Standing.FENCED:
            return _fold_late(row, fact), Verdict.LATE
        case Standing.ENDED if fact.seq > (row.finished_seq or 0) or _contradicts(row, fact):
            return row, Verdict.STALE
    row = replace(row, last_event_seq=max(row.last_event_seq, fact.seq))
    match fact:
        case TaskStarted():
            row = replace(row, started_at=fact.at if row.started_at is None else min(row.started_at, fact.at))
        case TaskProgress():
            row = _fold_progress(row, fact)
        case StepUpdate():
            row = _fold_position(row, fact.seq, fact.step_index)
            if fact.status in FAILED_STEPS:
                row = _fold_error(row, fact.seq, fact.error_message)
        case TaskFinished():
            return _fold_finish(row, fact), Verdict.ACCEPTED
    return _imply_running(row), Verdict.ACCEPTED


def _contradicts(row: DeviceRunFacts, fact: Fact) -> bool:
    return isinstance(fact, TaskFinished) and (fact.seq, fact.status) != (row.finished_seq, row.status)


def _imply_running(row: DeviceRunFacts) -> DeviceRunFacts:
    return replace(row, status=DeviceRunStatus.RUNNING) if row.status is DeviceRunStatus.QUEUED else row


def _fold_progress(row: DeviceRunFacts, fact: TaskProgress) -> DeviceRunFacts:
    row = _fold_error(_fold_position(row, fact.seq, fact.step_index), fact.seq, fact.reason)
    if DEVICE_RUN.is_final(row.status) or fact.seq < row.status_seq:
        return row
    return replace(row, status=fact.status, status_seq=fact.seq, grace_left_ms=fact.grace_left_ms)


def _fold_finish(row: DeviceRunFacts, fact: TaskFinished) -> DeviceRunFacts:
    if DEVICE_RUN.is_final(row.status):
        return row
    row = _fold_error(row, fact.seq, fact.error_message)
    return replace(
        row,
        status=fact.status,
        status_seq=fact.seq,
        finished_seq=fact.seq,
        finished_at=fact.at,
        grace_left_ms=None,
    )


def _fold_position(row: DeviceRunFacts, seq: int, step_index: int) -> DeviceRunFacts:
    return row if seq < row.step_seq else replace(row, step_seq=seq, current_step_index=step_index)


def _fold_error(row: DeviceRunFacts, seq: int, message: str | None) -> DeviceRunFacts:
    if not message or seq < row.error_seq:
        return row
    return replace(row, error_seq=seq, last_error_message=message)


def _fold_late(row: DeviceRunFacts, fact: Fact) -> DeviceRunFacts:
    if isinstance(fact, TaskFinished) and row.late_status is None:
        return replace(row, late_status=fact.status)
    return row


def fold_step(
    old: StepFacts | None, fact: StepUpdate, row: DeviceRunFacts, *, is_late: bool
) -> tuple[StepFacts | None, Verdict]:
    """The attempt's row after one fact. A final status never moves; what a fenced lease adds is marked late.

    Of a fenced lease only ends count: nobody would ever close the row that a beginning made.
    """
    verdict = Verdict.LATE if is_late else Verdict.ACCEPTED
    if is_late and not STEP.is_final(fact.status):
        return old, verdict
    if old is None:
        return _step_of(fact, row, is_late=is_late), verdict
    if STEP.is_final(old.status):
        if not STEP.is_final(fact.status):
            return _fill_in(old, fact), verdict
        if is_late:
            return _fold_late_step(old, fact), verdict
        return old, verdict if fact.status is old.status else Verdict.STALE
    if STEP.is_final(fact.status) or fact.seq > old.last_seq:
        return _merge_step(old, _step_of(fact, row, is_late=is_late or old.late)), verdict
    return _fill_in(old, fact), verdict


def _fill_in(old: StepFacts, fact: StepUpdate) -> StepFacts:
    """What an overtaken fact still adds: the same as if it had come in time."""
    return replace(
        old,
        started_at=_first(old.started_at, fact.started_at),
        output_lines=max(old.output_lines, fact.output_lines or 0),
        last_seq=max(old.last_seq, fact.seq),
    )


def _fold_late_step(old: StepFacts, fact: StepUpdate) -> StepFacts:
    if fact.seq <= old.last_seq or (old.late and old.late_status is None):
        return old
    return replace(
        old,
        late=True,
        late_status=fact.status,
        last_seq=fact.seq,
        exit_code=fact.exit_code,
        output_tail=fact.output_tail if fact.output_tail is not None else old.output_tail,
        output_lines=max(old.output_lines, fact.output_lines or 0),
    )


def _merge_step(old: StepFacts, new: StepFacts) -> StepFacts:
    return replace(
        new,
        started_at=_first(old.started_at, new.started_at),
        output_lines=max(old.output_lines, new.output_lines),
        last_seq=max(old.last_seq, new.last_seq),
    )


def _step_of(fact: StepUpdate, row: DeviceRunFacts, *, is_late: bool) -> StepFacts:
    return StepFacts(
        run_id=row.run_id,
        device_index=row.device_index,
        step_index=fact.step_index,
        attempt=fact.attempt,
        status=fact.status,
        probability=fact.probability,
        draw=fact.draw,
        decision=fact.decision,
        exit_code=fact.exit_code,
        output_tail=fact.output_tail,
        output_lines=fact.output_lines or 0,
        started_at=fact.started_at,
        finished_at=fact.finished_at,
        error_message=fact.error_message,
        last_seq=fact.seq,
        late=is_late,
    )


def _first(a: Millis | None, b: Millis | None) -> Millis | None:
    return b if a is None else a if b is None else min(a, b)
