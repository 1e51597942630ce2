"""From `POST /api/runs` to the job in the hands of its agent: `python -m bench.dispatch [--short]`.

500 nodes of one device each wait in long polls, spread over the servers in turn. Again and again a run over one node is
asked for at the first server, and the time is taken until that node's poll has been answered with the job, which by
then is leased on disk; the run is stopped afterwards, which is not in the time but in the CPU. Nodes are coroutines of
this process. SQLite and PostgreSQL with one server, and PostgreSQL with two: by whether the poll waits at the server
that was asked or at the other one. Beside it, `GET /healthz` on the same connection: what HTTP alone takes.

Not shown: dispatch while nodes also beat and report; what the agent does with its job is in bench/agent_overhead.py.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.fleet_rows import fill, token_of
from bench.light_agents import step_of
from bench.lines import Line, Loop, connect
from bench.measure import (
    ROUNDS,
    Served,
    database_cpu_s,
    fresh_databases,
    machine,
    median_of,
    percentile,
    report,
    serving,
)
from rackhand.cli.fake import BOOTSTRAP

PLAN = (("sqlite", 1), ("postgresql", 1), ("postgresql", 2))
PROMISED_MS = {"sqlite": 10, "postgresql": 15}
SAME, OTHER = "same server", "another server"
"""Where the poll waits."""


@dataclass(slots=True)
class WaitingNode:
    """A node whose poll is always open at one server."""

    name: str
    url: str
    line: Line
    got: asyncio.Queue[tuple[float, str]]
    held: list[str] = field(default_factory=list)

    async def poll(self) -> None:
        while True:
            body = {"node_id": self.name, "max_jobs": 10, "wait_ms": 30_000, "held": self.held}
            status, raw = await self.line.send(self.line.encode("POST", "/api/nodes/pull", json.dumps(body).encode()))
            at = time.perf_counter()
            if status == 503:  # the database is busy: as an agent does
                await asyncio.sleep(1)
                continue
            assert status == 200, raw[:300]
            answer = json.loads(raw)
            self.held = [token for token in self.held if token not in answer["cancelled"]]
            for job in answer["jobs"]:
                self.held.append(job["lease"]["token"])
                self.got.put_nowait((at, self.name))


class Dispatcher:
    """Nodes in their polls, and who asks for runs."""

    def __init__(self, loop: Loop, served: Served, names: Sequence[str]) -> None:
        self._loop, self._served = loop, served
        self.nodes: list[WaitingNode] = []
        self._polls: list[asyncio.Task[None]] = []
        self._turn = 0
        loop.run(self._open(names))

    async def _open(self, names: Sequence[str]) -> None:
        urls = self._served.urls
        self._admin = await connect(urls[0], BOOTSTRAP)
        self._steps = [await step_of(self._admin)]
        got = asyncio.Queue[tuple[float, str]]()
        for number, name in enumerate(names):
            url = urls[number % len(urls)]
            self.nodes.append(WaitingNode(name, url, await connect(url, token_of(name)), got))
        self._got = got
        self._polls = [asyncio.create_task(node.poll()) for node in self.nodes]
        while await self._open_polls() < len(names):
            ended = [poll for poll in self._polls if poll.done()]
            assert not ended, ended
            await asyncio.sleep(0.2)

    async def _open_polls(self) -> int:
        """How many polls wait at all servers."""
        found = 0
        for url in self._served.urls:
            line = await connect(url, BOOTSTRAP)
            _, text = await line.send(line.encode("GET", "/metrics"))
            line.close()
            found += _gauge(text.decode())
        return found

    def round(self, count: int, url: str) -> dict[str, float]:
        """Milliseconds and CPU of `count` runs."""
        before, database = self._served.cpu_s(), database_cpu_s(url)
        taken, floor = self._loop.run(self._dispatch(count))
        cpu = {"server_cpu_ms": (self._served.cpu_s() - before) * 1000 / count}
        cpu["database_cpu_ms"] = (database_cpu_s(url) - database) * 1000 / count
        found = cpu | {"healthz_p50_ms": percentile(floor, 50)}
        for where, values in taken.items():
            found |= {f"{where} p50": percentile(values, 50), f"{where} p99": percentile(values, 99)}
        return found

    async def _dispatch(self, count: int) -> tuple[dict[str, list[float]], list[float]]:
        taken = {SAME: list[float](), OTHER: list[float]()}
        floor = []
        for _ in range(count):
            node = self.nodes[self._turn % len(self.nodes)]
            self._turn += 1
            body = {"steps": self._steps, "target": {"scope": "nodes", "nodes": [node.name]}}
            raw = self._admin.encode("POST", "/api/runs", json.dumps(body).encode())
            began_at = time.perf_counter()
            answer = asyncio.create_task(self._admin.send(raw))
            got_at, name = await asyncio.wait_for(self._got.get(), 60)
            status, made = await answer
            assert (status, name) == (201, node.name), made[:300]
            taken[SAME if node.url == self._served.url else OTHER].append((got_at - began_at) * 1000)
            await self._admin.ask("POST", f"/api/runs/{json.loads(made)['id']}/stop")
            began_at = time.perf_counter()
            await self._admin.send(self._admin.encode("GET", "/healthz"))
            floor.append((time.perf_counter() - began_at) * 1000)
        return {where: values for where, values in taken.items() if values}, floor

    def close(self) -> None:
        self._loop.run(self._close())

    async def _close(self) -> None:
        for poll in self._polls:
            poll.cancel()
        await asyncio.gather(*self._polls, return_exceptions=True)


def _gauge(text: str) -> int:
    line = next(line for line in text.splitlines() if line.startswith("rackhand_long_polls "))
    return int(float(line.split()[1]))


def measure(url: str, dialect: str, replicas: int, args: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each place where polls wait."""
    names = fill(url, args.nodes, 1)
    with serving(url, replicas=replicas) as served, Loop() as loop:
        dispatcher = Dispatcher(loop, served, names)
        found = median_of(lambda: dispatcher.round(args.runs, url), args.rounds)
        dispatcher.close()
    about = {"database": dialect, "processes": replicas, "nodes": args.nodes}
    rows = []
    for where in (SAME, OTHER):
        if f"{where} p50" not in found:
            continue
        p50, p99 = found[f"{where} p50"], found[f"{where} p99"]
        row = about | {"poll": where, "p50_ms": p50, "promised_p50_ms": PROMISED_MS[dialect], "p99_ms": p99}
        rest = {name: value for name, value in found.items() if name.endswith("_ms")}
        rows.append(row | rest | {"of_healthz": p50 / found["healthz_p50_ms"]})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="one round of 40 runs each")
    parser.add_argument("--nodes", type=int, default=500)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--rounds", type=int)
    args = parser.parse_args()
    args.rounds = args.rounds or (1 if args.short else ROUNDS)
    args.runs = args.runs or (40 if args.short else 100)
    where, rows = machine(), list[dict[str, Any]]()
    with fresh_databases("sqlite", "postgresql") as fresh:
        for dialect, replicas in PLAN:
            rows += measure(fresh(dialect), dialect, replicas, args)
    report("dispatch", rows, where=where, rounds=args.rounds, runs_a_round=args.runs)


if __name__ == "__main__":
    main()
