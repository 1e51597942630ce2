"""One trial: a schedule is played on a lab while its runs execute, everything is healed, and the facts are gathered."""

import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.chaos.invariants import Facts, Told, Violation, check
from tests.e2e.chaos.lab import LEASE_MS, POLICY, Lab
from tests.e2e.chaos.ledger import now_ms
from tests.e2e.chaos.schedule import NODES, Act, PlannedRun, PlannedStep, Schedule
from tests.e2e.chaos.strikes import Strikes

from rackhand.core.states import RUN

ENDS_WITHIN_S = 60.0
SETTLES_WITHIN_S = 60.0
"""After the servers answer again. Far more than it takes: a machine may be busy, and only `never` is a violation."""
_MARK = re.compile(r": c(\d+)r(\d)s(\d);")


@dataclass(slots=True)
class Outcome:
    """What came of one schedule."""

    schedule: Schedule
    violations: list[Violation] = field(default_factory=list)
    device_runs: int = 0
    events: int = 0
    answers: int = 0
    commands: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    took_s: float = 0.0


def play(lab: Lab, schedule: Schedule) -> Outcome:
    """Play a schedule; the lab is whole again afterwards, unless a violation says that it did not settle."""
    began = time.monotonic()
    lab.until_online()
    lab.schedules += 1
    lab.ledger.take()
    lab.proxies.reseed(schedule.seed)
    run_ids = [_begin(lab, number, run) for number, run in enumerate(schedule.runs)]
    strikes = Strikes(lab, schedule.seed, run_ids)
    _strike(strikes, schedule.acts)
    outcome = Outcome(schedule)
    lab.heal(strikes.away)
    lab.until_serving(strikes.away)
    outcome.violations += _wait(lab, "ended", strikes.away, lambda: _are_over(lab, run_ids), ENDS_WITHIN_S)
    healed_at = now_ms()
    lab.heal(set())
    outcome.violations += _wait(lab, "settled", set(), lambda: _is_settled(lab, run_ids, healed_at), SETTLES_WITHIN_S)
    facts = _gather(lab, schedule, run_ids)
    outcome.violations += check(facts)
    _count(outcome, facts)
    outcome.took_s = time.monotonic() - began
    return outcome


def _begin(lab: Lab, number: int, run: PlannedRun) -> str:
    indexes = {each["serial"]: str(each["index"]) for each in lab.api.items("/api/devices")}
    body = {
        "steps": [_step(lab, number, place, step) for place, step in enumerate(run.steps)],
        "target": {"scope": "indexes", "indexes": ",".join(indexes[serial] for serial in run.serials)},
        "policy": POLICY | {"concurrency": run.concurrency},
        "seed": run.seed,
    }
    return str(lab.api.post("/api/runs", body)["id"])


def _step(lab: Lab, run: int, place: int, step: PlannedStep) -> dict[str, Any]:
    """Every script begins with a mark, by which the device's journal tells whose it was."""
    params = {"command": f": c{lab.schedules}r{run}s{place}; {step.script}"} if step.kind == "shell" else {}
    return {"asset_id": lab.asset(step.kind, params, step.effect), **dict(step.fields)}


def _strike(strikes: Strikes, acts: tuple[Act, ...]) -> None:
    """Everything in its time; a fault that begins late, because another took long, ends late too."""
    moments = [(act.at_ms, False, act) for act in acts]
    moments += [(act.ends_at_ms, True, act) for act in acts if act.for_ms]
    began = time.monotonic()
    for at_ms, is_end, act in sorted(moments, key=lambda moment: moment[:2]):
        time.sleep(max(0.0, began + at_ms / 1000 - time.monotonic()))
        (strikes.end if is_end else strikes.begin)(act)


def _wait(lab: Lab, name: str, away: set[str], look: Any, timeout_s: float) -> Iterator[Violation]:
    """Nothing, or the violation that it took too long; meanwhile everything that should run does."""
    ends_at = time.monotonic() + timeout_s
    while (missing := look()) and time.monotonic() < ends_at:
        lab.keep_running(away)
        time.sleep(0.1)
    if missing:
        yield Violation(name, f"not within {timeout_s:g} s after everything was healed: {missing}")


def _are_over(lab: Lab, run_ids: list[str]) -> list[str]:
    """Runs that are not final yet."""
    rows = lab.audit.of_runs("runs", run_ids)
    return [f"run {row['id']} is {row['status']}" for row in rows if row["status"] not in RUN.final]


def _is_settled(lab: Lab, run_ids: list[str], since: int) -> list[str]:
    """What is not settled yet: nodes that owe something, files that are on their way."""
    busy = [f"{node} holds leases or owes events" for node in NODES if not lab.ledger.is_idle_since(node, since)]
    if busy:
        return busy
    rows = lab.audit.of_runs("artifacts", run_ids)
    return [f"artifact {row['id']} is pending" for row in rows if row["status"] == "pending"]


def _gather(lab: Lab, schedule: Schedule, run_ids: list[str]) -> Facts:
    silent = {node for node in NODES if lab.ledger.longest_silence_ms(node) > LEASE_MS / 2}
    heard = [heard for heard in lab.ledger.take() if heard.event["payload"].get("run_id") in run_ids]
    told = list(_told(lab))  # both before the rows: what is in them must be there
    audit = lab.audit
    files = audit.of_runs("artifacts", run_ids)
    events = audit.select("SELECT node_id, event_id, verdict FROM events WHERE node_id IN (?)", NODES)
    return Facts(
        runs=dict(zip(run_ids, schedule.runs, strict=True)),
        run_rows=audit.of_runs("runs", run_ids),
        device_runs=audit.of_runs("run_device_states", run_ids),
        steps=audit.of_runs("run_steps", run_ids),
        artifacts=files,
        events={(row["node_id"], row["event_id"]): row["verdict"] for row in events},
        moves=audit.of_runs("chaos_moves", run_ids),
        heard=heard,
        told=told,
        digests={row["id"]: _digest(lab, row["storage_key"]) for row in files},
        cut_off=frozenset(schedule.cut_off() | silent),
    )


def _told(lab: Lab) -> Iterator[Told]:
    """The scripts of this schedule, by the devices' own journals."""
    for sim in lab.sims:
        for serial in sim.serials:
            for entry in sim.journal(serial, "command"):
                mark = _MARK.search(entry["text"])
                if mark is not None and int(mark[1]) == lab.schedules:
                    yield Told(serial, int(mark[2]), int(mark[3]), int(entry["at"]))


def _digest(lab: Lab, key: str | None) -> str | None:
    path = lab.folder / "server" / "artifacts" / (key or "")
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _count(outcome: Outcome, facts: Facts) -> None:
    outcome.device_runs = len(facts.device_runs)
    outcome.events = len(facts.heard)
    outcome.answers = sum(len(heard.answers) for heard in facts.heard)
    outcome.commands = len(facts.told)
    for row in facts.device_runs:
        outcome.statuses[row["status"]] = outcome.statuses.get(row["status"], 0) + 1
