"""PostgreSQL by asyncpg: use cases run in SQLAlchemy's greenlet. Serialization failures and deadlocks are retried, and
so is what met a dead connection before its commit: to ask each connection first would double the round trips.
"""

import asyncio
import os
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from rackhand.store.db import Clock, Committed, Dialect, Entropy, Listener, Tx, answer_one, deaf
from rackhand.store.hints import HintListener, Hints
from rackhand.store.metadata import from_json, to_json
from rackhand.store.outage import outage_as_busy

P = ParamSpec("P")
T = TypeVar("T")

TRIES = 4
COMMAND_TIMEOUT_S = 60.0
"""A statement that gets no answer for so long fails: the network may have died without a word."""
CONNECT_TIMEOUT_S = 10.0
SESSION = {"idle_in_transaction_session_timeout": "30s", "lock_timeout": "20s"}
"""A replica that died in a transaction gives its locks back, and nobody waits for a lock for ever."""
RETRIED = frozenset({"40001", "40P01"})
"""serialization_failure and deadlock_detected: the transaction did nothing and may run again."""


def to_async_url(url: str) -> URL:
    """Any PostgreSQL address as people write it; libpq's `sslmode` becomes asyncpg's `ssl`."""
    parsed = make_url(url).set(drivername="postgresql+asyncpg")
    query = {("ssl" if name == "sslmode" else name): value for name, value in parsed.query.items()}
    return parsed.set(query=query)


def make_engine(url: str, *, statement_cache: bool = True, pool_size: int = 10) -> AsyncEngine:
    """`statement_cache=False` is for connection poolers that hand a connection to somebody else per transaction."""
    target, connect_args = to_async_url(url), dict[str, Any]()
    connect_args |= {"command_timeout": COMMAND_TIMEOUT_S, "timeout": CONNECT_TIMEOUT_S}
    if statement_cache:  # a pooler refuses settings of the session: there they belong to the database's role
        connect_args["server_settings"] = SESSION
    if not statement_cache:
        target = target.update_query_dict({"prepared_statement_cache_size": "0"})
        connect_args["statement_cache_size"] = 0
        connect_args["prepared_statement_name_func"] = lambda: f"rackhand_{uuid.uuid4().hex}"
    return create_async_engine(
        target,
        connect_args=connect_args,
        pool_size=pool_size,
        max_overflow=0,
        json_serializer=to_json,
        json_deserializer=from_json,
    )


class _Undone(Exception):
    """The connection was lost before the commit was sent; the cause says how. Nothing of the transaction is left."""


class PostgresqlDatabase:
    """`store.db.Database` over a PostgreSQL server."""

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        entropy: Entropy = os.urandom,
        statement_cache: bool = True,
        pool_size: int = 10,
        direct_url: str = "",
    ) -> None:
        self._direct_url = to_async_url(direct_url or url)
        self._clock = clock
        self._entropy = entropy
        self._writer = make_engine(url, statement_cache=statement_cache, pool_size=pool_size)
        self._reader = self._writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._listener: Listener = deaf
        self._in_flight: set[asyncio.Task[Any]] = set()

    @property
    def dialect(self) -> Dialect:
        return "postgresql"

    async def start(self) -> None:
        await self.ping()

    async def close(self) -> None:
        if self._in_flight:
            await asyncio.wait(self._in_flight)
        await self._writer.dispose()

    async def write(self, use_case: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._keep(self._told(lambda tx: use_case(tx, *args, **kwargs)))

    async def read(self, use_case: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._keep(self._retry(self._reader, lambda conn: use_case(self._open(conn), *args, **kwargs)))

    async def ping(self) -> None:
        await self.read(answer_one)

    def hints(self, listener: HintListener) -> Hints:
        return Hints(self._direct_url, listener)

    async def _keep(self, work: Coroutine[Any, Any, T]) -> T:
        """A task of its own: a cancelled caller leaves a started transaction its end."""
        task = asyncio.create_task(work)
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)
        return await asyncio.shield(task)

    async def _told(self, call: Callable[[Tx], T]) -> T:
        """The write, and word of it to the listener; a try that was undone told nothing."""
        began_at, opened = time.monotonic(), list[Tx]()

        def attempt(conn: Connection) -> T:
            opened[:] = [self._open(conn)]
            return call(opened[0])

        value = await self._retry(self._writer, attempt)
        self._listener(Committed(time.monotonic() - began_at, tuple(opened[0].facts)))
        return value

    async def _retry(self, engine: AsyncEngine, call: Callable[[Connection], T]) -> T:
        for _ in range(TRIES - 1):
            try:
                return await self._transact(engine, call)
            except _Undone:
                continue
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in RETRIED:
                    raise
        with outage_as_busy():
            try:
                return await self._transact(engine, call)
            except _Undone as undone:
                raise undone.__cause__ or undone from None

    async def _transact(self, engine: AsyncEngine, call: Callable[[Connection], T]) -> T:
        with outage_as_busy():
            async with engine.begin() as conn:
                try:
                    return await conn.run_sync(call)
                except DBAPIError as error:
                    if error.connection_invalidated:
                        raise _Undone from error
                    raise

    def listen(self, listener: Listener) -> None:
        self._listener = listener

    def _open(self, conn: Connection) -> Tx:
        return Tx(conn, "postgresql", clock=self._clock, entropy=self._entropy)
