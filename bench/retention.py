"""What retention costs: how long each batch holds the writer, and what a node's events wait for meanwhile.

    .venv/bin/python -m bench.retention [--runs 40] [--devices 200] [--steps 20] [--database postgresql://...]

Fills a database with finished runs, makes them old, and removes them with the product's own pass while a single-row
write is sent again and again: its longest wait is what the batches' size is chosen for. Prints a table and writes
bench/results/retention.json.
"""

import argparse
import asyncio
import json
import platform
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert

from bench.measure import RESULTS
from rackhand.core.ids import uuid7
from rackhand.core.schema import parse
from rackhand.engine import preferences
from rackhand.engine.access import SYSTEM
from rackhand.engine.fake import Lab
from rackhand.engine.preferences import DAY_MS, PREFERENCES
from rackhand.server.retention import remove_old
from rackhand.store import schema, sweeps
from rackhand.store.blobs import DirectoryBlobs
from rackhand.store.connect import make_database
from rackhand.store.db import Committed, Database, Tx
from rackhand.store.fake import FakeClock
from rackhand.store.tables import events, run_device_states, run_steps, runs

RESULT = RESULTS / "retention.json"


@dataclass(frozen=True, slots=True)
class Measured:
    """`batch_ms` are the longest and the middle transaction of the pass, `wait_ms` of another writer meanwhile."""

    database: str
    runs: int
    rows: int
    pass_s: float
    rows_per_s: int
    batch_ms_max: float
    batch_ms_median: float
    wait_ms_max: float
    wait_ms_median: float


def fill(tx: Tx, template: str, devices: int, steps: int) -> int:
    """One finished run like the template's, with its device runs, steps and events; the number of rows."""
    own = {"workspace_id": tx.workspace_id}
    run = dict(tx.conn.execute(runs.select().where(runs.c.id == template)).mappings().one())
    run_id = uuid7(tx.now, tx.mint().encode()[:10])
    final = {"id": run_id, "status": "succeeded", "finished_at": tx.now, "count_succeeded": devices}
    tx.conn.execute(insert(runs).values(run | final | {"count_queued": 0, "count_total": devices}))
    found = tx.conn.execute(run_device_states.select().where(run_device_states.c.run_id == template)).mappings()
    done = {"status": "succeeded", "run_id": run_id, "finished_at": tx.now}
    parts = [{**row, **done, "id": tx.mint()} for row in found]
    tx.conn.execute(insert(run_device_states), parts)
    about = {"attempt": 1, "status": "succeeded", "probability": 1.0, "draw": 0.5, "decision": "executed"}
    about |= own | {"run_id": run_id, "output_tail": "ok\n" * 40, "finished_at": tx.now, "late": False}
    attempts = [{**about, "device_index": i, "step_index": j} for i in range(1, devices + 1) for j in range(steps)]
    tx.conn.execute(insert(run_steps), attempts)
    seen = {"node_id": "PC-01", "type": "run_step_update", "verdict": "accepted", "received_at": tx.now, **own}
    told = [{**seen, "event_id": f"{run_id}-{i}", "run_id": run_id} for i in range(devices * steps)]
    tx.conn.execute(insert(events), told)
    return 1 + len(parts) + len(attempts) + len(told)


async def measure(db: Database, clock: FakeClock, args: argparse.Namespace) -> Measured:
    lab = Lab(db, clock)
    await lab.node("PC-01", args.devices)
    template = (await lab.run(await lab.playbook())).view.id
    rows = 0
    for _ in range(args.runs):
        clock.advance(1)
        rows += await db.write(fill, template, args.devices, args.steps)
    body = {"retention": {"run_days": 1, "event_days": 2}}
    await db.write(preferences.change, SYSTEM, parse(PREFERENCES, body))
    clock.advance(3 * DAY_MS)
    commits: list[float] = []
    db.listen(lambda committed: commits.append(_ms(committed)))
    waits, is_over = list[float](), asyncio.Event()
    other = asyncio.create_task(_write_on(db, waits, is_over))
    began_at = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        while await remove_old(db, DirectoryBlobs(Path(folder))):
            pass
    took = time.perf_counter() - began_at
    is_over.set()
    await other
    batches = sorted(commits)[-max(1, len(commits) - len(waits)) :]
    waits.sort()
    return Measured(
        db.dialect,
        args.runs,
        rows,
        round(took, 2),
        int(rows / took),
        *(round(ms, 1) for ms in (batches[-1], batches[len(batches) // 2], waits[-1], waits[len(waits) // 2])),
    )


def _ms(committed: Committed) -> float:
    return committed.seconds * 1000


async def _write_on(db: Database, waits: list[float], is_over: asyncio.Event) -> None:
    """The smallest write there is, as a heartbeat would be."""
    while not is_over.is_set():
        began_at = time.perf_counter()
        await db.write(sweeps.store)
        waits.append((time.perf_counter() - began_at) * 1000)
        await asyncio.sleep(0.005)


async def story(args: argparse.Namespace) -> Measured:
    clock = FakeClock()
    with tempfile.TemporaryDirectory() as folder:
        db = make_database(args.database, Path(folder), clock=clock)
        await db.start()
        try:
            await schema.upgrade(db)
            return await measure(db, clock, args)
        finally:
            await db.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--database", help="an empty PostgreSQL database; default: a SQLite file")
    args = parser.parse_args()
    found = asdict(asyncio.run(story(args)))
    for name, value in found.items():
        print(f"{name:18} {value}")
    known = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    about = {"date": datetime.now(UTC).date().isoformat(), "machine": f"{platform.machine()}, shared"}
    known[found["database"]] = found | about
    RESULT.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
