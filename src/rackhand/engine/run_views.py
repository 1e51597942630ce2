"""Views of runs: one run, the list, one device of it with its steps and log. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rackhand.core import dice, heatmap
from rackhand.core.clock import Millis
from rackhand.core.errors import NotFound
from rackhand.core.playbook import Step
from rackhand.core.states import DeviceRunStatus, StepStatus
from rackhand.engine import playbooks
from rackhand.engine.runs import load_run
from rackhand.store import artifacts, device_runs, rollouts, run_secrets, runs, steps
from rackhand.store.artifacts import ArtifactRow
from rackhand.store.db import Tx
from rackhand.store.device_runs import DeviceRunRow
from rackhand.store.runs import RunRow
from rackhand.store.steps import AttemptRow


@dataclass(frozen=True, slots=True)
class RolloutView:
    """How a run is rolled out: as asked, then the sizes of the waves, which one is open, and why it is not going on."""

    waves: list[int | str]
    max_failed_ratio: float
    auto: bool
    sizes: list[int]
    open_wave: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class RunView:
    id: str
    title: str
    playbook_id: str
    playbook_revision: int
    status: str
    counts: dict[str, int]
    target: dict[str, Any]
    params: dict[str, Any]
    seed: int
    trigger: str
    parent_run_id: str | None
    rev: int
    last_error_message: str | None
    deadline_at: Millis
    stop_requested_at: Millis | None
    created_at: Millis
    started_at: Millis | None
    finished_at: Millis | None
    created_by: str | None
    rollout: RolloutView | None
    rollout_state: str | None


@dataclass(frozen=True, slots=True)
class WaveView:
    """One wave of a rollout, from 1; wave 0 is of devices that were left out when the run was made."""

    wave: int
    is_open: bool
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class DeviceCell:
    """One device run in the overview of its run."""

    index: int
    node_id: str | None
    serial: str
    label: str | None
    status: str
    late_status: str | None
    activity: int
    current_step_index: int
    step_count: int
    warning_count: int
    grace_left_ms: int | None
    rev: int
    started_at: Millis | None
    finished_at: Millis | None
    last_seen_at: Millis | None
    last_error_message: str | None
    wave: int


@dataclass(frozen=True, slots=True)
class RunHeatmap:
    """`packed` has one activity digit per device run, in the order of indexes; null when only changes are sent."""

    packed: str | None
    devices: list[DeviceCell]


@dataclass(frozen=True, slots=True)
class RunDetail:
    """GET /api/runs/{id}; with `since`, `heatmap.devices` holds only what changed and `full` is false. `waves` is empty
    without a rollout. `secrets` are names; nobody gets the values but the nodes."""

    run: RunView
    policy: dict[str, Any]
    counts: dict[str, int]
    heatmap: RunHeatmap
    last_error_message: str | None
    rev: int
    full: bool
    waves: list[WaveView]
    secrets: list[str]


@dataclass(frozen=True, slots=True)
class RunPage:
    items: list[RunView]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    attempt: int
    status: str
    exit_code: int | None
    output_tail: str | None
    output_lines: int
    late: bool
    late_status: str | None
    started_at: Millis | None
    finished_at: Millis | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class StepView:
    """One step on one device: its dice and its attempts; without attempts it is queued, with the draw to come."""

    step_index: int
    step_id: str
    title: str
    kind: str
    status: str
    probability: float
    draw: float
    is_draw_flagged: bool
    decision: str
    attempts: list[Attempt]


@dataclass(frozen=True, slots=True)
class LogLine:
    """`line` counts from 1 over the kept tails of all attempts of the device run."""

    line: int
    step_index: int
    attempt: int
    text: str


@dataclass(frozen=True, slots=True)
class ArtifactView:
    id: str
    step_index: int | None
    kind: str
    status: str
    content_type: str
    size: int
    sha256: str | None
    late: bool
    created_at: Millis


@dataclass(frozen=True, slots=True)
class DeviceRunDetail:
    """GET /api/runs/{id}/devices/{index}"""

    run_id: str
    device: DeviceCell
    steps: list[StepView]
    log: list[LogLine]
    artifacts: list[ArtifactView]


@dataclass(frozen=True, slots=True)
class LogPage:
    lines: list[LogLine]
    last_line: int


LOG_TAIL = 200


def view_run(run: RunRow) -> RunView:
    values = {name: getattr(run, name) for name in RunView.__slots__ if name not in ("status", "rollout")}
    return RunView(**values, status=run.status.value, rollout=_rollout(run))


def _rollout(run: RunRow) -> RolloutView | None:
    asked = run.rollout
    if asked is None:
        return None
    return RolloutView(
        waves=list(asked.waves),
        max_failed_ratio=asked.max_failed_ratio,
        auto=asked.auto,
        sizes=list(asked.sizes),
        open_wave=run.open_wave,
        reason=run.rollout_reason,
    )


def get_run(tx: Tx, run_id: str, since: int | None = None, view: str = "plain") -> RunDetail | None:
    """One run; None when nothing changed after `since`. The view `packed` leaves the devices out, for the heatmap."""
    run = load_run(tx, run_id)
    if view == "packed":
        statuses = (DeviceRunStatus(status) for _, status in device_runs.cells(tx, run_id))
        return _detail(tx, run, RunHeatmap(heatmap.pack(map(heatmap.activity, statuses)), []), is_full=True)
    if since == run.rev:
        return None
    is_full = since is None or not 0 <= since < run.rev
    rows = device_runs.of_run(tx, run_id, since_rev=0 if is_full else since or 0)
    cells = [_cell(row) for row in rows]
    packed = heatmap.pack(cell.activity for cell in cells) if is_full else None
    return _detail(tx, run, RunHeatmap(packed, cells), is_full)


def _detail(tx: Tx, run: RunRow, shown: RunHeatmap, is_full: bool) -> RunDetail:
    return RunDetail(
        run=view_run(run),
        policy=run.policy.as_json(),
        counts=run.counts,
        heatmap=shown,
        last_error_message=run.last_error_message,
        rev=run.rev,
        full=is_full,
        waves=_waves(tx, run),
        secrets=sorted(run_secrets.get(tx, run.id)),
    )


def _waves(tx: Tx, run: RunRow) -> list[WaveView]:
    if run.rollout is None:
        return []
    found = rollouts.waves(tx, run.id)
    return [WaveView(wave, 1 <= wave <= run.open_wave, found[wave]) for wave in sorted(found)]


def get_rev(tx: Tx, run_id: str) -> int:
    """The rev of a run: all that a poll of an unchanged run reads."""
    return load_run(tx, run_id).rev


def list_runs(tx: Tx, *, limit: int, after: tuple[int, str] | None, filters: Mapping[str, str | None]) -> list[RunView]:
    """Newest first."""
    return [view_run(run) for run in runs.page(tx, limit=limit, after=after, **filters)]


def _cell(row: DeviceRunRow) -> DeviceCell:
    return DeviceCell(
        index=row.device_index,
        activity=int(heatmap.activity(DeviceRunStatus(row.status))),
        **{name: getattr(row, name) for name in DeviceCell.__slots__ if name not in ("index", "activity")},
    )


def get_device_run(tx: Tx, run_id: str, device_index: int) -> DeviceRunDetail:
    """One device of a run: every step with its draw and attempts, the log's tail, and its artifacts."""
    run, row, attempts = _load(tx, run_id, device_index)
    definition = playbooks.load_revision(tx, run.playbook_id, run.playbook_revision).steps
    return DeviceRunDetail(
        run_id=run_id,
        device=_cell(row),
        steps=[
            _step(i, step, run, row, [a for a in attempts if a.step_index == i]) for i, step in enumerate(definition)
        ],
        log=log_lines(attempts)[-LOG_TAIL:],
        artifacts=[_artifact(found) for found in artifacts.of_device_run(tx, run_id, device_index)],
    )


def get_log(tx: Tx, run_id: str, device_index: int, after: int, limit: int) -> LogPage:
    """Log lines after line `after`."""
    _, _, attempts = _load(tx, run_id, device_index)
    lines = log_lines(attempts)
    return LogPage([line for line in lines if line.line > after][:limit], len(lines))


def _load(tx: Tx, run_id: str, device_index: int) -> tuple[RunRow, DeviceRunRow, list[AttemptRow]]:
    run = load_run(tx, run_id)
    row = device_runs.get(tx, run_id, device_index)
    if row is None:
        raise NotFound("run {id} has no device {device_index}", id=run_id, device_index=device_index)
    return run, row, steps.of_device_run(tx, run_id, device_index)


def _step(index: int, step: Step, run: RunRow, row: DeviceRunRow, attempts: Sequence[AttemptRow]) -> StepView:
    last = attempts[-1] if attempts else None
    drawn = dice.draw(run.seed, row.dice_index, index)
    draw = last.draw if last is not None and last.draw is not None else drawn
    probability = last.probability if last is not None and last.probability is not None else step.probability
    decision = last.decision if last is not None and last.decision else dice.decide(draw, probability).value
    return StepView(
        step_index=index,
        step_id=step.id,
        title=step.title,
        kind=step.kind,
        status=last.status if last is not None else StepStatus.QUEUED.value,
        probability=probability,
        draw=draw,
        is_draw_flagged=any(a.is_draw_flagged for a in attempts),
        decision=decision,
        attempts=[Attempt(**{name: getattr(a, name) for name in Attempt.__slots__}) for a in attempts],
    )


def _artifact(row: ArtifactRow) -> ArtifactView:
    return ArtifactView(**{name: getattr(row, name) for name in ArtifactView.__slots__})


def log_lines(attempts: Sequence[AttemptRow]) -> list[LogLine]:
    """The kept output tails of all attempts as numbered lines; an error message is a line of its own."""
    lines: list[LogLine] = []
    for attempt in attempts:
        texts = (attempt.output_tail or "").splitlines()
        if attempt.error_message:
            texts.append(f"! {attempt.error_message}")
        for text in texts:
            lines.append(LogLine(len(lines) + 1, attempt.step_index, attempt.attempt, text))
    return lines
