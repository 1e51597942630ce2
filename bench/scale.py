"""What several servers on one PostgreSQL do: `python -m bench.scale --database postgresql://... [--replicas 2]`.

The database must be empty; every process is on loopback and ends with this one. Two figures: how long a run takes from
its request at one server to the job in the hands of a node whose poll waits at the same or at another one, and how
many heartbeats a second are committed; with each what CPU time the servers took for it, which says more than the clock
does on a machine that others use as well. Nodes are coroutines of this process.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from rackhand.cli.fake import BOOTSTRAP
from rackhand.cli.fake_process import Process

Taken = dict[str, list[float]]
"""Milliseconds by where the poll waited."""
ADMIN = {"Authorization": f"Bearer {BOOTSTRAP}"}


class Node:
    """A node without an agent: one phone, and a poll that is always open at one server."""

    def __init__(self, http: aiohttp.ClientSession, name: str, token: str, url: str) -> None:
        self.http, self.name, self.url = http, name, url
        self.headers = {"Authorization": f"Bearer {token}"}
        self.beats = 0
        self.waiting = asyncio.Event()
        self.got: asyncio.Queue[float] = asyncio.Queue()

    async def post(self, path: str, body: Any) -> Any:
        async with self.http.post(self.url + path, json=body, headers=self.headers) as answer:
            assert answer.status < 300, (answer.status, await answer.text())
            return await answer.json()

    async def beat(self) -> None:
        phone = {"serial": self.name, "runtime_handle": self.name, "adb_state": "device", "online": True}
        payload = {"node": {"concurrency": 500}, "leases": [], "devices": [phone]}
        event = {"event_id": f"b{self.beats}", "type": "device_heartbeat", "node_id": self.name, "payload": payload}
        self.beats += 1
        await self.post("/api/nodes/callback", event)

    async def poll(self) -> None:
        held: list[str] = []
        while True:
            body = {"node_id": self.name, "max_jobs": 10, "wait_ms": 30_000, "held": held}
            self.waiting.set()
            answer = await self.post("/api/nodes/pull", body)
            held = [token for token in held if token not in answer["cancelled"]]
            for job in answer["jobs"]:
                held.append(job["lease"]["token"])
                self.got.put_nowait(time.perf_counter())


async def enrol(http: aiohttp.ClientSession, urls: list[str], count: int) -> list[Node]:
    """Nodes spread over the servers in turn."""
    nodes = []
    for number in range(count):
        name = f"N-{number:04}"
        async with http.post(urls[0] + "/api/nodes", json={"id": name, "name": name}, headers=ADMIN) as answer:
            nodes.append(Node(http, name, (await answer.json())["token"], urls[number % len(urls)]))
    await asyncio.gather(*(node.beat() for node in nodes))
    return nodes


async def dispatches(http: aiohttp.ClientSession, urls: list[str], nodes: list[Node], runs: int) -> Taken:
    """Milliseconds from POST /api/runs at the first server to the job at its node, by where that one's poll waits."""
    asset = {"title": "Look", "kind": "screenshot"}
    async with http.post(urls[0] + "/api/command-assets", json=asset, headers=ADMIN) as answer:
        step = {"asset_id": (await answer.json())["id"]}
    found: Taken = {"same server": [], "another server": []}
    for number in range(runs):
        node = nodes[number % len(nodes)]
        target = {"scope": "nodes", "nodes": [node.name]}
        body = {"steps": [step], "target": target, "policy": {"concurrency": 500}}
        await node.beat()
        begun = time.perf_counter()
        async with http.post(urls[0] + "/api/runs", json=body, headers=ADMIN) as answer:
            assert answer.status == 201, await answer.text()
            run = (await answer.json())["id"]
        got = await asyncio.wait_for(node.got.get(), 60)
        found["same server" if node.url == urls[0] else "another server"].append((got - begun) * 1000)
        async with http.post(f"{urls[0]}/api/runs/{run}/stop", headers=ADMIN) as answer:
            await answer.read()
    return found


async def heartbeats(nodes: list[Node], seconds: float) -> float:
    """Heartbeats a second while every node sends the next one as soon as the last one is answered."""
    before, ends_at = sum(node.beats for node in nodes), time.perf_counter() + seconds

    async def go_on(node: Node) -> None:
        while time.perf_counter() < ends_at:
            await node.beat()

    await asyncio.gather(*map(go_on, nodes))
    return (sum(node.beats for node in nodes) - before) / seconds


def cpu_s(servers: list[Process]) -> float:
    """CPU seconds of the servers so far (Linux)."""
    ticks = 0
    for server in servers:
        fields = Path(f"/proc/{server.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def measure(urls: list[str], servers: list[Process], args: argparse.Namespace) -> dict[str, Any]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        nodes = await enrol(http, urls, args.nodes)
        begun = cpu_s(servers)
        rate = await heartbeats(nodes, args.seconds)
        beats_s = cpu_s(servers) - begun
        polls = [asyncio.create_task(node.poll()) for node in nodes]
        await asyncio.gather(*(node.waiting.wait() for node in nodes))
        begun = cpu_s(servers)
        taken = await dispatches(http, urls, nodes, args.runs)
        runs_s = cpu_s(servers) - begun
        for poll in polls:
            poll.cancel()
        await asyncio.gather(*polls, return_exceptions=True)
    result: dict[str, Any] = {"servers": len(urls), "nodes": args.nodes, "heartbeats_per_s": round(rate)}
    result["cpu_ms_per_heartbeat"] = round(beats_s * 1000 / (rate * args.seconds), 2)
    result["cpu_ms_per_run"] = round(runs_s * 1000 / args.runs, 1)
    for where, values in taken.items():
        if values:
            ordered = sorted(values)
            p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
            figures = {"p50_ms": round(statistics.median(values), 1), "p99_ms": round(p99, 1)}
            result[where] = {"runs": len(values), **figures}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True, help="an empty PostgreSQL database")
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5.0)
    args = parser.parse_args()
    periods = {"RACKHAND_SWEEP_MS": "1000", "RACKHAND_LEASE_MS": "30000", "RACKHAND_PULL_WAIT_MS": "30000"}
    said = {"RACKHAND_DATABASE_URL": args.database, "RACKHAND_BOOTSTRAP_TOKEN": BOOTSTRAP, **periods}
    with tempfile.TemporaryDirectory(prefix="rh-scale-") as folder:
        servers: list[Process] = []
        try:
            urls = []
            for number in range(args.replicas):
                servers.append(Process(f"s{number}", ["serve", "--port", "0", "--data", folder], said, Path(folder)))
                urls.append(servers[-1].first_line().removeprefix("Ready "))
            load = os.getloadavg()[0]
            print(json.dumps(asyncio.run(measure(urls, servers, args)) | {"load_before": round(load, 1)}))
        finally:
            for server in servers:
                server.close()


if __name__ == "__main__":
    main()
