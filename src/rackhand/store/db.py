"""The door to the database: `Database.write` and `.read` run a synchronous use case inside one transaction.

Nobody else commits. The two implementations are in db_sqlite and db_postgresql; no SQL of the product lives here.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, Literal, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection

from rackhand.core.clock import Millis
from rackhand.core.ids import uuid7
from rackhand.store.hints import HintListener, Hints
from rackhand.store.tables_inventory import DEFAULT_WORKSPACE

P = ParamSpec("P")
T = TypeVar("T")
Dialect = Literal["sqlite", "postgresql"]
Clock = Callable[[], Millis]
Entropy = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Committed:
    """A transaction that is on disk: how long it took, its wait for a connection included, and what it told."""

    seconds: float
    facts: tuple[object, ...]


Listener = Callable[[Committed], None]
"""Hears of every committed write, on the event loop; must neither wait nor raise."""

_POSTGRESQL_NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"


class Tx:
    """One open transaction: what a use case may touch. `now` is read once and then stands still."""

    __slots__ = ("_clock", "_entropy", "_now", "conn", "dialect", "facts", "workspace_id")

    def __init__(
        self,
        conn: Connection,
        dialect: Dialect,
        *,
        clock: Clock | None = None,
        entropy: Entropy = os.urandom,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> None:
        self.conn = conn
        self.dialect = dialect
        self.workspace_id = workspace_id
        self._clock = clock
        self._entropy = entropy
        self._now: Millis | None = None
        self.facts: list[object] = []

    def tell(self, *facts: object) -> None:
        """Say what happens in this transaction; the database's listener hears it once it is on disk, else nobody."""
        self.facts += facts

    @property
    def now(self) -> Millis:
        """The injected clock, else the database's on PostgreSQL and the machine's on SQLite."""
        if self._now is None:
            self._now = self._read_clock()
        return self._now

    def mint(self) -> str:
        """A new UUIDv7 of this transaction's time."""
        return uuid7(self.now, self._entropy(10))

    def _read_clock(self) -> Millis:
        if self._clock is not None:
            return self._clock()
        if self.dialect == "postgresql":
            return int(self.conn.exec_driver_sql(_POSTGRESQL_NOW).scalar_one())
        return time.time_ns() // 1_000_000


class Database(Protocol):
    """One transaction per call. A caller that is cancelled stops waiting; the transaction still ends properly."""

    @property
    def dialect(self) -> Dialect: ...

    async def start(self) -> None:
        """Connect once, so that a wrong address fails here. Does not touch the schema."""
        ...

    async def close(self) -> None:
        """Wait for transactions in flight, then disconnect."""
        ...

    async def write(self, use_case: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `use_case(tx, ...)`, commit, return its value; any exception rolls back and is raised here.

        On PostgreSQL a use case runs again after a serialization failure or a deadlock: it must not act outside `tx`.
        """
        ...

    async def read(self, use_case: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `use_case(tx, ...)` in a read-only snapshot."""
        ...

    async def ping(self) -> None:
        """Raise if the database does not answer."""
        ...

    def listen(self, listener: Listener) -> None:
        """From now on `listener` hears of every committed write, also of those whose caller was cancelled."""
        ...

    def hints(self, listener: HintListener) -> Hints | None:
        """A connection to the other processes on this database, not started yet; None where there can be none."""
        ...


def deaf(_: Committed) -> None:
    """The listener of a database that nobody listens to."""


def answer_one(tx: Tx) -> int:
    """The smallest use case; what `ping` runs."""
    return int(tx.conn.exec_driver_sql("SELECT 1").scalar_one())
