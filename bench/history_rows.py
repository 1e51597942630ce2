"""A long history, written as rows before the server starts: finished runs with their device runs, steps and events.

Belongs here: filling. Ids and times go up as they do in use, so that rows lie where they would lie; all of it is of the
last 20 hours, so that retention leaves it alone.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import Table, delete, insert, make_url, select

from bench.fleet_rows import at, names_of, serial_of
from rackhand.core.schema import parse
from rackhand.engine import catalog
from rackhand.engine.access import SYSTEM
from rackhand.engine.run_requests import RUN_REQUEST
from rackhand.engine.runs import Origin, create_run
from rackhand.store.db import Tx
from rackhand.store.db_sqlite import driver
from rackhand.store.tables import COUNT_COLUMNS, devices, events, run_device_states, run_steps, runs

SPAN_MS = 20 * 3_600_000
DEVICES, STEPS, EVENTS = 100, 10, 100
"""Of a run; of a device run; of a device run."""
_CHUNK = 100_000
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """How long the history is, and over how many devices of a node each."""

    runs: int
    devices: int
    each: int

    @classmethod
    def of(cls, event_count: int, device_count: int, each: int) -> "Shape":
        return cls(max(1, event_count // (DEVICES * EVENTS)), device_count, each)

    @property
    def events(self) -> int:
        return self.runs * DEVICES * EVENTS

    @property
    def steps(self) -> int:
        return self.runs * DEVICES * STEPS


class History:
    """The rows, made from a run that the product itself made."""

    def __init__(self, shape: Shape, run: dict[str, Any], device_run: dict[str, Any], ids: dict[int, str]) -> None:
        self._shape, self._run, self._device_run, self._ids = shape, run, device_run, ids
        self._from = run["created_at"] - SPAN_MS

    def _at(self, run: int) -> int:
        return int(self._from + run * SPAN_MS // self._shape.runs)

    def _id(self, run: int, number: int) -> str:
        """32 hexadecimal digits that begin with the time, as UUIDv7 does."""
        return f"{self._at(run):012x}{number:020x}"

    def _device_runs(self) -> Iterator[tuple[int, int]]:
        """(run, device index)"""
        for run in range(self._shape.runs):
            for place in range(DEVICES):
                yield run, (run * DEVICES + place) % self._shape.devices + 1

    def runs(self) -> Iterator[dict[str, Any]]:
        counts = dict.fromkeys(COUNT_COLUMNS, 0) | {"count_succeeded": DEVICES, "count_total": DEVICES}
        for run in range(self._shape.runs):
            when = {"created_at": self._at(run), "finished_at": self._at(run)}
            yield self._run | {"id": self._id(run, 0), "status": "succeeded"} | counts | when

    def device_runs(self) -> Iterator[Row]:
        final = {"status": "succeeded", "step_count": STEPS, "last_event_seq": EVENTS, "finished_seq": EVENTS}
        for run, index in self._device_runs():
            ended = {"started_at": self._at(run), "finished_at": self._at(run), "lease_expires_at": self._at(run)}
            token = {"lease_token": "t" + self._id(run, index), "lease_epoch": 1}
            place = {"device_index": index, "node_id": self._node(index), "serial": serial_of(index - 1)}
            names = {"id": self._id(run, index), "run_id": self._id(run, 0), "device_id": self._ids[index]}
            yield tuple((self._device_run | final | ended | token | place | names).values())

    def steps(self) -> Iterator[Row]:
        told = ("shell", "succeeded", 1.0, 0.5, "executed", 0, "ok\n" * 40, 40)
        for run, index in self._device_runs():
            run_id, when = self._id(run, 0), self._at(run)
            for step in range(STEPS):
                yield ("default", run_id, index, step, 1, *told, when, when, step + 2)

    def events(self) -> Iterator[Row]:
        for run, index in self._device_runs():
            run_id, token, node = self._id(run, 0), "t" + self._id(run, index), self._node(index)
            for number in range(EVENTS):
                name = self._id(run, index * EVENTS + number)
                yield ("default", node, name, "run_step_update", run_id, token, "accepted", self._at(run))

    def _node(self, index: int) -> str:
        return names_of((index - 1) // self._shape.each)

    def tables(self) -> list[tuple[Table, list[str], Callable[[], Iterator[Row]]]]:
        """(table, columns, rows) in the order of their references; runs are written before."""
        return [
            (run_device_states, list(self._device_run), self.device_runs),
            (run_steps, _STEP_COLUMNS, self.steps),
            (events, _EVENT_COLUMNS, self.events),
        ]


_STEP_COLUMNS = [
    "workspace_id",
    "run_id",
    "device_index",
    "step_index",
    "attempt",
    "step_type",
    "status",
    "probability",
    "draw",
    "decision",
    "exit_code",
    "output_tail",
    "output_lines",
    "started_at",
    "finished_at",
    "last_seq",
]
_EVENT_COLUMNS = ["workspace_id", "node_id", "event_id", "type", "run_id", "lease_token", "verdict", "received_at"]


def write_history(url: str, shape: Shape) -> float:
    """Write it; the seconds that took."""
    began_at = time.perf_counter()
    history = at(url, lambda tx: _begin(tx, shape))
    if url.startswith("sqlite"):
        _into_sqlite(url, history)
    else:
        asyncio.run(_into_postgresql(url, history))
    return time.perf_counter() - began_at


def _begin(tx: Tx, shape: Shape) -> History:
    """Let the product make a run, and write those of the history like it."""
    asset = catalog.create_asset(tx, SYSTEM, {"title": "Look", "kind": "screenshot"})
    target = {"scope": "indexes", "indexes": "1"}
    request = parse(RUN_REQUEST, {"steps": [{"asset_id": asset.id}] * STEPS, "target": target})
    run_id = create_run(tx, request, Origin()).view.id
    run = dict(tx.conn.execute(select(runs).where(runs.c.id == run_id)).mappings().one())
    found = select(run_device_states).where(run_device_states.c.run_id == run_id)
    device_run = dict(tx.conn.execute(found).mappings().one())
    ids = {row[0]: row[1] for row in tx.conn.execute(select(devices.c.index_no, devices.c.id))}
    history = History(shape, run, device_run, ids)
    tx.conn.execute(insert(runs), list(history.runs()))
    tx.conn.execute(delete(runs).where(runs.c.id == run_id))
    return history


def _into_sqlite(url: str, history: History) -> None:
    conn = driver().connect(make_url(url).database, isolation_level=None)
    conn.execute("PRAGMA synchronous = OFF")
    for table, columns, rows in history.tables():
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"
        found = rows()
        while part := list(itertools.islice(found, _CHUNK)):
            conn.execute("BEGIN")
            conn.executemany(statement, part)
            conn.execute("COMMIT")
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.close()


async def _into_postgresql(url: str, history: History) -> None:
    place = make_url(url)
    conn = await asyncpg.connect(host=place.query["host"], user=place.username, database=place.database)
    try:
        for table, columns, rows in history.tables():
            await conn.copy_records_to_table(table.name, records=rows(), columns=columns, timeout=3_600)
        await conn.execute("VACUUM ANALYZE", timeout=3_600)
        await conn.execute("CHECKPOINT", timeout=3_600)
    finally:
        await conn.close()
