"""The lab: real processes on loopback (servers, agents, simulated devices, a real adb server) and their seams.

Belongs here: starting, ending and healing them, and how the lab asks them. Must not: which fault strikes when.
"""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.chaos import plants, seams
from tests.e2e.chaos.audit import Audit
from tests.e2e.chaos.ledger import Ledger
from tests.e2e.chaos.proxy import Proxies
from tests.e2e.chaos.schedule import NODES, REPLICAS, SERIALS, SIMULATED
from tools.source import ROOT

from rackhand.cli.client import Client
from rackhand.cli.fake import BOOTSTRAP, Sim
from rackhand.cli.fake_process import Process, until
from rackhand.core.errors import RackhandError
from rackhand.sim.ports import free_port
from rackhand.store.db import Dialect

PROGRAM = "tests.e2e.chaos.launch"
PYTHON_PATH = os.pathsep.join((str(ROOT), str(ROOT / "src")))
START_S = 150.0
"""How long a process may take to start on a machine that does other things too."""
LEASE_MS = 2_000
PERIODS = {
    "RACKHAND_LEASE_MS": str(LEASE_MS),
    "RACKHAND_BEAT_MS": "500",
    "RACKHAND_NODE_GONE_MS": "2500",
    "RACKHAND_AGENT_BEAT_MS": "500",
    "RACKHAND_AGENT_REQUEST_MS": "1500",
    "RACKHAND_AGENT_UPLOAD_MS": "1500",
}
POLICY = {"grace_wait_ms": 1_000, "online_window_s": 5, "timeout_ms": 8_000, "deadline_s": 600}


@dataclass
class Lab:
    """`open` starts everything; `close` ends every process, whatever state it is in."""

    folder: Path
    dialect: Dialect
    database_url: str = ""
    plant: str = ""
    ledger: Ledger = field(default_factory=Ledger)
    servers: list[Process] = field(default_factory=list)
    agents: dict[str, Process] = field(default_factory=dict)
    sims: list[Sim] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    schedules: int = 0
    _words: dict[str, list[str]] = field(default_factory=dict)
    _assets: dict[str, str] = field(default_factory=dict)
    _adb_faults: set[tuple[int, str]] = field(default_factory=set)
    _proxies: Proxies | None = None

    def open(self) -> None:
        self.database_url = self.database_url or f"sqlite:///{self.folder / 'lab.sqlite3'}"
        self.ports = [free_port() for _ in range(REPLICAS[self.dialect])]
        for number in range(len(self.ports)):
            self.servers.append(self._server(number))
            self.servers[number].first_line(START_S)  # one after the other: the first makes the schema
        self.audit.install()
        self._proxies = Proxies(NODES, self.urls, self.ledger)
        self.sims = [self._sim(6, "server", 2, 1), self._sim(2, "transport", 1, 101)]
        self._enrol()
        for node in NODES:
            self.start_agent(node)
        self.until_online()

    def close(self) -> None:
        for process in [*self.agents.values(), *(sim.process for sim in self.sims), *self.servers]:
            process.close()
        if self._proxies is not None:
            self._proxies.close()

    # -- processes

    def _process(self, name: str, seam: str, words: list[str], more: dict[str, str]) -> Process:
        folder = self.folder / "seams" / seam
        folder.mkdir(parents=True, exist_ok=True)
        environment = {**PERIODS, seams.VARIABLE: str(folder), plants.VARIABLE: self.plant, "PYTHONPATH": PYTHON_PATH}
        return Process(name, words, environment | more, self.folder, PROGRAM)

    def _server(self, number: int) -> Process:
        words = ["serve", "--port", str(self.ports[number]), "--data", str(self.folder / "server")]
        more = {"RACKHAND_BOOTSTRAP_TOKEN": BOOTSTRAP, "RACKHAND_DATABASE_URL": self.database_url}
        return self._process(f"server{number}", "servers", words, more)

    def _sim(self, devices: int, front: str, nodes: int, first: int) -> Sim:
        words = ["sim", "--devices", str(devices), "--nodes", str(nodes), "--front", front, "--first", str(first)]
        process = Process(f"sim{first}", words, {}, self.folder)
        said = json.loads(process.first_line(START_S))
        serials = [f"SIM{number:05}" for number in range(first, first + devices)]
        return Sim(process, said["control"], said["server_ports"], said["groups"], serials)

    def _enrol(self) -> None:
        adb_ports = [*self.sims[0].ports, free_port()]
        for node, adb_port in zip(NODES, adb_ports, strict=True):
            self.tokens[node] = self.api.post("/api/nodes", {"id": node, "name": node})["token"]
            words = ["agent", "--server", self.proxies.urls[node], "--node-id", node, "--adb-port", str(adb_port)]
            self._words[node] = [*words, "--data", str(self.folder / node)]
        for handle in self.sims[1].groups[0]:
            self._words[NODES[2]] += ["--endpoint", handle]

    def start_server(self, number: int) -> None:
        if not self.servers[number].is_running:
            self.servers[number].close()
            self.servers[number] = self._server(number)

    def start_agent(self, node: str) -> None:
        """Start it if it does not run; does not wait until it is in contact."""
        old = self.agents.get(node)
        if old is not None and old.is_running:
            return
        if old is not None:
            old.close()
        self.agents[node] = self._process(node, node, self._words[node], {"RACKHAND_TOKEN": self.tokens[node]})

    # -- steering

    @property
    def audit(self) -> Audit:
        return Audit(self.database_url)

    @property
    def proxies(self) -> Proxies:
        assert self._proxies is not None
        return self._proxies

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    @property
    def api(self) -> Client:
        """The API of the first server that runs, as an admin."""
        running = [url for url, server in zip(self.urls, self.servers, strict=True) if server.is_running]
        return Client((running or self.urls)[0], BOOTSTRAP)

    def sim_of(self, serial: str) -> Sim:
        return next(sim for sim in self.sims if serial in sim.serials)

    def seam(self, place: str, name: str, value: int | None) -> None:
        """Switch a seam of a process; None: off."""
        file = self.folder / "seams" / place / name
        if value is None:
            file.unlink(missing_ok=True)
        else:
            fresh = file.with_suffix(".new")
            fresh.write_text(str(value), encoding="ascii")
            fresh.replace(file)

    def journal_of(self, node: str) -> Path:
        return self.folder / node / "journal"

    def keep_running(self, away: set[str]) -> None:
        """Start again what has ended, but for the agents that stay away."""
        for number in range(len(self.ports)):
            self.start_server(number)
        for node in NODES:
            if node not in away:
                self.start_agent(node)

    def heal(self, away: set[str]) -> None:
        """No fault is on; everything runs but the agents that stay away."""
        self.proxies.heal()
        for place in ("servers", *NODES):
            for name in ("clock", "full", "slow"):
                self.seam(place, name, None)
        self.keep_running(away)
        for agent in self.agents.values():
            with suppress(OSError):
                agent.send(signal.SIGCONT)
        for number in range(len(SIMULATED)):
            for name in ("crash", "wedge"):
                self.server_fault(number, name, is_on=False)
        for sim in self.sims:
            for serial in sim.serials:
                sim.clear(serial)

    def server_fault(self, number: int, name: str, *, is_on: bool) -> None:
        """A fault of a simulated adb server; switched off only where it is on, for that starts a new server."""
        if is_on is not ((number, name) in self._adb_faults):
            with self._room_for_adb(number) if name == "crash" and not is_on else nullcontext():
                self.sims[0].call("POST" if is_on else "DELETE", "/server/faults", {"name": name, "node": number})
            self._adb_faults ^= {(number, name)}

    @contextmanager
    def _room_for_adb(self, number: int) -> Iterator[None]:
        """An agent that starts while its adb server is away makes one of its own, on the same port: that one ends, and
        the agent sees so when the simulated one is back."""
        agent, port = self.agents.get(NODES[number]), self.sims[0].ports[number]
        running = [agent] if agent is not None and agent.is_running else []
        for each in running:
            each.send(signal.SIGSTOP)
        try:
            for pid in adb_servers(port):
                kill(pid)
            self.until(lambda: not adb_servers(port), f"the adb server on port {port} ends")
            yield
        finally:
            for each in running:
                each.send(signal.SIGCONT)

    # -- asking

    def asset(self, kind: str, params: dict[str, Any], effect: str | None) -> str:
        """The id of a command asset, made once."""
        key = json.dumps([kind, params, effect])
        if key not in self._assets:
            body = {"title": f"{kind} {len(self._assets)}", "kind": kind, "params": params, "effect": effect}
            self._assets[key] = self.api.post("/api/command-assets", body)["id"]
        return self._assets[key]

    def online(self) -> set[str]:
        with suppress(RackhandError):
            return {each["serial"] for each in self.api.items("/api/devices") if each["online"]}
        return set()

    def until_online(self) -> None:
        wanted = {serial for serials in SERIALS.values() for serial in serials}
        self.until(lambda: self.online() >= wanted, f"not online: {sorted(wanted - self.online())}", START_S)

    def until_serving(self, away: set[str]) -> None:
        """Until every server answers; one that ended because of a fault is started again."""

        def look() -> bool:
            self.keep_running(away)
            return all("\n" in server.out.read_text("utf-8") for server in self.servers)

        self.until(look, "the servers answer", START_S)

    def until(self, look: Callable[[], Any], why: str, timeout_s: float = 40.0) -> Any:
        return until(look, lambda: f"{why}\n{self.logs()}", timeout_s)

    def logs(self) -> str:
        paths = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {path.name}\n{path.read_text('utf-8', 'replace')[-2_000:]}" for path in paths)


def adb_servers(port: int) -> list[int]:
    """The pids of real adb servers that were started for this port and still run (Linux)."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"\0-P\0{port}\0nodaemon\0".encode() in (place / "cmdline").read_bytes():
                found.append(int(place.name))
    return found


def kill(pid: int) -> None:
    """kill -9 of a process that the lab's own processes started."""
    with suppress(OSError):
        os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
