"""What the benchmarks of agents stand on: fresh processes of simulator, adb servers, server and agents on loopback.

    with open_bed(20, latency_ms=300) as bed:
        run = bed.run(bed.steps("screenshot"), concurrency=10)      # run.wall_s, from the request to the last step

Belongs here: starting, a run and its times, what each process cost. Must not: what is measured. Processes are started
as anybody would start them and not forked from one that has imported everything, so that memory and CPU are their own.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import ROOT, cpu_s, memory_mb
from rackhand.agent.adb.binary import find_binary
from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.process import OWN_SETTINGS, raise_file_limit
from rackhand.cli.client import Client
from rackhand.cli.fake import BOOTSTRAP, FINAL
from rackhand.cli.fake_process import until
from rackhand.cli.leash import VARIABLE
from rackhand.core.clock import from_rfc3339
from rackhand.sim.ports import free_port
from rackhand.store.db_sqlite import driver

RACKHAND = (sys.executable, "-m", "rackhand")
QUIET = {"ADB_USB": "0", "RACKHAND_AGENT_DRAIN_MS": "1", "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": ""}
"""Simulations look at no real phone, and end at once."""
START_S = 300.0
RUN_S = 1_200.0
END_S = 15.0


class Program:
    """A fresh process; its output goes to files in `folder`. It ends with this process at the latest."""

    def __init__(self, name: str, words: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None):
        self.name = name
        self._out, self._log = folder / f"{name}.out", folder / f"{name}.log"
        settings = {**os.environ, **QUIET, VARIABLE: "1", **(environment or {})}
        with self._out.open("wb") as out, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=out, stderr=log, env=settings, cwd=ROOT, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def first_line(self) -> str:
        def look() -> str:
            assert self._process.poll() is None, f"{self.name} ended: {self.tail()}"
            text = self._out.read_text("utf-8")
            return text.partition("\n")[0] if "\n" in text else ""

        return until(look, f"{self.name} said nothing", START_S)

    def tail(self) -> str:
        return self._log.read_text("utf-8", "replace")[-2_000:]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished run: `wall_s` from the request until its last device run was over, `stored_s` until every file that
    its steps produced was on the server as well."""

    id: str
    wall_s: float
    stored_s: float
    counts: dict[str, int]


@dataclass
class Bed:
    """Simulated devices behind one real adb server per node; with agents also a server, and each node's agent."""

    folder: Path
    groups: list[list[str]]
    sim: Program
    adb_path: Path
    adbs: list[Program]
    ports: list[int]
    server: Program | None = None
    url: str = ""
    agents: list[Program] = field(default_factory=list)

    @property
    def api(self) -> Client:
        return Client(self.url, BOOTSTRAP, timeout_s=120)

    @property
    def handles(self) -> list[str]:
        """The adb serials of all devices."""
        return [handle for group in self.groups for handle in group]

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by kind of process."""
        found = {"sim": cpu_s(self.sim.pid), "adb": sum(cpu_s(each.pid) for each in self.adbs)}
        if self.server is not None:
            found["server"] = cpu_s(self.server.pid)
            found["agents"] = sum(cpu_s(each.pid) for each in self.agents)
        return found

    def memory(self) -> dict[str, float]:
        """Resident megabytes; of several agents the largest."""
        assert self.server is not None
        return {"server_mb": memory_mb(self.server.pid), "agent_mb": max(memory_mb(each.pid) for each in self.agents)}

    def steps(self, *kinds: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """Steps of new command assets, made of (kind, params)."""
        made = []
        for kind, params in kinds:
            body = {"title": kind, "kind": kind, "params": params}
            made.append({"asset_id": self.api.post("/api/command-assets", body)["id"]})
        return made

    def run(self, steps: Sequence[Mapping[str, Any]], *, concurrency: int, must_succeed: bool = True) -> Ran:
        """Run them on every device. Times are the server's own, on the same clock; asking for them is slow and rare."""
        policy = {"concurrency": concurrency, "timeout_ms": 60_000}
        asked_at = time.time()
        body = {"steps": list(steps), "target": {"scope": "all"}, "policy": policy}
        run_id = str(self.api.post("/api/runs", body)["id"])

        def look() -> dict[str, Any]:
            time.sleep(0.25)
            found: dict[str, Any] = self.api.get(f"/api/runs/{run_id}")["run"]
            return found if found["status"] in FINAL else {}

        run = until(look, f"run {run_id} did not end", RUN_S)
        wall_s = from_rfc3339(run["finished_at"]) / 1000 - asked_at
        until(lambda: self._is_stored(run_id), "files were not stored", RUN_S)
        assert not must_succeed or run["status"] == "succeeded", run
        return Ran(run_id, wall_s, max(wall_s, time.time() - asked_at), run["counts"])

    def _is_stored(self, run_id: str) -> bool:
        found = self.query("SELECT count(*) FROM artifacts WHERE run_id = ? AND status = 'pending'", run_id)
        return bool(found[0][0] == 0)

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the server's own SQLite file."""
        path = self.folder / "server" / "rackhand.sqlite3"
        with closing(driver().connect(path, timeout=10)) as conn:
            return list(conn.execute(sql, values))


@contextmanager
def open_bed(
    devices: int, *, nodes: int = 1, latency_ms: int = 0, has_agents: bool = True, environment: Mapping[str, str] = {}
) -> Iterator[Bed]:
    """Everything up and every device online; over when left, also by SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="rh-bench-", ignore_cleanup_errors=True) as name, ExitStack() as stack:
        folder = Path(name)

        def start(name: str, words: Sequence[str], more: Mapping[str, str] | None = None) -> Program:
            program = Program(name, words, folder, {**environment, **(more or {})})
            stack.callback(program.close)
            return program

        words = ["--devices", str(devices), "--nodes", str(nodes), "--latency-ms", str(latency_ms)]
        sim = start("sim", [sys.executable, "-m", "bench.simulator", *words])
        groups: list[list[str]] = json.loads(sim.first_line())
        path = asyncio.run(find_binary()).path
        ports = [free_port() for _ in groups]
        own = {**OWN_SETTINGS, **QUIET}
        adb_words = [*tied(), str(path), "-P"]
        adbs = [start(f"adb-{port}", [*adb_words, str(port), "nodaemon", "server"], own) for port in ports]
        for port, group in zip(ports, groups, strict=True):
            until(partial(is_listening, port), "the adb server does not listen", START_S)
            asyncio.run(attach(port, group))
        bed = Bed(folder, groups, sim, path, adbs, ports)
        if has_agents:
            start_agents(bed, start)
        yield bed


def tied() -> list[str]:
    """What a command begins with that has no leash and must not outlive this process (util-linux)."""
    found = shutil.which("setpriv")
    return [found, "--pdeathsig", "TERM"] if found else []


def start_agents(bed: Bed, start: Callable[..., Program]) -> None:
    """A server on SQLite and an agent for each adb server; returns when every device is online."""
    words = ["serve", "--port", "0", "--data", str(bed.folder / "server")]
    bed.server = start("server", [*RACKHAND, *words], {"RACKHAND_BOOTSTRAP_TOKEN": BOOTSTRAP})
    bed.url = bed.server.first_line().removeprefix("Ready ")
    for number, port in enumerate(bed.ports, 1):
        node = f"PC-{number:02}"
        token = bed.api.post("/api/nodes", {"id": node, "name": node})["token"]
        words = ["agent", "--server", bed.url, "--node-id", node, "--adb-port", str(port)]
        words += ["--data", str(bed.folder / node)]
        bed.agents.append(start(node, [*RACKHAND, *words], {"RACKHAND_TOKEN": token}))
    wanted = len(bed.handles)
    until(lambda: count_online(bed) == wanted, lambda: bed.agents[0].tail(), START_S)


def count_online(bed: Bed) -> int:
    return sum(bool(each["online"]) for each in bed.api.items("/api/devices"))


def is_listening(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


async def attach(port: int, endpoints: Sequence[str]) -> None:
    """Let the adb server on `port` connect its devices; returns when it can reach every one."""
    adb = Adb(port=port)
    async with asyncio.timeout(START_S):
        for endpoint in endpoints:
            await adb.connect(endpoint)
        async for entries in adb.track():
            if sum(each.state == "device" for each in entries) == len(endpoints):
                return


def in_turn(
    cases: Mapping[str, Callable[[], Mapping[str, float]]], rounds: int, *, warm_up: bool = True
) -> dict[str, dict[str, float]]:
    """Medians of each case's figures over rounds of A B C, A B C, ...; the first round may be one to warm up."""
    found: dict[str, list[Mapping[str, float]]] = {name: [] for name in cases}
    for number in range(rounds + warm_up):
        for name, once in cases.items():
            figures = once()
            if number >= warm_up:
                found[name].append(figures)
    return {name: {key: median(each[key] for each in all_) for key in all_[0]} for name, all_ in found.items()}


def fsync_ms(folder: Path, tries: int = 50) -> float:
    """The median fsync of a small append there: what storing anything durably costs at least."""
    taken = []
    with (folder / "fsync.probe").open("ab") as file:
        for _ in range(tries):
            file.write(b"x" * 400)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            taken.append((time.perf_counter() - began) * 1000)
    return median(taken)
