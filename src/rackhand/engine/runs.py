"""Runs: plan, create, stop. One transaction each; nodes that got work are returned, to be woken after the commit."""

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rackhand.core import dice, reasons
from rackhand.core.clock import Millis
from rackhand.core.errors import Conflict, FieldError, Invalid, NotFound
from rackhand.core.lease import Periods
from rackhand.core.message import word
from rackhand.core.plan import Candidate, PlannedDevice, arrange, eta_ms, expect
from rackhand.core.playbook import Step
from rackhand.core.policy import Policy
from rackhand.core.progress import empty_counts, roll_up
from rackhand.core.rollout import Rollout, in_waves
from rackhand.core.states import ROLLOUT, RUN, DeviceRunStatus, RolloutState, RunStatus, move
from rackhand.core.target import format_indexes, select
from rackhand.engine import playbooks, run_audit
from rackhand.engine.closing import close
from rackhand.engine.facts import RunMoved
from rackhand.engine.rollup import RunChange, settle
from rackhand.engine.run_requests import Resolved, resolve
from rackhand.store import inventory, leases, run_secrets, runs, steps
from rackhand.store.db import Tx
from rackhand.store.run_secrets import Sealed
from rackhand.store.runs import RunRow

MAX_DEVICE_RUNS = 100_000


@dataclass(frozen=True, slots=True)
class CreatedRun:
    """The answer to POST /api/runs."""

    id: str
    status: str
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Created:
    """A created run and the nodes that now have work."""

    view: CreatedRun
    wake: frozenset[str]


@dataclass(frozen=True, slots=True)
class PlannedView:
    device_index: int
    node_id: str | None
    serial: str
    label: str | None


@dataclass(frozen=True, slots=True)
class ExclusionView:
    """A selected device that would not run, and why."""

    device_index: int | None
    serial: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExpectedStep:
    """How often a step is likely to be executed; 95 % of all runs lie in low..high."""

    step_index: int
    title: str
    kind: str
    probability: float
    expected: float
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class PlannedWave:
    """One wave of a rollout, from 1, and the indexes of its devices as an expression such as `3,7-9`."""

    wave: int
    size: int
    indexes: str


@dataclass(frozen=True, slots=True)
class PlanView:
    """The answer to POST /api/runs/plan; `eta_ms` is null while a kind of step has no history. `waves` is empty without
    a rollout; a run with this `seed` has the same ones, and the same dice."""

    devices: list[PlannedView]
    exclusions: list[ExclusionView]
    steps: list[ExpectedStep]
    eta_ms: int | None
    seed: int
    waves: list[PlannedWave]


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked for a run, how and from where; of a rerun also its parent and what it repeats. `sealed`: the secrets of
    the request, encrypted by whoever has the key: none is ever stored in another form."""

    trigger: str = "api"
    actor: str | None = None
    parent_run_id: str | None = None
    rerun: dict[str, Any] | None = None
    title: str | None = None
    remote_addr: str | None = None
    sealed: Mapping[str, Sealed] = field(default_factory=dict)


def plan_run(tx: Tx, request: dict[str, Any], ready: Sequence[Step] | None = None) -> PlanView:
    """What a checked run request would do now; nothing is written. `ready`: as in `run_requests.resolve`."""
    resolved = resolve(tx, request, ready)
    chosen = _choose(tx, resolved)
    seed = _seed_of(resolved)
    rollout, planned = _in_waves(arrange(chosen, resolved.policy), resolved, seed)
    queued = [p for p in planned if p.status is DeviceRunStatus.QUEUED]
    typical = steps.typical_ms(tx, {step.kind for step in resolved.steps})
    return PlanView(
        devices=[PlannedView(p.device_index, p.device.node_id, p.device.serial, p.device.label) for p in queued],
        exclusions=_exclusions(planned, chosen),
        steps=[_expected(i, step, len(queued)) for i, step in enumerate(resolved.steps)],
        eta_ms=_eta_ms(queued, resolved, typical),
        seed=seed,
        waves=[_wave(queued, number) for number in range(1, len(rollout.sizes) + 1)] if rollout else [],
    )


def _eta_ms(queued: Sequence[PlannedDevice], resolved: Resolved, typical: Mapping[str, int]) -> int | None:
    """Waves take their time one after the other."""
    waves = sorted({p.wave for p in queued}) or [0]
    parts = [eta_ms([p for p in queued if p.wave == n], resolved.steps, resolved.policy, typical) for n in waves]
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _seed_of(resolved: Resolved) -> int:
    return secrets.randbelow(dice.MAX_SEED + 1) if resolved.seed is None else resolved.seed


def _in_waves(
    planned: Sequence[PlannedDevice], resolved: Resolved, seed: int
) -> tuple[Rollout | None, Sequence[PlannedDevice]]:
    return (None, planned) if resolved.rollout is None else in_waves(planned, resolved.rollout, seed)


def _wave(queued: Sequence[PlannedDevice], number: int) -> PlannedWave:
    indexes = [p.device_index for p in queued if p.wave == number]
    return PlannedWave(number, len(indexes), format_indexes(indexes))


def _exclusions(planned: Sequence[PlannedDevice], chosen: Sequence[Candidate]) -> list[ExclusionView]:
    left_out = [
        ExclusionView(p.device_index, p.device.serial, p.reason or "")
        for p in planned
        if p.status is not DeviceRunStatus.QUEUED
    ]
    return left_out + [ExclusionView(None, d.serial, reasons.NO_INDEX) for d in chosen if d.index_no is None]


def _expected(index: int, step: Step, device_count: int) -> ExpectedStep:
    e = expect(device_count, step.probability)
    return ExpectedStep(index, step.title, step.kind, step.probability, e.mean, e.low, e.high)


def _choose(tx: Tx, resolved: Resolved) -> list[Candidate]:
    named = inventory.named(tx, resolved.target)
    candidates = inventory.candidates(tx, tx.now, resolved.policy.online_window_s, *named)
    chosen = select(resolved.target, candidates)
    if not any(device.index_no is not None for device in chosen):
        raise Invalid([FieldError("/target", "matches no device; no run was created")])
    return chosen


def create_run(tx: Tx, request: dict[str, Any], origin: Origin, ready: Sequence[Step] | None = None) -> Created:
    """Plan and store a run; a run of nothing but excluded devices is final at once. `ready`: as in `resolve`."""
    resolved = resolve(tx, request, ready)
    if set(request["secrets"]) != set(origin.sealed):
        raise RuntimeError("whoever makes a run seals its secrets first")
    planned = arrange(_choose(tx, resolved), resolved.policy)
    if resolved.is_adhoc:
        playbook_id, revision = playbooks.adhoc(tx, resolved.title, resolved.steps)
        origin = replace(origin, trigger="adhoc") if origin.trigger == "api" else origin
    else:
        playbook_id, revision = resolved.playbook_id or "", resolved.playbook_revision or 0
    return insert_run(tx, resolved, (playbook_id, revision), planned, origin)


def insert_run(
    tx: Tx, resolved: Resolved, revision: tuple[str, int], planned: Sequence[PlannedDevice], origin: Origin
) -> Created:
    """Store a planned run and its device runs."""
    if len(planned) > MAX_DEVICE_RUNS:
        raise Invalid([FieldError("/target", "matches more than {n} devices", {"n": MAX_DEVICE_RUNS})])
    seed = _seed_of(resolved)
    rollout, planned = _in_waves(planned, resolved, seed)
    run = _with_rollout(_run_row(tx, resolved, revision, planned, origin, seed), rollout)
    runs.add(tx, run, origin.rerun)
    tx.tell(RunMoved.of(run, run.status, tx.now))
    run_secrets.add(tx, run.id, origin.sealed)
    count = len(resolved.steps)
    inventory.lock(tx, [p.device.id for p in planned])
    leases.add(tx, run.id, planned, step_count=count, deadline_at=run.deadline_at, policy=resolved.policy)
    queued = [p for p in planned if p.status is DeviceRunStatus.QUEUED]
    inventory.set_activity(tx, [(p.device.id, 0, run.id, tx.now) for p in queued])
    run_audit.note(tx, run, resolved, [p.device_index for p in queued], origin.remote_addr, sorted(origin.sealed))
    wake = frozenset(p.device.node_id for p in queued if p.device.node_id and p.wave == run.open_wave)
    return Created(CreatedRun(run.id, run.status.value, run.counts), wake)


def _run_row(
    tx: Tx, resolved: Resolved, revision: tuple[str, int], planned: Sequence[PlannedDevice], origin: Origin, seed: int
) -> RunRow:
    found = Counter(p.status.value for p in planned)
    counts = empty_counts() | dict(found) | {"total": len(planned)}
    status = roll_up(counts, is_stopped=False) or RunStatus.QUEUED
    return RunRow(
        id=tx.mint(),
        title=origin.title or resolved.title,
        playbook_id=revision[0],
        playbook_revision=revision[1],
        target=resolved.target,
        params=resolved.params,
        policy=resolved.policy,
        seed=seed,
        status=status,
        rev=1,
        trigger=origin.trigger,
        parent_run_id=origin.parent_run_id,
        counts=counts,
        deadline_at=tx.now + resolved.policy.deadline_s * 1000,
        stop_requested_at=None,
        last_error_message=None if status is RunStatus.QUEUED else reasons.NO_DEVICE,
        created_at=tx.now,
        started_at=None,
        finished_at=tx.now if RUN.is_final(status) else None,
        created_by=origin.actor,
    )


def _with_rollout(run: RunRow, rollout: Rollout | None) -> RunRow:
    """Its first wave is open; a rollout over nothing but excluded devices is done at once, as its run."""
    if rollout is None:
        return run
    state = RolloutState.DONE if RUN.is_final(run.status) else ROLLOUT.initial
    return replace(run, rollout=rollout, rollout_state=state, open_wave=min(1, len(rollout.sizes)))


def load_run(tx: Tx, run_id: str, *, for_update: bool = False) -> RunRow:
    """One run; NotFound names the id."""
    run = runs.get(tx, run_id, for_update=for_update)
    if run is None:
        raise NotFound("there is no run {id}", id=run_id[:64])
    return run


@dataclass(frozen=True, slots=True)
class Stopped:
    """The answer to a stop, and the nodes to tell."""

    view: CreatedRun
    wake: frozenset[str] = field(default_factory=frozenset)


def stop_run(tx: Tx, run_id: str, periods: Periods) -> Stopped:
    """Queued device runs stop at once; running ones have their grace to confirm. A final run stays as it is."""
    run = load_run(tx, run_id)
    if run.status in (RunStatus.QUEUED, RunStatus.RUNNING):
        wake = _stop_open(tx, run)
        run = load_run(tx, run_id)
        return Stopped(CreatedRun(run.id, run.status.value, run.counts), frozenset(wake))
    return Stopped(CreatedRun(run.id, run.status.value, run.counts))


def _stop_open(tx: Tx, run: RunRow) -> set[str]:
    rows = leases.open_of_run(tx, run.id)
    move(RUN, run.status, RunStatus.STOPPING)
    runs.request_stop(tx, run.id)
    tx.tell(RunMoved.of(run, RunStatus.STOPPING, tx.now))
    queued = [row for row in rows if row.status is DeviceRunStatus.QUEUED]
    started = [row for row in rows if row.status is not DeviceRunStatus.QUEUED]
    leases.set_deadline(tx, [row.id for row in started], stop_deadline(tx.now, run.policy))
    wake = close(tx, queued, DeviceRunStatus.STOPPED, reasons.STOPPED_IN_QUEUE)
    settle(tx, {run.id: RunChange()})
    return wake | {row.node_id for row in started if row.node_id}


def stop_deadline(now: Millis, policy: Policy) -> Millis:
    """When a stopping device run is final whether or not its node answers."""
    return now + policy.grace_wait_ms


def refuse_open(run: RunRow) -> None:
    """Conflict while a run is unfinished."""
    if not RUN.is_final(run.status):
        raise Conflict(
            "run {id} is {status}; it can be run again once it is finished",
            id=run.id,
            status=word(run.status.value),
            code="run_unfinished",
        )
