"""Hints between processes on one PostgreSQL: ids of nodes whose polls should look again, by LISTEN and NOTIFY.

One connection of its own per process listens and sends. A hint is never the truth: it may be lost (with the process
that had just committed, or while a connection is down), and then a poll looks at the end of its wait at the latest.
Hints are sent after the commit they speak of, many in one statement, and in a transaction of their own: a NOTIFY in the
committing one would make all commits of the database queue up behind each other.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import asyncpg
import structlog
from sqlalchemy import URL
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect

_log = structlog.get_logger("rackhand.hints")
CHANNEL = "rackhand_wake"
MAX_PAYLOAD = 7900
"""Bytes; PostgreSQL takes less than 8000."""
CONNECT_S = 10.0
ANSWER_S = 10.0
QUIET_S = 15.0
"""How long the connection may be silent before it is tried: a network may die without a word."""
_BROKEN = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What a connection ends with; the last one when it is cut in the middle of being used."""
BACK_OFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class HintListener(Protocol):
    """Who hears hints. Both are called in the event loop and must not wait."""

    def hear(self, node_ids: Iterable[str]) -> None:
        """Another process says: these nodes should look again."""
        ...

    def hear_all(self) -> None:
        """Hints may have been missed, or none will come for a while: all nodes should look again."""
        ...


class Hints:
    """The connection, kept up until `close`. `send` takes what other processes should hear."""

    def __init__(self, url: URL, listener: HintListener) -> None:
        self._options = _connect_args(url)
        self._listener = listener
        self._outgoing: set[str] = set()
        self._changed = asyncio.Event()
        self._is_closing = False
        self._is_lost = False
        self._task: asyncio.Task[None] | None = None
        self.is_connected = False
        self.connections = 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="rackhand-hints")

    async def close(self) -> None:
        """Send what waits, then disconnect."""
        self._is_closing = True
        self._changed.set()
        if self._task is not None:
            await self._task

    def send(self, node_ids: Iterable[str]) -> None:
        """Tell the other processes; at once if the connection is up, else when it is."""
        self._outgoing.update(node_ids)
        self._changed.set()

    async def _run(self) -> None:
        failures = 0
        while not self._is_closing:
            before = self.connections
            try:
                await self._talk()
            except _BROKEN as error:
                failures = 0 if self.connections > before else failures + 1
                _log.warning("no hints from other servers for now; polls look more often", error=str(error))
            if not self._is_closing:
                await self._pause(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])

    async def _pause(self, seconds: float) -> None:
        """Back off; an end of the process does not wait for it."""
        ends_at = asyncio.get_running_loop().time() + seconds
        while not self._is_closing and (left := ends_at - asyncio.get_running_loop().time()) > 0:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)

    async def _talk(self) -> None:
        """One connection, from its start to its end."""
        conn = await asyncpg.connect(**{**self._options, "timeout": CONNECT_S, "command_timeout": ANSWER_S})
        own_pid = conn.get_server_pid()
        self._is_lost = False

        def hear(_conn: object, pid: int, _channel: str, payload: str) -> None:
            if pid != own_pid:
                self._listener.hear(payload.split())

        def lose(_conn: object) -> None:
            self._is_lost = True
            self._changed.set()

        try:
            conn.add_termination_listener(lose)
            await conn.add_listener(CHANNEL, hear)
            self.is_connected = True
            self.connections += 1
            self._listener.hear_all()
            await self._exchange(conn)
        finally:
            if self.is_connected:
                self.is_connected = False
                self._listener.hear_all()
            conn.terminate()

    async def _exchange(self, conn: Any) -> None:
        """Send what is to be sent, and try a silent connection, until it is lost or we close."""
        while not self._is_lost:
            waiting = sorted(self._outgoing)
            for payload in payloads(waiting):
                await conn.execute(f"SELECT pg_notify('{CHANNEL}', $1)", payload)
            self._outgoing.difference_update(waiting)
            if self._is_closing:
                return
            self._changed.clear()
            if self._outgoing or self._is_lost:
                continue
            try:
                await asyncio.wait_for(self._changed.wait(), QUIET_S)
            except TimeoutError:
                await conn.execute("SELECT 1")


def _connect_args(url: URL) -> dict[str, Any]:
    """What asyncpg.connect takes, without SQLAlchemy's own options."""
    dialect: Any = asyncpg_dialect
    _, options = dialect().create_connect_args(url)
    return {name: value for name, value in options.items() if not name.startswith("prepared_statement")}


def payloads(node_ids: Iterable[str]) -> Iterator[str]:
    """Ids joined by spaces, as many to a payload as fit."""
    made = ""
    for node_id in node_ids:
        longer = f"{made} {node_id}" if made else node_id
        if len(longer.encode()) > MAX_PAYLOAD:
            yield made
            longer = node_id
        made = longer
    if made:
        yield made
