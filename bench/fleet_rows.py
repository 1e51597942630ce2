"""Fleets of any size, written as rows before the server starts: nodes that have beaten, and their devices, all online.

Belongs here: filling and its tokens. A fleet of 100,000 devices by its own heartbeats takes minutes; what a heartbeat
costs is measured in bench/replicas.py. `ahead_ms` puts the last beat of every node into the future, so that the sweep
leaves a fleet alone that nobody beats for.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Table, insert, update

from rackhand.core.ids import uuid7
from rackhand.store.connect import make_database
from rackhand.store.db import Tx
from rackhand.store.tables import devices, nodes, workspaces

T = TypeVar("T")
DAY_MS = 86_400_000
_CHUNK = 5_000


def at(url: str, use_case: Callable[[Tx], T]) -> T:
    """What one transaction on a database gives, from this process."""

    async def story() -> T:
        database = make_database(url, Path())
        await database.start()
        try:
            return await database.write(use_case)
        finally:
            await database.close()

    return asyncio.run(story())


def names(count: int) -> list[str]:
    return [f"N-{number:04}" for number in range(1, count + 1)]


def token_of(node: str) -> str:
    """The token of a node that was written as a row."""
    return f"token-of-{node}-0123456789abcdef"


def fill(url: str, count: int, each: int, *, ahead_ms: int = DAY_MS) -> list[str]:
    """`count` nodes of `each` devices with the indexes from 1; the names of the nodes."""
    at(url, lambda tx: write_fleet(tx, count, each, ahead_ms))
    return names(count)


def write_fleet(tx: Tx, count: int, each: int, ahead_ms: int = 0) -> None:
    """The rows, in a transaction of the caller."""
    own = {"workspace_id": tx.workspace_id, "rev": 1, "created_at": tx.now}
    seen = {"last_seen_at": tx.now + ahead_ms, "is_online": True}
    rows = [
        own | seen | {"id": name, "name": name, "token_hash": hash_of(token_of(name)), "capacity": 1_000}
        for name in names(count)
    ]
    put(tx, nodes, rows)
    phone = own | seen | {"adb_state": "device", "activity": 0, "last_probe_at": tx.now, "transport": "usb"}
    found = []
    for number in range(count * each):
        node, serial = names_of(number // each), serial_of(number)
        device = {"id": uuid7(tx.now, number.to_bytes(10, "big")), "node_id": node, "index_no": number + 1}
        found.append(phone | device | {"serial": serial, "runtime_handle": serial, "model": "Bench", "battery": 80})
    put(tx, devices, found)
    tx.conn.execute(update(workspaces).where(workspaces.c.id == tx.workspace_id).values(fleet_rev=1, layout=1))


def names_of(number: int) -> str:
    return f"N-{number + 1:04}"


def serial_of(number: int) -> str:
    return f"S{number + 1:06}"


def serials(node: int, each: int) -> list[str]:
    """The serials of the devices of a node, which counts from 0."""
    return [serial_of(node * each + number) for number in range(each)]


def hash_of(token: str) -> str:
    """What the server keeps of a node's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def put(tx: Tx, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), _CHUNK):
        tx.conn.execute(insert(table), list(rows[start : start + _CHUNK]))
