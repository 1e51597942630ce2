"""Hours of work with faults, and what grows: `python -m bench.soak [--minutes 60] [--seed 0]`.

Real processes on loopback: a server on SQLite, four agents and 200 simulated devices; runs over the whole fleet back to
back, meanwhile devices freeze, vanish, flap and reboot by a seeded chance, and one agent is killed and started again.
Every half minute: memory, file descriptors and threads of the processes that live through it all, rows of each table,
files on disk. Rows of runs that ended KEEP_S ago are given an old date, as if months had passed, so that retention has
its work within the hour. Exit code 1 if something still grows in the second half (rows and files: per run kept);
the figures and charts are written to bench/results and docs/img.
"""

import argparse
import json
import os
import platform
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, mean, median
from typing import Any

from bench.charts import write_lines
from rackhand.cli.fake import Rig, Sim
from rackhand.cli.fake_process import Process
from rackhand.store.db_sqlite import BUSY_TIMEOUT_S, driver

ROOT = Path(__file__).resolve().parents[1]
NODES, PER_NODE = 4, 50
KILLED = f"PC-{NODES:02d}"
"""The node whose agent is killed again and again; its figures are not judged."""
KEEP_S = 240
SAMPLE_S = 30
AGED_MS = 400 * 86_400_000
KEPT_DAYS = 30
RETENTION_MIN = 1
"""How often it comes round: RACKHAND_RETENTION_MS below."""
PERIODS = {
    "RACKHAND_LEASE_MS": "10000",
    "RACKHAND_BEAT_MS": "2000",
    "RACKHAND_NODE_GONE_MS": "15000",
    "RACKHAND_SWEEP_MS": "1000",
    "RACKHAND_SWEEP_GAP_MS": "10000",
    "RACKHAND_RETENTION_MS": "60000",
    "RACKHAND_PULL_WAIT_MS": "20000",
    "RACKHAND_AGENT_PULL_WAIT_MS": "20000",
    "RACKHAND_AGENT_BEAT_MS": "2000",
    "RACKHAND_AGENT_FULL_BEAT_MS": "20000",
    "RACKHAND_AGENT_REQUEST_MS": "10000",
    "RACKHAND_AGENT_PROBE_MS": "10000",
    "RACKHAND_AGENT_POLL_MS": "2000",
}
"""Between those of the product and those of the tests: as much work as two cores can do, and not more."""
FAULTS: tuple[tuple[str, dict[str, int]], ...] = (
    ("freeze", {}),
    ("vanish", {"ms": 20_000}),
    ("rst", {}),
    ("flap", {"period_ms": 1_500}),
    ("reboot", {"down_ms": 2_000, "boot_ms": 3_000}),
    ("slow", {"ms": 2_000}),
    ("storage_full", {}),
)
GROWTH = {"memory_mb": 0.05, "descriptors": 0.05, "threads": 0.05, "rows": 0.10, "files": 0.10}
"""How much of its mean a figure may rise over the second half, by its fitted line."""
AGED_BY_TABLE = {"runs": "finished_at", "events": "received_at", "device_events": "at"}
KEPT_FOR_GOOD = {"audit_log", "run_hours", "fleet_hours"}
"""Tables that retention keeps for longer than the sample looks back: a row per run or hour, by design."""


@dataclass
class Sample:
    """Figures at one moment: by process, by table, of the data folder."""

    minute: float
    processes: dict[str, dict[str, float]]
    rows: dict[str, int]
    files: int
    disk_mb: float
    runs: int


@dataclass
class Soak:
    """One rig and what happened to it."""

    rig: Rig
    chance: random.Random
    samples: list[Sample] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    device_runs: dict[str, int] = field(default_factory=dict)
    faults: int = 0
    kills: int = 0
    ill: dict[str, float] = field(default_factory=dict)

    @property
    def sim(self) -> Sim:
        return self.rig.sims[0]

    @property
    def judged(self) -> dict[str, Process]:
        assert self.rig.server is not None
        agents = {name: agent for name, agent in self.rig.agents.items() if name != KILLED}
        return {"server": self.rig.server} | agents

    def start(self) -> None:
        self.rig.start_server()
        self.rig.api.put("/api/settings", {"retention": {"run_days": KEPT_DAYS, "event_days": KEPT_DAYS}})
        sim = self.rig.start_sim(NODES * PER_NODE, nodes=NODES)
        for number, (port, handles) in enumerate(zip(sim.ports, sim.groups, strict=True), 1):
            self.rig.start_agent(f"PC-{number:02d}", port)
            self.rig.until_online(handles)

    def begin_run(self) -> str:
        steps = (
            self.rig.shell("getprop ro.product.model"),
            self.rig.step("screenshot"),
            self.rig.shell("dumpsys battery", "repeatable", probability=0.5),
            self.rig.shell(": acts; echo done", "once"),
            self.rig.shell("for i in 1 2 3 4 5 6 7 8; do echo line $i; done"),
        )
        policy = {"concurrency": 10, "grace_wait_ms": 5_000, "online_window_s": 10, "timeout_ms": 20_000}
        return self.rig.begin(*steps, policy=policy)

    def strike(self, now_s: float) -> None:
        """Two devices fall ill, those that were ill for long enough get well."""
        for serial in [serial for serial, until_s in self.ill.items() if until_s < now_s]:
            self.sim.clear(serial)
            del self.ill[serial]
        for serial in self.chance.sample(self.sim.serials, 2):
            name, params = self.chance.choice(FAULTS)
            self.sim.fault(serial, name, **params)
            self.ill[serial] = now_s + self.chance.uniform(5, 40)
            self.faults += 1

    def kill_agent(self) -> None:
        self.rig.agents[KILLED].kill()
        self.rig.restart_agent(KILLED)
        self.kills += 1

    def sample(self, minute: float) -> Sample:
        data = self.rig.folder / "server"
        with self._database() as conn:
            tables = [name for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            rows = {name: conn.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
        sizes = list(sizes_below(data))
        processes = {name: figures_of(process.pid) for name, process in self.judged.items()}
        sample = Sample(minute, processes, rows, len(sizes), sum(sizes) / 1e6, sum(self.statuses.values()))
        self.samples.append(sample)
        return sample

    def age(self) -> None:
        """What ended KEEP_S ago ended long ago."""
        before = time.time_ns() // 1_000_000 - KEEP_S * 1_000
        with self._database() as conn:
            for table, column in AGED_BY_TABLE.items():
                recent = f"{column} < {before} AND {column} > {before - AGED_MS // 2}"
                conn.execute(f"UPDATE {table} SET {column} = {column} - {AGED_MS} WHERE {recent}")

    @contextmanager
    def _database(self) -> Iterator[Any]:
        path = self.rig.folder / "server" / "rackhand.sqlite3"
        with closing(driver().connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as conn:
            yield conn

    def note_end(self, run: dict[str, Any]) -> None:
        self.statuses[run["status"]] = self.statuses.get(run["status"], 0) + 1
        for status, count in run["counts"].items():
            if status != "total" and count:
                self.device_runs[status] = self.device_runs.get(status, 0) + count


def sizes_below(folder: Path) -> Iterator[int]:
    """Sizes of all files; what is removed meanwhile is left out."""
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                yield Path(place, name).stat().st_size


def figures_of(pid: int) -> dict[str, float]:
    """Resident memory, open descriptors and threads of a process (Linux)."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines() if ":" in line
    )
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - /proc
    return {
        "memory_mb": round(int(status["VmRSS"].split()[0]) / 1024, 1),
        "descriptors": descriptors,
        "threads": int(status["Threads"]),
    }


def work(soak: Soak, minutes: float) -> None:
    """Runs back to back until the time is over; a line of progress with each sample."""
    began = time.monotonic()
    ends_at = began + minutes * 60
    next_sample, next_strike, next_kill = began, began + 5, began + 180
    run_id = soak.begin_run()
    while (now := time.monotonic()) < ends_at:
        run = soak.rig.run(run_id)["run"]
        if run["finished_at"] is not None:
            soak.note_end(run)
            run_id = soak.begin_run()
        if now >= next_strike:
            soak.strike(now)
            next_strike += 5
        if now >= next_kill:
            soak.kill_agent()
            next_kill += 300
        if now >= next_sample:
            soak.age()
            tell(soak.sample((now - began) / 60))
            next_sample += SAMPLE_S
        time.sleep(0.5)
    soak.sample((time.monotonic() - began) / 60)
    for serial in soak.ill:
        soak.sim.clear(serial)
    soak.note_end(soak.rig.finished(run_id))


def tell(sample: Sample) -> None:
    server = sample.processes["server"]
    print(
        f"{sample.minute:5.1f} min  {sample.runs} runs  server {server['memory_mb']:.0f} MB"
        f" {server['descriptors']:.0f} fd {server['threads']:.0f} threads  {sum(sample.rows.values())} rows"
        f"  {sample.files} files  {sample.disk_mb:.0f} MB on disk",
        flush=True,
    )


def growth(points: list[tuple[float, float]]) -> float:
    """By how much of its mean the fitted line of the second half rises over that half."""
    half = points[len(points) // 2 :]
    xs, ys = [x for x, _ in half], [y for _, y in half]
    if len(half) < 3 or not any(ys):
        return 0.0
    return linear_regression(xs, ys).slope * (xs[-1] - xs[0]) / mean(ys)


def step(values: list[float]) -> float:
    """By how much the middle of the last quarter is above that of the third: what is open goes up and down with the
    work, by half at times, and a line through that leans to one side or the other."""
    quarter = max(1, len(values) // 4)
    return median(values[-quarter:]) / median(values[-2 * quarter : -quarter]) - 1


def kept_runs(samples: list[Sample]) -> list[int]:
    """At each sample: the runs that ended within the time that they are kept, and until retention comes round."""
    found = []
    for sample in samples:
        since = sample.minute - KEEP_S / 60 - RETENTION_MIN
        before = [each.runs for each in samples if each.minute <= since]
        found.append(sample.runs - (before[-1] if before else 0))
    return found


def judge(samples: list[Sample]) -> dict[str, dict[str, float]]:
    """The growth of each figure, and how much it may be."""

    kept = kept_runs(samples)

    def per_run(look: Callable[[Sample], float]) -> float:
        """Of rows and files: how many runs there are to keep depends on what else the machine does."""
        return growth([(sample.minute, look(sample) / kept[at]) for at, sample in enumerate(samples) if kept[at]])

    judged: dict[str, dict[str, float]] = {}
    for name in samples[0].processes:
        for figure in ("memory_mb", "descriptors", "threads"):
            points = [(sample.minute, sample.processes[name][figure]) for sample in samples]
            rise = growth(points) if figure == "memory_mb" else step([y for _, y in points])
            judged[f"{name} {figure}"] = {"rise": round(rise, 4), "allowed": GROWTH[figure]}
    for table in sorted(samples[-1].rows):
        if samples[-1].rows[table] > 200 and table not in KEPT_FOR_GOOD:
            rise = per_run(lambda sample, table=table: sample.rows.get(table, 0))  # type: ignore[misc]
            judged[f"rows of {table}"] = {"rise": round(rise, 4), "allowed": GROWTH["rows"]}
    judged["files"] = {"rise": round(per_run(lambda sample: sample.files), 4), "allowed": GROWTH["files"]}
    return judged


def draw(samples: list[Sample]) -> None:
    """Memory and threads; rows and files."""

    def line(look: Callable[[Sample], float]) -> list[tuple[float, float]]:
        return [(round(sample.minute, 1), look(sample)) for sample in samples]

    folder = ROOT / "docs" / "img"
    memory = {
        f"{name}, MB": line(lambda sample, name=name: sample.processes[name]["memory_mb"])  # type: ignore[misc]
        for name in samples[0].processes
    }
    write_lines(folder / "soak-memory.svg", "Resident memory", "minutes", memory)
    rows = {
        "rows": line(lambda sample: sum(sample.rows.values())),
        "events": line(lambda sample: sample.rows["events"]),
        "attempts of steps": line(lambda sample: sample.rows["run_steps"]),
        "files": line(lambda sample: sample.files),
    }
    write_lines(folder / "soak-rows.svg", "Rows and files, with retention at work", "minutes", rows)
    handles = {
        f"{name}, {figure}": line(lambda sample, n=name, f=figure: sample.processes[n][f])  # type: ignore[misc]
        for name in ("server", "PC-01")
        for figure in ("descriptors", "threads")
    }
    write_lines(folder / "soak-handles.svg", "File descriptors and threads", "minutes", handles)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judge", type=Path, metavar="FILE", help="only judge the samples of a result again")
    words = parser.parse_args()
    if words.judge:
        samples = [Sample(**each) for each in json.loads(words.judge.read_text("utf-8"))["samples"]]
        return tell_growth(judge(samples))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="rh-soak-", ignore_cleanup_errors=True) as folder:
        soak = Soak(Rig(Path(folder), PERIODS, PERIODS), random.Random(words.seed))
        try:
            soak.start()
            work(soak, words.minutes)
        finally:
            soak.rig.close()
    judged = judge(soak.samples)
    draw(soak.samples)
    figures = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "load_before": round(load, 1)},
        "minutes": words.minutes,
        "devices": NODES * PER_NODE,
        "runs": soak.statuses,
        "device_runs": soak.device_runs,
        "device_faults": soak.faults,
        "agent_kills": soak.kills,
        "growth": judged,
        "samples": [vars(sample) for sample in soak.samples],
    }
    path = ROOT / "bench" / "results" / "soak.json"
    path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(f"runs {soak.statuses}; device runs {soak.device_runs}; {soak.faults} faults, {soak.kills} kills")
    return tell_growth(judged)


def tell_growth(judged: dict[str, dict[str, float]]) -> int:
    """The verdict, line by line; the exit code."""
    grown = [name for name, each in judged.items() if each["rise"] > each["allowed"]]
    for name, each in judged.items():
        print(f"{name:32} {each['rise']:+7.1%}  (at most {each['allowed']:.0%})")
    print(f"still growing: {', '.join(grown)}" if grown else "nothing grows")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
