"""100,000 devices by their protocol: `python -m bench.fleet --light [--nodes 1000] [--per-node 100] [--short]`.

1,000 nodes without agents, 100 devices each, are coroutines of this process: each beats every 10 s (every minute with
its whole list) and keeps one long poll open, as an agent does; one server on SQLite. Row `idle`: nothing happens, for
a minute; the server's CPU share of one core, its memory, and how long a beat and an operator's poll take. Row `run`:
a run of five steps over all devices, 100 at once on each node, whose events the nodes report at once in the batches
that an agent would send; beats and polls go on meanwhile. `cpu_us_per_event` is the server's, and must not grow with
the fleet: it is measured at a tenth, a third and the whole of it. `load_cpu_s` is what this process took of the same
cores.

What it does not show: real agents (bench/fleet.py), and nodes that come back all at once.
"""

import asyncio
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from bench.bed import RACKHAND, RUN_S, Program
from bench.light_nodes import PERIODS, Node, Taken, enrol
from bench.measure import ADMIN, cpu_s, machine, memory_mb, percentile, report
from rackhand.agent.adb.process import raise_file_limit
from rackhand.cli.fake import BOOTSTRAP, FINAL
from rackhand.core.clock import from_rfc3339

STEPS = 5
LOOK_S = 1.5
"""How often a page asks for a run."""


class Watch:
    """One fleet on one server; each phase is a row."""

    def __init__(self, http: aiohttp.ClientSession, server: Program, url: str, nodes: int, per_node: int) -> None:
        self._http, self._server, self._url = http, server, url
        self._size = {"nodes": nodes, "devices": nodes * per_node}
        self.taken = Taken()
        self._polls: list[float] = []

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        async with self._http.request(method, self._url + path, json=body, headers=ADMIN) as answer:
            assert answer.status in (200, 201), (answer.status, await answer.text())
            return await answer.json()

    def begin(self) -> tuple[float, float, float]:
        self.taken.clear()
        self._polls.clear()
        return time.perf_counter(), cpu_s(self._server.pid), time.process_time()

    def row(self, phase: str, begun: tuple[float, float, float]) -> dict[str, Any]:
        took, spent = time.perf_counter() - begun[0], cpu_s(self._server.pid) - begun[1]
        row: dict[str, Any] = {"phase": phase, **self._size, "seconds": took, "server_cpu_percent": spent * 100 / took}
        row |= {"server_mb": memory_mb(self._server.pid), "load_cpu_s": time.process_time() - begun[2]}
        for kind, values in {**self.taken.ms, "status": self._polls}.items():
            if values and kind != "poll":  # a long poll takes as long as it likes
                row |= {f"{kind}_p50_ms": percentile(values, 50), f"{kind}_p99_ms": percentile(values, 99)}
        return row | {"refused": self.taken.refused}

    async def poll_status(self) -> None:
        """As the page of devices does: every 3 s what has changed."""
        rev = (await self.ask("GET", "/api/nodes/status"))["rev"]
        while True:
            await asyncio.sleep(3)
            began = time.perf_counter()
            url = f"{self._url}/api/nodes/status?since={rev}"
            async with self._http.get(url, headers=ADMIN) as answer:
                body = await answer.read()
                if answer.status == 200 and body:
                    rev = (await answer.json())["rev"]
            self._polls.append((time.perf_counter() - began) * 1000)

    async def idle(self, seconds: float) -> dict[str, Any]:
        begun = self.begin()
        await asyncio.sleep(seconds)
        return self.row("idle", begun)

    async def run(self, per_node: int) -> dict[str, Any]:
        asset = await self.ask("POST", "/api/command-assets", {"title": "Look", "kind": "screenshot"})
        begun, asked_at = self.begin(), time.time()
        policy = {"concurrency": per_node}
        body = {"steps": [{"asset_id": asset["id"]}] * STEPS, "target": {"scope": "all"}, "policy": policy}
        run = await self.ask("POST", "/api/runs", body)
        created_s = time.time() - asked_at
        async with asyncio.timeout(RUN_S):
            while run["status"] not in FINAL:
                await asyncio.sleep(LOOK_S)
                run = (await self.ask("GET", "/api/runs?limit=1"))["items"][0]
        wall_s = from_rfc3339(run["finished_at"]) / 1000 - asked_at
        row, events = self.row("run", begun), self.taken.events
        cpu_us = row["server_cpu_percent"] / 100 * row["seconds"] * 1e6 / max(1, events)
        return row | {
            "create_s": created_s,
            "wall_s": wall_s,
            "device_runs_per_s": self._size["devices"] / wall_s,
            "events_per_s": events / wall_s,
            "cpu_us_per_event": cpu_us,
            "succeeded": run["counts"]["succeeded"],
        }


async def watch(server: Program, url: str, nodes: int, per_node: int, idle_s: float) -> list[dict[str, Any]]:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=120)
    timeout = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
        place = Watch(http, server, url, nodes, per_node)
        begun = place.begin()
        fleet = await enrol(http, url, nodes, per_node, place.taken)
        rows = [place.row("enrol", begun)]
        lives = [asyncio.create_task(place.poll_status()), *(asyncio.create_task(_live(node)) for node in fleet)]
        try:
            await asyncio.sleep(PERIODS.beat_ms / 1000)
            rows.append(await place.idle(idle_s))
            rows.append(await place.run(per_node))
        finally:
            for life in lives:
                life.cancel()
            ends = await asyncio.gather(*lives, return_exceptions=True)
        failed = [end for end in ends if isinstance(end, Exception)]
        assert not failed, failed[:3]
        return rows


async def _live(node: Node) -> None:
    await node.live(random.uniform(0, PERIODS.beat_ms / 1000))


def measure(nodes: int, per_node: int, idle_s: float) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="rh-bench-", ignore_cleanup_errors=True) as folder:
        words = [*RACKHAND, "serve", "--port", "0", "--data", f"{folder}/data"]
        server = Program("server", words, Path(folder), {"RACKHAND_BOOTSTRAP_TOKEN": BOOTSTRAP})
        try:
            url = server.first_line().removeprefix("Ready ")
            return asyncio.run(watch(server, url, nodes, per_node, idle_s))
        finally:
            server.close()


def run(nodes: int, per_node: int, is_short: bool) -> int:
    """Measure a tenth, a third and all of it (short: all), and report; the exit code."""
    raise_file_limit()
    where = machine()
    sizes = [nodes] if is_short else sorted({max(1, nodes // 10), max(1, nodes // 3), nodes})
    rows = [row for size in sizes for row in measure(size, per_node, 10 if is_short else 60)]
    report("fleet_light", rows, where=where)
    return 0
