"""What more server processes on one PostgreSQL bring and cost: `python -m bench.replicas [--short]`.

1, 2 and 4 processes, 100 agents (bench/light_agents.py) spread over them in turn, each with one request under way:
heartbeats that list ten devices of which nothing changed, and single events of device runs, as fast as they are
answered. With each figure the CPU that servers and PostgreSQL took for one, which says more than the clock does:
servers, PostgreSQL and agents share this machine, so that more processes than it has to spare can bring nothing here.

`runs` is how many runs the device runs are of: every commit of events moves the row of its run, so that two servers
that report of the same run wait for each other there. How soon a node learns of a run is in bench/dispatch.py.
"""

import argparse
import asyncio
import time
from typing import Any

from bench.fleet_rows import fill
from bench.ingest import AGENTS, JOBS, Load, at_work
from bench.lines import Loop
from bench.measure import ROUNDS, database_cpu_s, fresh_databases, machine, median_of, report, serving

PROCESSES = (1, 2, 4)
PROMISED = {2: {"promised_events_per_s": 4_000}}
"""Single events a second by processes."""


def beats(load: Load, seconds: float) -> dict[str, float]:
    """One round of heartbeats."""
    servers, database = load.served.cpu_s(), database_cpu_s(load.url)
    began_at = time.perf_counter()

    async def story() -> int:
        return sum(await asyncio.gather(*(agent.beat_on(began_at + seconds) for agent in load.agents)))

    count = load.loop.run(story())
    took = time.perf_counter() - began_at
    return {
        "beats_per_s": count / took,
        "server_ms_per_beat": (load.served.cpu_s() - servers) * 1000 / count,
        "database_ms_per_beat": (database_cpu_s(load.url) - database) * 1000 / count,
    }


def once(load: Load, seconds: float) -> dict[str, float]:
    """One round of each."""
    events = load.round(1, seconds)
    found = {"events_per_s": events["events_per_s"], "p99_ms": events["p99_ms"]}
    found |= {"server_ms_per_event": events["server_cpu_us"] / 1000}
    return found | {"database_ms_per_event": events["database_cpu_us"] / 1000} | beats(load, seconds)


def measure(url: str, processes: int, runs: int, args: argparse.Namespace) -> dict[str, Any]:
    nodes = fill(url, args.agents, JOBS, ahead_ms=0)
    with serving(url, replicas=processes) as served, Loop() as loop:
        load = Load(loop, at_work(loop, served, nodes, runs=runs), served, url)
        found = median_of(lambda: once(load, args.seconds), args.rounds)
        memory = served.memory_mb() / processes
    about = {"processes": processes, "runs": runs, "memory_mb_each": memory}
    return about | found | PROMISED.get(processes, {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="one run, one round of a second each")
    parser.add_argument("--agents", type=int, default=AGENTS)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    args = parser.parse_args()
    args.rounds = args.rounds or (1 if args.short else ROUNDS)
    args.seconds = args.seconds or (1.0 if args.short else 4.0)
    where, rows = machine(), list[dict[str, Any]]()
    with fresh_databases("postgresql") as fresh:
        for runs in (1,) if args.short else (1, 10):
            rows += [measure(fresh("postgresql"), count, runs, args) for count in PROCESSES]
    report("replicas", rows, where=where, rounds=args.rounds, seconds=args.seconds, agents=args.agents)


if __name__ == "__main__":
    main()
