"""What handlers share: the open parts of one running server. Made by app.py; a handler takes it as `room: Room`."""

from dataclasses import dataclass
from typing import TypeAlias

from litestar.di import NamedDependency

from rackhand.core.lease import Periods
from rackhand.engine.callbacks import CallbackWriter
from rackhand.server.attempts import Attempts
from rackhand.server.background import Ticker
from rackhand.server.metrics import Metrics
from rackhand.server.settings import Settings
from rackhand.server.wakeups import Wakeups
from rackhand.store.blobs import BlobStore
from rackhand.store.db import Database
from rackhand.store.hints import Hints
from rackhand.store.schema import SchemaState, check


@dataclass(frozen=True, slots=True)
class Parts:
    """One server's database, settings, long-poll hub, line to other servers, metrics, stores of contents, login
    counters."""

    db: Database
    settings: Settings
    periods: Periods
    wakeups: Wakeups
    hints: Hints | None
    metrics: Metrics
    files: BlobStore
    artifacts: BlobStore
    ticker: Ticker
    callbacks: CallbackWriter
    attempts: Attempts

    async def check_schema(self) -> SchemaState:
        return await check(self.db)

    def is_sweeping(self) -> bool:
        return self.ticker.is_alive


Room: TypeAlias = NamedDependency[Parts]
"""How a handler names its parameter `room`."""
