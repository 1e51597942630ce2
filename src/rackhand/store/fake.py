"""For tests: a clock that moves only when told, and the place of a fresh database. Production never imports this."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rackhand.core.clock import Millis, from_rfc3339
from rackhand.store.connect import make_database
from rackhand.store.db import Database, Dialect

MORNING: Millis = from_rfc3339("2026-11-22T10:00:00Z")


@dataclass(slots=True)
class FakeClock:
    """Stands at `at` until a test moves it."""

    at: Millis = MORNING

    def __call__(self) -> Millis:
        return self.at

    def advance(self, ms: int) -> Millis:
        self.at += ms
        return self.at


@dataclass(frozen=True, slots=True)
class DatabasePlace:
    """Where a fresh, migrated database is, and the clock of everything opened from here."""

    url: str
    dialect: Dialect
    clock: FakeClock = field(default_factory=FakeClock)

    def open(self) -> Database:
        """A Database that is not started yet; as many as a test wants."""
        return make_database(self.url, Path(), clock=self.clock)

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Database]:
        database = self.open()
        await database.start()
        try:
            yield database
        finally:
            await database.close()
