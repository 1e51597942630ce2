"""What `rackhand demo` puts on: server, simulated devices and agents as child processes. Starts, watches and ends them.

The story that is played on it is told in `demo`.
"""

import json
import os
import secrets
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rackhand.cli.children import Child
from rackhand.core.errors import Conflict
from rackhand.sim.faults import SILENT, UNREACHABLE
from rackhand.sim.ports import free_port
from rackhand.sim.scenario import load_scenario
from rackhand.sim.video_site import VideoSite

START_S = 60.0
AGENTS_S = 2.5
ALL_S = 4.5
OURS = ("RACKHAND_DATA", "RACKHAND_DATABASE_URL", "RACKHAND_HOST", "RACKHAND_PORT", "RACKHAND_SERVER")
SECRETS = ("RACKHAND_TOKEN", "RACKHAND_BOOTSTRAP_TOKEN", "RACKHAND_NODE_ID", "RACKHAND_ENDPOINTS")
TRIES = 100


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part."""

    devices: int
    nodes: int
    front: str
    scenario: str
    seed: int
    port: int
    folder: Path


class Stage:
    """The processes of one demo. `close` ends them within five seconds, agents first."""

    def __init__(self, cast: Cast, environment: Mapping[str, str]) -> None:
        self._cast = cast
        self._environment = {name: value for name, value in environment.items() if name not in (*OURS, *SECRETS)}
        self._environment["RACKHAND_AGENT_DRAIN_MS"] = "1"  # a demo ends within seconds
        self._environment["ADB_USB"] = "0"  # no adb server of a demo looks at real phones
        self.videos = VideoSite()
        self._environment["RACKHAND_CONTENT_API_URL"] = self.videos.api
        self._environment["RACKHAND_OUTBOUND_ALLOW"] = "127.0.0.1"  # where the simulated video source is
        self.token = secrets.token_urlsafe(32)
        self.url = ""
        self.login = ""
        self.control = ""
        self._server_ports: list[int] = []
        self._groups: list[list[str]] = []
        self._agents: list[Child] = []
        self._others: list[Child] = []

    @property
    def node_ids(self) -> list[str]:
        return [f"PC-{number:02d}" for number in range(1, len(self._groups) + 1)]

    def _start(self, name: str, words: list[str], **secret: str) -> Child:
        return Child(name, words, self._environment | secret, self._cast.folder / "logs" / f"{name}.log")

    def open(self) -> None:
        """Start server and devices; returns when both answer."""
        cast = self._cast
        self.videos.__enter__()
        data = str(cast.folder / "server")
        server = self._start(
            "server", ["serve", "--port", str(cast.port), "--data", data], RACKHAND_BOOTSTRAP_TOKEN=self.token
        )
        self._others.append(server)
        words = ["sim", "--devices", str(cast.devices), "--nodes", str(cast.nodes), "--front", cast.front]
        sim = self._start("sim", [*words, "--scenario", cast.scenario, "--seed", str(cast.seed)])
        self._others.append(sim)
        said = json.loads(sim.next_line(START_S))
        self.control = said["control"]
        self._server_ports = said["server_ports"]
        self._groups = [group for group in said["groups"] if group]
        self.url = server.next_line(START_S).removeprefix("Ready ")
        self.login = server.next_line(START_S).partition(": ")[2]

    def start_agent(self, position: int, node_id: str, token: str) -> None:
        """The agent of the node at `position`: on its simulated adb server, or on an adb server of its own."""
        has_servers = self._cast.front == "server"
        port = self._server_ports[position] if has_servers else free_port()
        endpoints = "" if has_servers else " ".join(self._groups[position])
        words = ["agent", "--server", self.url, "--node-id", node_id, "--adb-port", str(port)]
        words += ["--data", str(self._cast.folder / node_id)]
        secret = {"RACKHAND_TOKEN": token} | ({"RACKHAND_ENDPOINTS": endpoints} if endpoints else {})
        self._agents.append(self._start(node_id, words, **secret))

    def check(self) -> None:
        """ChildEnded if one of them has ended."""
        for child in (*self._others, *self._agents):
            child.check()

    @property
    def pids(self) -> list[int]:
        return [child.pid for child in (*self._others, *self._agents)]

    def close(self) -> None:
        """End the agents, then the others; who does not end in time is killed."""
        began_at = time.monotonic()
        for child in self._agents:
            child.ask_to_end()
        soon = began_at + AGENTS_S
        while time.monotonic() < soon and not all(child.is_ended for child in self._agents):
            time.sleep(0.02)
        for child in self._others:
            child.ask_to_end()
        for child in (*self._others, *self._agents):
            child.await_end(began_at + ALL_S)
        self.videos.__exit__()


def first_free_port(wanted: int) -> int:
    """`wanted`, or the first one after it that is free; 0 stays 0."""
    if wanted == 0:
        return 0
    for port in range(wanted, min(wanted + TRIES, 65_536)):
        with socket.socket() as probe, suppress(OSError):
            if os.name != "nt":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise Conflict(
        "no free port from {wanted} to {last}; nothing was started: choose another --port",
        wanted=wanted,
        last=wanted + TRIES - 1,
    )


def expected_counts(scenario: str, count: int) -> dict[str, int] | None:
    """How a run over the whole fleet ends if all is well; None if a scenario of one's own says nothing about it."""
    if scenario not in ("none", "default"):
        return None
    rules = load_scenario(scenario, count).rules
    offline = {d for rule in rules if rule.fault in UNREACHABLE for d in rule.devices}
    silent = {d for rule in rules if rule.fault in SILENT for d in rule.devices} - offline
    return {
        "succeeded": count - len(offline) - len(silent),
        "failed": len(silent),
        "skipped_offline": len(offline),
    }


def matches(counts: Mapping[str, Any], expected: Mapping[str, int] | None) -> bool:
    """Whether a run ended as announced."""
    return expected is None or all(counts.get(name) == number for name, number in expected.items())
