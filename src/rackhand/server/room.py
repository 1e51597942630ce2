"""What handlers share: the open parts of one running server. Made by app.py; a handler takes it as `room: Room`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeAlias

from litestar.di import NamedDependency

from rackhand.core.lease import Periods
from rackhand.engine.callbacks import CallbackWriter
from rackhand.engine.runs import Created
from rackhand.server.attempts import Attempts
from rackhand.server.background import Ticker
from rackhand.server.content_desk import Desk
from rackhand.server.courier import Courier
from rackhand.server.disks import Disks
from rackhand.server.metrics import Metrics
from rackhand.server.oidc import Provider
from rackhand.server.settings import Settings
from rackhand.server.vault import Vault
from rackhand.server.wakeups import Wakeups
from rackhand.store.blobs import BlobStore
from rackhand.store.db import Database, Tx
from rackhand.store.hints import Hints
from rackhand.store.schema import SchemaState, check

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Parts:
    """One server's database, settings, long-poll hub, line to other servers, metrics, stores of contents, logins,
    disks, vault, provider, courier, desk of content."""

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
    disks: Disks
    vault: Vault
    provider: Provider
    courier: Courier
    desk: Desk

    async def begin(
        self, use_case: Callable[Concatenate[Tx, P], Created], /, *args: P.args, **kwargs: P.kwargs
    ) -> Created:
        """The one way to start a run: refused while a disk is low; nodes that got work are woken after the commit."""
        self.disks.require_room()
        created = await self.db.write(use_case, *args, **kwargs)
        self.wakeups.wake_all(created.wake)
        return created

    @property
    def provider_name(self) -> str:
        """What the login page calls the provider; empty where there is none."""
        return self.settings.oidc_name if self.settings.oidc_issuer else ""

    async def check_schema(self) -> SchemaState:
        return await check(self.db)

    def is_sweeping(self) -> bool:
        return self.ticker.is_alive


Room: TypeAlias = NamedDependency[Parts]
"""How a handler names its parameter `room`."""
