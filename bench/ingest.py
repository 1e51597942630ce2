"""Durable events a second over HTTP: `python -m bench.ingest [--short]`.

100 agents (bench/light_agents.py, coroutines of this process) with ten device runs each, one keep-alive connection and
one request under way, report steps as fast as they are answered: 10 and 50 events a request, and single ones. SQLite
with one server process, PostgreSQL with one, and with two for single events. The rate counts what was answered, which
is what is on disk; p50 and p99 are of a request, at this load. Each agent beats every ten seconds; no poll is open.

Beside it: fsyncs of the disk a second, and what the store's own statements write in batches without HTTP. CPU is told
of the servers, of PostgreSQL and of the agents, which all share the machine: somewhere else the agents' part is free.
At the end a server gets kill -9 under load, and every event that was answered before must be a row. That shows what a
dead process loses; what a dead machine loses depends on its disk, and is not shown.
"""

import argparse
import asyncio
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from bench.fleet_rows import at, fill
from bench.light_agents import LightAgent, Tally, give_work, join
from bench.limits import batches_per_s, fsyncs_per_s
from bench.lines import Loop
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
from rackhand.store.db import Tx
from rackhand.store.tables import events

AGENTS = 100
JOBS = 10
PROMISED: Mapping[tuple[str, int, int], Mapping[str, float]] = {
    ("sqlite", 1, 10): {"promised_events_per_s": 10_000, "promised_p99_ms": 150},
    ("sqlite", 1, 50): {"promised_events_per_s": 25_000},
    ("sqlite", 1, 1): {"promised_events_per_s": 2_500},
    ("postgresql", 1, 10): {"promised_events_per_s": 10_000, "promised_p99_ms": 250},
    ("postgresql", 1, 50): {"promised_events_per_s": 20_000},
    ("postgresql", 2, 1): {"promised_events_per_s": 4_000},
}
"""By database, server processes and events a request, as PERF.md has it."""
PLAN = (("sqlite", 1, (10, 50, 1)), ("postgresql", 1, (10, 50, 1)), ("postgresql", 2, (1,)))


@dataclass(frozen=True, slots=True)
class Load:
    """Agents at work on servers."""

    loop: Loop
    agents: Sequence[LightAgent]
    served: Served
    url: str

    def round(self, size: int, seconds: float) -> dict[str, float]:
        """One round of `size` events a request."""
        tally, own = Tally(), time.process_time()
        servers, database = self.served.cpu_s(), database_cpu_s(self.url)
        began_at = time.perf_counter()
        self.loop.run(_all(self.agents, size, began_at + seconds, tally))
        took = time.perf_counter() - began_at
        share = 1e6 / tally.events
        return {
            "events_per_s": tally.events / took,
            "p50_ms": percentile(tally.seconds, 50) * 1000,
            "p99_ms": percentile(tally.seconds, 99) * 1000,
            "server_cpu_us": (self.served.cpu_s() - servers) * share,
            "database_cpu_us": (database_cpu_s(self.url) - database) * share,
            "client_cpu_us": (time.process_time() - own) * share,
        }


async def _all(agents: Sequence[LightAgent], size: int, until: float, tally: Tally) -> None:
    await asyncio.gather(*(agent.push(size, until, tally) for agent in agents))


def at_work(loop: Loop, served: Served, nodes: Sequence[str], *, each: int = JOBS, runs: int = 1) -> list[LightAgent]:
    """Agents of these nodes with `each` started device runs."""

    async def story() -> list[LightAgent]:
        agents = await join(served.urls, nodes, each)
        await give_work(served.url, agents, each, runs)
        return agents

    return loop.run(story())


def measure(url: str, dialect: str, replicas: int, sizes: Sequence[int], args: argparse.Namespace) -> list[Any]:
    """The rows of one arrangement of servers."""
    rows = []
    nodes = fill(url, args.agents, JOBS, ahead_ms=0)
    with serving(url, replicas=replicas) as served, Loop() as loop:
        load = Load(loop, at_work(loop, served, nodes), served, url)
        tokens = [agent.jobs[0].token for agent in load.agents]
        limits = {"limit_events_per_s": batches_per_s(url, tokens), "fsyncs_per_s": fsyncs_per_s()}
        for size in sizes:
            found = median_of(lambda size=size: load.round(size, args.seconds), args.rounds)  # type: ignore[misc]
            about = {"database": dialect, "processes": replicas, "events_a_request": size}
            promised = PROMISED.get((dialect, replicas, size), {})
            of_limit = {"of_limit": found["events_per_s"] / limits["limit_events_per_s"]}
            rows.append(about | found | dict(promised) | limits | of_limit)
    return rows


def kill(url: str, dialect: str, args: argparse.Namespace) -> dict[str, Any]:
    """kill -9 of the server while the agents report: which answered events are no rows afterwards."""
    nodes = fill(url, args.agents, JOBS, ahead_ms=0)
    with serving(url) as served, Loop() as loop:
        agents = at_work(loop, served, nodes)
        loop.run(_until_killed(agents, served.processes[0].pid, args.seconds))
    acknowledged = {f"{agent.name}-{number}" for agent in agents for number in range(1, agent.acknowledged + 1)}
    unanswered = sum(agent.number - agent.acknowledged for agent in agents)
    kept = at(url, _reported)
    promised = {"lost": len(acknowledged - kept), "promised_lost": 0}
    return {"database": dialect, "killed": True, "acknowledged": len(acknowledged), "unanswered": unanswered} | promised


async def _until_killed(agents: Sequence[LightAgent], pid: int, seconds: float) -> None:
    asyncio.get_running_loop().call_later(seconds, os.kill, pid, signal.SIGKILL)

    async def go_on(agent: LightAgent) -> None:
        with suppress(ConnectionError):
            await agent.push(10, time.perf_counter() + seconds + 60, Tally())

    await asyncio.gather(*map(go_on, agents))


def _reported(tx: Tx) -> set[str]:
    found = select(events.c.event_id).where(events.c.workspace_id == tx.workspace_id, events.c.verdict == "accepted")
    return set(tx.conn.execute(found).scalars())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="one round of a second each")
    parser.add_argument("--agents", type=int, default=AGENTS)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    args = parser.parse_args()
    args.rounds = args.rounds or (1 if args.short else ROUNDS)
    args.seconds = args.seconds or (1.0 if args.short else 5.0)
    where, rows = machine(), list[Any]()
    with fresh_databases("sqlite", "postgresql") as fresh:
        for dialect, replicas, sizes in PLAN:
            rows += measure(fresh(dialect), dialect, replicas, sizes, args)
        rows += [kill(fresh(dialect), dialect, args) for dialect in ("sqlite", "postgresql")]
    report("ingest", rows, where=where, rounds=args.rounds, seconds=args.seconds, agents=args.agents)


if __name__ == "__main__":
    main()
