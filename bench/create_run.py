"""What making a run costs: `python -m bench.create_run [--short]`.

`POST /api/runs` over every device of fleets of 1,000 and of 10,000 (100 a node, all online), one request after another
on one connection: time until the answer, by which the run and its device runs are on disk, and CPU. Each run is stopped
before the next one is asked for: that is not in the time, but in the CPU. Beside it, what inserting as many rows of
device runs takes the database alone, in one transaction.
"""

import argparse
import json
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select

from bench.fleet_rows import at, fill, put
from bench.light_agents import step_of
from bench.lines import Line, Loop, connect
from bench.measure import (
    ROUNDS,
    database_cpu_s,
    fresh_databases,
    machine,
    median_of,
    report,
    serving,
)
from rackhand.cli.fake import BOOTSTRAP
from rackhand.store.db import Tx
from rackhand.store.tables import run_device_states

PROMISED_MS = {1_000: 50, 10_000: 500}
EACH = 100


async def made(admin: Line, steps: Sequence[Any], devices: int, nodes: Sequence[str] = ()) -> float:
    """Milliseconds of one run over everything, or over these nodes; it is stopped afterwards."""
    target = {"scope": "nodes", "nodes": list(nodes)} if nodes else {"scope": "all"}
    raw = admin.encode("POST", "/api/runs", json.dumps({"steps": steps, "target": target}).encode())
    began_at = time.perf_counter()
    status, body = await admin.send(raw)
    took = (time.perf_counter() - began_at) * 1000
    answer = json.loads(body)
    assert (status, answer["counts"]["queued"]) == (201, devices), body[:300]
    await admin.ask("POST", f"/api/runs/{answer['id']}/stop")
    return took


def bare_ms(url: str) -> float:
    """Milliseconds of inserting the device runs of the last run again, without the rest of the work."""
    rows = at(url, _device_runs)
    took: list[float] = []

    def write(tx: Tx) -> None:
        tx.conn.execute(delete(run_device_states).where(run_device_states.c.run_id == rows[0]["run_id"]))
        began_at = time.perf_counter()
        put(tx, run_device_states, rows)
        took.append((time.perf_counter() - began_at) * 1000)

    at(url, write)
    return took[-1]


def _device_runs(tx: Tx) -> list[dict[str, Any]]:
    c = run_device_states.c
    last = select(c.run_id).where(c.workspace_id == tx.workspace_id).order_by(c.run_id.desc()).limit(1)
    found = select(run_device_states).where(c.workspace_id == tx.workspace_id, c.run_id == last.scalar_subquery())
    return [dict(row) for row in tx.conn.execute(found).mappings()]


def measure(url: str, dialect: str, devices: int, args: argparse.Namespace) -> dict[str, Any]:
    fill(url, devices // EACH, EACH)
    with serving(url) as served, Loop() as loop:

        async def open_admin() -> tuple[Line, list[Any]]:
            admin = await connect(served.url, BOOTSTRAP)
            return admin, [await step_of(admin) for _ in range(5)]

        admin, steps = loop.run(open_admin())

        def once() -> dict[str, float]:
            servers, database = served.cpu_s(), database_cpu_s(url)
            took = loop.run(made(admin, steps, devices))
            spent = {"cpu_ms_with_stop": (served.cpu_s() - servers) * 1000}
            return {"ms": took} | spent | {"database_cpu_ms": (database_cpu_s(url) - database) * 1000}

        found = median_of(once, args.rounds)
        bare = bare_ms(url)
    about = {"database": dialect, "devices": devices, "ms": found["ms"], "promised_ms": PROMISED_MS.get(devices)}
    per_device = {"us_a_device": found["ms"] * 1000 / devices, "bare_ms": bare, "of_bare": found["ms"] / bare}
    return about | found | per_device


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="three rounds each")
    parser.add_argument("--devices", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--rounds", type=int)
    args = parser.parse_args()
    args.rounds = args.rounds or (3 if args.short else 2 * ROUNDS)
    where, rows = machine(), list[dict[str, Any]]()
    with fresh_databases("sqlite", "postgresql") as fresh:
        for dialect in ("sqlite", "postgresql"):
            rows += [measure(fresh(dialect), dialect, devices, args) for devices in args.devices]
    report("create_run", rows, where=where, rounds=args.rounds)


if __name__ == "__main__":
    main()
