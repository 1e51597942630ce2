"""SQLite: one writer thread with one connection, a few reader threads with read-only ones. WAL, every commit synced."""

import asyncio
import contextlib
import importlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, NullPool, create_engine, event

from rackhand.store.db import Clock, Committed, Dialect, Entropy, Listener, Tx, answer_one, deaf
from rackhand.store.hints import HintListener
from rackhand.store.outage import outage_as_busy

P = ParamSpec("P")
T = TypeVar("T")

BUSY_TIMEOUT_S = 10.0
READERS = 4
CACHE_KIB = 64 * 1024


def driver() -> Any:
    """`pysqlite3` where its wheel exists, else the standard library's.

    SQLite before 3.51.3 has a WAL-reset bug that can corrupt a database; pysqlite3 >= 0.6.1 carries a newer one.
    """
    try:
        return importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return importlib.import_module("sqlite3")


def make_engine(path: Path, *, is_writer: bool) -> Engine:
    """An engine that never keeps a connection and leaves BEGIN to us, as the driver's own is wrong for DDL."""
    module = driver()
    engine = create_engine(
        "sqlite+pysqlite://",
        module=module,
        creator=lambda: module.connect(
            str(path), timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=512
        ),
        poolclass=NullPool,
    )
    event.listen(engine, "connect", _prepare_writer if is_writer else _prepare_reader)
    begin = "BEGIN IMMEDIATE" if is_writer else "BEGIN"
    event.listen(engine, "begin", lambda conn: conn.exec_driver_sql(begin))
    return engine


def _prepare_writer(dbapi: Any, _record: object) -> None:
    dbapi.execute("PRAGMA journal_mode = WAL")
    dbapi.execute("PRAGMA synchronous = FULL")
    dbapi.execute("PRAGMA foreign_keys = ON")
    dbapi.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    dbapi.execute("PRAGMA temp_store = MEMORY")


def _prepare_reader(dbapi: Any, _record: object) -> None:
    dbapi.execute("PRAGMA query_only = ON")
    dbapi.execute(f"PRAGMA cache_size = -{CACHE_KIB // READERS}")


class Lane:
    """Threads that each keep one connection and run one transaction at a time."""

    def __init__(self, engine: Engine, threads: int, name: str) -> None:
        self._engine = engine
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._own = threading.local()
        self._raw: type[Exception] = driver().OperationalError
        self._opened: list[Connection] = []

    async def run(
        self, call: Callable[[Connection], T], on_end: Callable[["asyncio.Future[T]"], None] | None = None
    ) -> T:
        """The shield leaves a started transaction its end when the caller is cancelled; `on_end` hears of both."""
        work = asyncio.get_running_loop().run_in_executor(self._pool, self._transact, call)
        if on_end is not None:
            work.add_done_callback(on_end)
        return await asyncio.shield(work)

    async def close(self) -> None:
        await asyncio.to_thread(self._pool.shutdown)
        for conn in self._opened:
            conn.close()
        self._opened.clear()

    def _transact(self, call: Callable[[Connection], T]) -> T:
        with outage_as_busy(self._raw):
            conn = self._connection()
            with conn.begin():
                return call(conn)

    def _connection(self) -> Connection:
        conn: Connection | None = getattr(self._own, "conn", None)
        if conn is None or conn.closed or conn.invalidated:
            conn = self._own.conn = self._engine.connect()
            self._opened.append(conn)
        return conn


@contextlib.contextmanager
def opened(path: Path, *, is_writer: bool = False) -> Iterator[Tx]:
    """One transaction on a file, in the caller's thread: a snapshot to read, or one that commits at the end."""
    with make_engine(path, is_writer=is_writer).connect() as conn, conn.begin():
        yield Tx(conn, "sqlite")


def copy_file(path: Path, target: Path) -> None:
    """A snapshot of a file in use, by SQLite's own online backup; WAL lets its writer go on meanwhile."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    with (
        contextlib.closing(driver().connect(address, uri=True)) as source,
        contextlib.closing(driver().connect(str(target))) as made,
    ):
        source.backup(made)


class SqliteDatabase:
    """`store.db.Database` over one file."""

    def __init__(self, path: Path, *, clock: Clock | None = None, entropy: Entropy = os.urandom) -> None:
        self.path = path
        self._clock = clock
        self._entropy = entropy
        self._listener: Listener = deaf
        self._writer = Lane(make_engine(path, is_writer=True), 1, "sqlite-writer")
        self._readers = Lane(make_engine(path, is_writer=False), READERS, "sqlite-reader")

    @property
    def dialect(self) -> Dialect:
        return "sqlite"

    async def start(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        await self.write(answer_one)

    async def close(self) -> None:
        await self._readers.close()
        await self._writer.close()

    async def write(self, use_case: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        began_at, opened = time.monotonic(), list[Tx]()

        def call(conn: Connection) -> T:
            opened.append(self._open(conn))
            return use_case(opened[0], *args, **kwargs)

        def tell(work: "asyncio.Future[T]") -> None:
            if not work.cancelled() and work.exception() is None:
                self._listener(Committed(time.monotonic() - began_at, tuple(opened[0].facts)))

        return await self._writer.run(call, tell)

    async def read(self, use_case: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._readers.run(lambda conn: use_case(self._open(conn), *args, **kwargs))

    async def ping(self) -> None:
        await self.write(answer_one)

    def listen(self, listener: Listener) -> None:
        self._listener = listener

    def hints(self, listener: HintListener) -> None:
        """One process owns the file: there is nobody to hear from."""

    def _open(self, conn: Connection) -> Tx:
        return Tx(conn, "sqlite", clock=self._clock, entropy=self._entropy)
