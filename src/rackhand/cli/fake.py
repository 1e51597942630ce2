"""For tests: a rig of real processes on loopback (server, agents, simulated devices), and how a story asks them.

Belongs here: starting, steering and reading them. Must not: what a story expects. Production never imports this.
"""

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import ProxyHandler, Request, build_opener

from rackhand.cli.client import Client
from rackhand.cli.fake_process import PERIODS, Process, until
from rackhand.core.errors import RackhandError

Found = TypeVar("Found")
BOOTSTRAP = "bootstrap-token-of-the-rig-0123456789"
FINAL = frozenset({"succeeded", "partial", "failed", "stopped"})
POLICY = {"grace_wait_ms": 1_500, "online_window_s": 5, "timeout_ms": 60_000}


@dataclass
class Sim:
    """Simulated devices in a process; `groups` are the runtime handles of each node."""

    process: Process
    control: str
    ports: list[int]
    groups: list[list[str]]
    serials: list[str]
    _seen: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.control + path, data=data, method=method)  # noqa: S310 - its own loopback address
        with build_opener(ProxyHandler({})).open(request, timeout=10) as answer:
            return json.loads(answer.read())

    def fault(self, serial: str, name: str, /, **params: Any) -> None:
        self.call("POST", f"/devices/{serial}/faults", {"name": name, "params": params})

    def clear(self, serial: str) -> None:
        self.call("DELETE", f"/devices/{serial}/faults")

    def journal(self, serial: str, kind: str = "") -> list[dict[str, Any]]:
        """What a device saw, oldest first; of one kind if given. Only what is new is asked for."""
        seen = self._seen.setdefault(serial, [])
        seen += self.call("GET", f"/devices/{serial}/journal?since={seen[-1]['seq'] if seen else 0}")
        return [entry for entry in seen if kind in ("", entry["kind"])]

    def count(self, serial: str, words: str) -> int:
        """How often a device was told to run a script with these words."""
        return sum(words in entry["text"] for entry in self.journal(serial, "command"))

    def open(self, serial: str, name: str) -> None:
        """Let the script `gated(name)` on a device end (front server)."""
        self._shell(serial, f"touch /sdcard/{name}")

    def until_begun(self, serial: str, name: str) -> None:
        """Until the script `gated(name)` has sent its first words (front server)."""
        self._shell(serial, f"until [ -f /sdcard/{name}.begun ]; do sleep 0.1; done")

    def _shell(self, serial: str, script: str) -> None:
        node = next(n for n, handles in enumerate(self.groups) if serial in handles)
        adb_shell(self.ports[node], serial, script)


def gated(name: str) -> str:
    """A script that ends when the story says so (`Sim.open`); `: NAME;` is how its journal shows it."""
    said = f"/sdcard/{name}.begun"
    return f": {name}; echo begun; touch {said}; until [ -f /sdcard/{name} ]; do sleep 0.1; done; echo done"


def adb_shell(port: int, handle: str, script: str) -> bytes:
    """What a device answers to a script, by the adb server on `port`."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as conn:
        for service in (f"host:transport:{handle}", f"shell:{script}"):
            conn.sendall(f"{len(service):04x}{service}".encode())
            status = conn.recv(4, socket.MSG_WAITALL)
            assert status == b"OKAY", (service, status)
        answer = b""
        while part := conn.recv(65_536):
            answer += part
        return answer


@dataclass
class Rig:
    """All processes of one story or module; `close` ends every one."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    agent_environment: dict[str, str] = field(default_factory=dict)
    server: Process | None = None
    agents: dict[str, Process] = field(default_factory=dict)
    sims: list[Sim] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    port: int = 0
    periods: Mapping[str, str] = field(default_factory=lambda: PERIODS)
    _words: dict[str, list[str]] = field(default_factory=dict)
    _assets: dict[str, str] = field(default_factory=dict)

    # -- processes

    def start_server(self) -> str:
        """Start it (again: on the same port and data) and wait until it answers; its address."""
        words = ["serve", "--port", str(self.port), "--data", str(self.folder / "server")]
        settings = {"RACKHAND_BOOTSTRAP_TOKEN": BOOTSTRAP, **self.environment}
        if self.server is not None:
            self.server.close()
        self.server = Process("server", words, settings, self.folder, periods=self.periods)
        url = self.server.first_line().removeprefix("Ready ")
        self.port = int(url.rpartition(":")[2])
        return url

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> Client:
        """The API as an admin."""
        return Client(self.url, BOOTSTRAP)

    def node_api(self, node_id: str) -> Client:
        return Client(self.url, self.tokens[node_id])

    def start_sim(self, devices: int, *, nodes: int = 1, front: str = "server", first: int = 1) -> Sim:
        words = ["sim", "--devices", str(devices), "--nodes", str(nodes), "--front", front, "--first", str(first)]
        process = Process(f"sim{len(self.sims)}", words, {}, self.folder)
        said = json.loads(process.first_line())
        serials = [f"SIM{number:05}" for number in range(first, first + devices)]
        sim = Sim(process, said["control"], said["server_ports"], said["groups"], serials)
        self.sims.append(sim)
        return sim

    def add_node(self, node_id: str) -> None:
        self.tokens[node_id] = self.api.post("/api/nodes", {"id": node_id, "name": node_id})["token"]

    def start_agent(self, node_id: str, adb_port: int, *more: str, server: str = "") -> Process:
        """Start the agent of a node, enrolled before if it is new."""
        if node_id not in self.tokens:
            self.add_node(node_id)
        words = ["agent", "--server", server or self.url, "--node-id", node_id, "--adb-port", str(adb_port), *more]
        self._words[node_id] = [*words, "--data", str(self.folder / node_id)]
        return self.restart_agent(node_id)

    def restart_agent(self, node_id: str) -> Process:
        environment = {"RACKHAND_TOKEN": self.tokens[node_id]} | self.agent_environment
        if node_id in self.agents:
            self.agents[node_id].close()
        self.agents[node_id] = Process(node_id, self._words[node_id], environment, self.folder, periods=self.periods)
        return self.agents[node_id]

    def close(self) -> None:
        """End agents, devices and server, in this order, at once."""
        started = [*self.agents.values(), *(sim.process for sim in self.sims), *([self.server] if self.server else [])]
        for process in started:
            process.close()

    def logs(self) -> str:
        """The end of every log, for a story that failed."""
        return "\n".join(f"--- {path.name}\n{path.read_text('utf-8', 'replace')[-2_000:]}" for path in self._logs())

    def _logs(self) -> list[Path]:
        return sorted(self.folder.glob("*.log"))

    # -- looking

    def until(self, look: Callable[[], Found], why: str, timeout_s: float = 40.0) -> Found:
        return until(look, lambda: f"{why}\n{self.logs()}", timeout_s)

    def devices(self) -> list[dict[str, Any]]:
        return list(self.api.items("/api/devices"))

    def index_of(self, serial: str) -> int:
        return next(int(each["index"]) for each in self.devices() if each["serial"] == serial)

    def online(self) -> set[str]:
        """The serials of the devices that the server calls online."""
        return {each["serial"] for each in self.devices() if each["online"]}

    def until_online(self, serials: list[str]) -> None:
        self.until(lambda: self.online() >= set(serials), f"{serials} online")

    def run(self, run_id: str) -> dict[str, Any]:
        return dict(self.api.get(f"/api/runs/{run_id}"))

    def cells(self, run_id: str) -> dict[str, dict[str, Any]]:
        """The device runs of a run by serial."""
        return {cell["serial"]: cell for cell in self.run(run_id)["heatmap"]["devices"]}

    def statuses(self, run_id: str) -> dict[str, str]:
        return {serial: cell["status"] for serial, cell in self.cells(run_id).items()}

    def messages(self, run_id: str) -> dict[str, str]:
        """The last error message of each device run by serial."""
        return {serial: cell["last_error_message"] or "" for serial, cell in self.cells(run_id).items()}

    def detail(self, run_id: str, serial: str) -> dict[str, Any]:
        index = self.cells(run_id)[serial]["index"]
        return dict(self.api.get(f"/api/runs/{run_id}/devices/{index}"))

    def attempts(self, run_id: str, serial: str) -> list[tuple[int, int, str]]:
        """(step, attempt, status) of everything that was tried on a device."""
        steps = self.detail(run_id, serial)["steps"]
        return [(step["step_index"], a["attempt"], a["status"]) for step in steps for a in step["attempts"]]

    # -- doing

    def asset(self, kind: str, params: dict[str, Any], effect: str | None = None) -> str:
        """The id of a command asset, made once."""
        body = {"title": f"{kind} {len(self._assets)}", "kind": kind, "params": params, "effect": effect}
        key = json.dumps([kind, params, effect])
        if key not in self._assets:
            self._assets[key] = self.api.post("/api/command-assets", body)["id"]
        return self._assets[key]

    def step(self, kind: str, effect: str | None = None, **params: Any) -> dict[str, Any]:
        """A step; join it with `| {"retry_count": 1}` and the like."""
        return {"asset_id": self.asset(kind, params, effect)}

    def shell(self, command: str, effect: str | None = None, **fields: Any) -> dict[str, Any]:
        return self.step("shell", effect, command=command) | fields

    def upload(self, content: bytes) -> str:
        """The sha256 of a file, now on the server."""
        answer = self.api.send("POST", "/api/files", None, content, "application/octet-stream")
        return str(json.loads(answer)["sha256"])

    def begin(self, *steps: dict[str, Any], on: list[str] | None = None, **request: Any) -> str:
        """Start a run on the devices with these serials (None: on all); its id."""
        target: dict[str, Any] = {"scope": "all"}
        if on is not None:
            target = {"scope": "indexes", "indexes": ",".join(str(self.index_of(serial)) for serial in on)}
        policy = POLICY | request.pop("policy", {})
        body = {"steps": list(steps), "target": target, "policy": policy} | request
        return str(self.api.post("/api/runs", body)["id"])

    def finished(self, run_id: str) -> dict[str, Any]:
        """The run, once it has ended."""

        def look() -> dict[str, Any]:
            run: dict[str, Any] = self.run(run_id)["run"]
            return run if run["status"] in FINAL else {}

        return self.until(look, f"run {run_id} did not end")

    def until_working(self, serials: list[str]) -> None:
        """Until a small run succeeds on all of them: after a break, what the server calls online may be old news."""

        def look() -> bool:
            return bool(self.finished(self.begin(self.shell(":"), on=serials))["status"] == "succeeded")

        self.until(look, f"{serials} work again")

    def until_status(self, run_id: str, serial: str, *wanted: str) -> None:
        def look() -> bool:
            return self.statuses(run_id)[serial] in wanted

        self.until(look, f"{serial} never became {wanted}")

    def until_told(self, sim: Sim, serial: str, words: str, count: int = 1) -> None:
        """Until a device was told for the `count`-th time to run a script with these words."""
        self.until(lambda: sim.count(serial, words) >= count, f"{serial} was never told: {words}")

    def report(self, node_id: str, event: dict[str, Any]) -> dict[str, Any]:
        """One event by hand, as this node."""
        try:
            return dict(self.node_api(node_id).post("/api/nodes/callback", event))
        except RackhandError as error:
            return {"ok": False, "code": error.code, "detail": error.detail}
