"""Whether anything gets dearer with history: `python -m bench.history [--short] [--events 10000000]`.

Two databases with the same fleet (100 nodes of 10 devices) and a server each: one has no history, the other has
finished runs of a million steps and ten million events (`--events` scales both). Rows are written directly: COPY on
PostgreSQL, with statistics gathered as autovacuum does, executemany on SQLite. Rounds alternate between the two:
reporting ten events a request with 20 agents, a status poll of which nothing changed, a pull that finds nothing, and
making a run over 100 devices. `ratio` is full over empty of each figure; the promise is that it stays within 1.2.

Not shown: retention, which has bench/retention.py, and lists and charts of history itself, which read what they show.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.create_run import made
from bench.fleet_rows import fill, names
from bench.history_rows import Shape, write_history
from bench.ingest import Load, at_work
from bench.light_agents import LightAgent, step_of
from bench.lines import Line, Loop, connect
from bench.measure import ROUNDS, Served, fresh_databases, machine, percentile, report, serving
from rackhand.cli.fake import BOOTSTRAP

NODES, EACH = 100, 10
REPORTING = 20
RUN_OVER = names(NODES)[REPORTING : REPORTING + 10]
PROMISED_RATIO = 1.2
POLLS = 100


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two servers, and who asks it."""

    load: Load
    admin: Line
    steps: Sequence[Any]
    served: Served

    def round(self, seconds: float) -> dict[str, float]:
        events = self.load.round(10, seconds)
        return self.load.loop.run(self._others()) | {
            "us_per_event": 1e6 / events["events_per_s"],
            "cpu_us_per_event": events["server_cpu_us"],
        }

    async def _others(self) -> dict[str, float]:
        status = await self.admin.ask("GET", "/api/nodes/status?view=packed")
        same = f"/api/nodes/status?view=packed&since={status['rev']}"
        agent = self.load.agents[0]
        nothing = {"node_id": agent.name, "max_jobs": 10, "wait_ms": 0, "held": [job.token for job in agent.jobs]}
        pull = agent.line.encode("POST", "/api/nodes/pull", json.dumps(nothing).encode())
        poll_ms = await timed(self.admin, self.admin.encode("GET", same), 304)
        pull_ms = await timed(agent.line, pull, 200)
        run_ms = percentile([await made(self.admin, self.steps, len(RUN_OVER) * EACH, RUN_OVER) for _ in range(5)], 50)
        return {"status_poll_ms": poll_ms, "pull_ms": pull_ms, "create_run_ms": run_ms}


async def timed(line: Line, raw: bytes, wanted: int) -> float:
    """The median milliseconds of one request."""
    took = []
    for _ in range(POLLS):
        began_at = time.perf_counter()
        status, body = await line.send(raw)
        took.append((time.perf_counter() - began_at) * 1000)
        assert status == wanted, (status, body[:300])
    return percentile(took, 50)


@contextmanager
def opened(url: str, loop: Loop) -> Iterator[Side]:
    """A server with 20 agents at work."""
    with serving(url) as served:

        async def open_admin() -> tuple[Line, list[Any]]:
            admin = await connect(served.url, BOOTSTRAP)
            return admin, [await step_of(admin)]

        admin, steps = loop.run(open_admin())
        agents: list[LightAgent] = at_work(loop, served, names(REPORTING), each=EACH)
        yield Side(Load(loop, agents, served, url), admin, steps, served)


def measure(empty: str, full: str, dialect: str, args: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each figure."""
    shape = Shape.of(args.events, NODES * EACH, EACH)
    for url in (empty, full):
        fill(url, NODES, EACH)
    filled_s = write_history(full, shape)
    with ExitStack() as stack:
        loop = stack.enter_context(Loop())
        sides = [stack.enter_context(opened(url, loop)) for url in (empty, full)]
        rounds = [[side.round(args.seconds) for side in sides] for _ in range(args.rounds + 1)][1:]
        memory = [side.served.memory_mb() for side in sides]
    about = {"database": dialect, "events": shape.events, "steps": shape.steps, "filled_s": filled_s}
    rows = [about | _row(name, [[side[name] for side in each] for each in rounds]) for name in rounds[0][0]]
    return [*rows, about | _row("memory_mb", [memory])]


def _row(name: str, rounds: Sequence[Sequence[float]]) -> dict[str, Any]:
    empty, full = (median(each[side] for each in rounds) for side in (0, 1))
    return {"figure": name, "empty": empty, "full": full, "ratio": full / empty, "promised_ratio": PROMISED_RATIO}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="200,000 events, two rounds of half a second each")
    parser.add_argument("--events", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    args = parser.parse_args()
    args.events = args.events or (200_000 if args.short else 10_000_000)
    args.rounds = args.rounds or (2 if args.short else ROUNDS + 2)
    args.seconds = args.seconds or (0.5 if args.short else 3.0)
    where, rows = machine(), list[dict[str, Any]]()
    with fresh_databases("sqlite", "postgresql") as fresh:
        for dialect in ("sqlite", "postgresql"):
            rows += measure(fresh(dialect), fresh(dialect), dialect, args)
    report("history", rows, where=where, rounds=args.rounds, seconds=args.seconds)


if __name__ == "__main__":
    main()
