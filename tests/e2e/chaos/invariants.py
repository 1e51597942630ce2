"""What must hold after every schedule, whatever struck. Pure: facts in, violations out.

ended             every run is final, and so is every part of it
acknowledged      every acknowledged event is there, exactly once, and what it said stands
answered          an event gets one verdict, however often it is sent
once              no `once` step acts twice on a device
happened          no step is reported that did not happen on the device, and none that the dice left out did
reported          nothing happens on a device that is not reported
leased            a device is touched only after its start was answered, and not after the server ended it
exclusive         no device in two leases
final             a final status never moves
artifacts         every announced file is stored, with its digest
counted           a run's counts are those of its device runs, and its status follows from them
innocent          a node whose contact nothing disturbed loses no lease
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.chaos.ledger import Heard
from tests.e2e.chaos.schedule import PlannedRun

from rackhand.core.progress import roll_up
from rackhand.core.states import ARTIFACT, DEVICE_RUN, RUN, STEP, DeviceRunStatus, Machine

Row = dict[str, Any]
MACHINES: dict[str, Machine[Any]] = {
    "runs": RUN,
    "run_device_states": DEVICE_RUN,
    "run_steps": STEP,
    "artifacts": ARTIFACT,
}
ON_ITS_WAY_MS = 5_000
"""How long the one command that was on its way when the server ended a lease may take to reach the device."""


@dataclass(frozen=True, slots=True)
class Told:
    """A script that a device was told to run: of which run and step, and when."""

    serial: str
    run: int
    step: int
    at: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is known after a schedule. Rows are those of the database; `digests` are of what is stored."""

    runs: dict[str, PlannedRun]
    run_rows: list[Row] = field(default_factory=list)
    device_runs: list[Row] = field(default_factory=list)
    steps: list[Row] = field(default_factory=list)
    artifacts: list[Row] = field(default_factory=list)
    events: dict[tuple[str, str], str] = field(default_factory=dict)
    moves: list[Row] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    digests: dict[str, str | None] = field(default_factory=dict)
    cut_off: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Violation:
    """Which invariant broke, and on what."""

    invariant: str
    what: str


def _device_run_name(row: Row) -> str:
    return f"device {row['device_index']} ({row['serial']}) of run {row['run_id']}: {row['status']}"


def ended(facts: Facts) -> Iterator[str]:
    for row in facts.run_rows:
        if row["status"] not in RUN.final:
            yield f"run {row['id']} is {row['status']}"
    for row in facts.device_runs:
        if row["status"] not in DEVICE_RUN.final:
            yield _device_run_name(row)
    for row in facts.steps:
        if row["status"] not in STEP.final:
            yield f"step {_step_name(row)} is {row['status']}"


def _step_name(row: Row) -> str:
    return f"{row['run_id']}/{row['device_index']}/{row['step_index']}/{row['attempt']}"


def acknowledged(facts: Facts) -> Iterator[str]:
    """A fact that was accepted is in the rows: the event, the end of an attempt, the end of a device run, a file."""
    device_runs = {(row["run_id"], row["device_index"]): row for row in facts.device_runs}
    steps = {(r["run_id"], r["device_index"], r["step_index"], r["attempt"]): r for r in facts.steps}
    files = {row["id"] for row in facts.artifacts}
    for heard in facts.heard:
        if not heard.is_acknowledged:
            continue
        told, name = heard.event["payload"], f"{heard.type} {heard.event['event_id']}"
        if facts.events.get((heard.node, heard.event["event_id"])) != "accepted":
            yield f"{name} is not among the events"
        place = (told.get("run_id"), told.get("device_index"))
        if heard.type == "task_finished" and device_runs[place]["status"] != told["status"]:
            yield f"{name} said {told['status']}, but {_device_run_name(device_runs[place])}"
        if heard.type == "run_step_update" and told["status"] in STEP.final:
            row = steps.get((*place, told["step_index"], told["attempt"]))
            if row is None or row["status"] != told["status"]:
                yield f"{name} said {told['status']}, but its row is {row and row['status']}"
        if heard.type == "artifact_created" and told["artifact_id"] not in files:
            yield f"{name}: there is no artifact {told['artifact_id']}"


def answered(facts: Facts) -> Iterator[str]:
    kinds = {"accepted": "yes", "duplicate": "yes"}
    for heard in facts.heard:
        answers = Counter(heard.answers)
        if answers["accepted"] > 1 or len({kinds.get(answer, answer) for answer in heard.answers}) > 1:
            yield f"{heard.type} {heard.event['event_id']} of {heard.node} was answered {heard.answers}"


def _numbers(facts: Facts) -> dict[str, int]:
    return {run_id: number for number, run_id in enumerate(facts.runs)}


def _told_by_step(facts: Facts) -> dict[tuple[str, str, int], list[Told]]:
    """What devices were told, by run, serial and step."""
    ids = list(facts.runs)
    found: dict[tuple[str, str, int], list[Told]] = defaultdict(list)
    for told in facts.told:
        found[ids[told.run], told.serial, told.step].append(told)
    return found


def once(facts: Facts) -> Iterator[str]:
    """The scripts of `once` steps never fail by themselves, so no retry of theirs is in order."""
    for (run_id, serial, step), told in _told_by_step(facts).items():
        if facts.runs[run_id].steps[step].effect == "once" and len(told) > 1:
            yield f"step {step} of run {run_id} acted {len(told)} times on {serial}"


def _serials(facts: Facts) -> dict[tuple[str, int], str]:
    return {(row["run_id"], row["device_index"]): row["serial"] for row in facts.device_runs}


def _attempts(facts: Facts) -> dict[tuple[str, str, int], list[Row]]:
    """Rows of attempts of shell steps, by run, serial and step."""
    serials, found = _serials(facts), defaultdict(list)
    for row in facts.steps:
        if facts.runs[row["run_id"]].steps[row["step_index"]].kind == "shell":
            found[row["run_id"], serials[row["run_id"], row["device_index"]], row["step_index"]].append(row)
    return found


def happened(facts: Facts) -> Iterator[str]:
    told = _told_by_step(facts)
    for key, rows in _attempts(facts).items():
        sure = [
            row for row in rows if "succeeded" in (row["status"], row["late_status"]) or row["exit_code"] is not None
        ]
        if len(sure) > len(told[key]):
            yield f"{len(sure)} attempts of {key} are reported as done, and {len(told[key])} happened"
        if any(row["decision"] == "skipped" for row in rows) and told[key]:
            yield f"{key} was left out by the dice, and happened"


def reported(facts: Facts) -> Iterator[str]:
    attempts = _attempts(facts)
    for key, told in _told_by_step(facts).items():
        if len(told) > len(attempts[key]):
            yield f"{key} happened {len(told)} times, and {len(attempts[key])} attempts are reported"


def leased(facts: Facts) -> Iterator[str]:
    """By the machine's clock: a start is answered, then the device is touched; the server ends it, then it is not."""
    ids, starts, ends = list(facts.runs), _starts(facts), _ends(facts)
    after: dict[tuple[str, str], list[int]] = defaultdict(list)
    for touch in facts.told:
        key = (ids[touch.run], touch.serial)
        where = f"{touch.serial} was told step {touch.step} of run {key[0]}"
        if key not in starts:
            yield f"{where} without an answered start"
        elif touch.at < starts[key]:
            yield f"{where} {starts[key] - touch.at} ms before its start was answered"
        if touch.at > ends.get(key, touch.at):
            after[key].append(touch.at - ends[key])
    for (run_id, serial), late_ms in after.items():
        if len(late_ms) > 1 or max(late_ms) > ON_ITS_WAY_MS:
            yield f"{serial} was touched for run {run_id} {sorted(late_ms)} ms after that had ended"


def _starts(facts: Facts) -> dict[tuple[str, str], int]:
    """When the first start of a device run was answered, by run and serial."""
    serials, found = _serials(facts), dict[tuple[str, str], int]()
    for heard in facts.heard:
        if heard.type == "task_started" and heard.is_acknowledged:
            told = heard.event["payload"]
            key = (told["run_id"], serials.get((told["run_id"], told["device_index"]), ""))
            found[key] = min(heard.at, found.get(key, heard.at))
    return found


def _ends(facts: Facts) -> dict[tuple[str, str], int]:
    """When a device run became final, by run and serial."""
    rows = {row["id"]: (row["run_id"], row["serial"]) for row in facts.device_runs}
    return {
        rows[move["id"]]: move["at"]
        for move in facts.moves
        if move["place"] == "run_device_states" and move["new"] in DEVICE_RUN.final and move["id"] in rows
    }


def exclusive(facts: Facts) -> Iterator[str]:
    for move in facts.moves:
        if move["place"] == "leases":
            yield f"device {move['id']} was in two leases"


def final(facts: Facts) -> Iterator[str]:
    for move in facts.moves:
        machine = MACHINES.get(move["place"])
        if machine is not None and move["old"] in machine.final:
            yield f"{move['place']} {move['id']} went from {move['old']} to {move['new']}"


def artifacts(facts: Facts) -> Iterator[str]:
    for row in facts.artifacts:
        if row["status"] != "stored":
            yield f"artifact {row['id']} is {row['status']}"
        elif facts.digests.get(row["id"]) != row["sha256"]:
            yield f"artifact {row['id']} holds {facts.digests.get(row['id'])}, not {row['sha256']}"


def counted(facts: Facts) -> Iterator[str]:
    for row in facts.run_rows:
        mine = Counter(DeviceRunStatus(d["status"]) for d in facts.device_runs if d["run_id"] == row["id"])
        said = {status: row[f"count_{status}"] for status in DeviceRunStatus}
        if {status: mine[status] for status in DeviceRunStatus} != said:
            yield f"run {row['id']} counts {said}, and has {dict(mine)}"
        counts: dict[str, int] = {str(status): count for status, count in said.items()} | {"total": row["count_total"]}
        status = roll_up(counts, is_stopped=row["stop_requested_at"] is not None)
        if row["status"] in RUN.final and row["status"] != status:
            yield f"run {row['id']} is {row['status']}, and its device runs make it {status}"


def innocent(facts: Facts) -> Iterator[str]:
    for row in facts.device_runs:
        if row["status"] == "lost" and row["node_id"] not in facts.cut_off:
            yield f"{_device_run_name(row)}: {row['last_error_message']}"


INVARIANTS: tuple[Callable[[Facts], Iterator[str]], ...] = (
    ended, acknowledged, answered, once, happened, reported, leased, exclusive, final, artifacts, counted, innocent,
)  # fmt: skip


def check(facts: Facts) -> list[Violation]:
    """Every violation of every invariant."""
    return [Violation(rule.__name__, what) for rule in INVARIANTS for what in rule(facts)]
