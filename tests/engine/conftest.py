"""The fixture `in_lab` runs a story in a fresh lab: `in_lab(story)` with `async def story(lab: Lab) -> None`."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from rackhand.core.lease import Periods
from rackhand.engine.fake import Lab
from rackhand.store.fake import DatabasePlace

Story = Callable[[Lab], Awaitable[None]]


@pytest.fixture
def in_lab(database: DatabasePlace) -> Callable[[Story], None]:
    def tell(story: Story, periods: Periods | None = None) -> None:
        async def run() -> None:
            async with database.started() as db:
                await story(Lab(db, database.clock, periods or Periods()))

        asyncio.run(run())

    return tell
