"""Seams into a process of the lab: its wall clock, its disk, its database. Switched by files in the folder CHAOS_SEAMS.

    clock   milliseconds to add to the wall clock (on PostgreSQL to the database's, as far as the server sees it)
    full    nothing reaches the disk: fsync fails with ENOSPC, and every write to the database at its end
    slow    milliseconds that every write to the database takes more, inside its transaction

Only `launch` installs them; the product knows nothing of them.
"""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

VARIABLE = "CHAOS_SEAMS"


def read_number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii") or "0")
    except (OSError, ValueError):
        return 0


def install(folder: Path, *, is_server: bool) -> None:
    """Replace the clock and fsync of this process; of a server also the end of each write to the database."""
    _move_clock(folder / "clock")
    _fill_disk(folder / "full")
    if is_server:
        _move_database_clock(folder / "clock")
        _trouble_database(folder)


def _move_clock(file: Path) -> None:
    real = time.time_ns
    time.time_ns = lambda: real() + read_number(file) * 1_000_000
    time.time = lambda: time.time_ns() / 1e9


def _fill_disk(file: Path) -> None:
    real = os.fsync

    def fsync(fd: Any) -> None:
        if file.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(fd)

    os.fsync = fsync


def _move_database_clock(file: Path) -> None:
    """On SQLite a transaction reads the process's clock, which is moved already."""
    from rackhand.store.db import Tx

    real = Tx._read_clock

    def read_clock(self: Tx) -> int:
        return real(self) + (read_number(file) if self.dialect == "postgresql" else 0)

    Tx._read_clock = read_clock  # type: ignore[method-assign]


def _trouble_database(folder: Path) -> None:
    from rackhand.store.db_postgresql import PostgresqlDatabase
    from rackhand.store.db_sqlite import SqliteDatabase

    for kind in (SqliteDatabase, PostgresqlDatabase):
        kind.write = _troubled(kind.write, folder)  # type: ignore[method-assign]


def _troubled(write: Callable[..., Any], folder: Path) -> Callable[..., Any]:
    async def troubled(database: Any, use_case: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        def act(tx: Any, *args: Any, **kwargs: Any) -> Any:
            answer = use_case(tx, *args, **kwargs)
            if slow_ms := read_number(folder / "slow"):
                _pause(tx, slow_ms / 1000)
            if (folder / "full").exists():
                raise _disk_full(tx.dialect)
            return answer

        return await write(database, act, *args, **kwargs)

    return troubled


def _pause(tx: Any, pause_s: float) -> None:
    if tx.dialect == "postgresql":
        tx.conn.exec_driver_sql(f"SELECT pg_sleep({pause_s})")
    else:
        time.sleep(pause_s)


class _DiskFull(Exception):
    """What the driver of PostgreSQL would raise."""

    sqlstate = "53100"


def _disk_full(dialect: str) -> Exception:
    from sqlalchemy.exc import OperationalError

    from rackhand.store.db_sqlite import driver

    text = "database or disk is full"
    return OperationalError(
        "COMMIT", None, _DiskFull(text) if dialect == "postgresql" else driver().OperationalError(text)
    )
