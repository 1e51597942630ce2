"""A rack for stories: simulated devices behind a simulated adb server, a fake server, and a real agent between them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from rackhand.agent.fake import FAST, FakeServer
from rackhand.agent.main import run_agent
from rackhand.agent.settings import AgentSettings
from rackhand.sim.device import SimDevice
from rackhand.sim.fleet import Fleet


@dataclass
class Rack:
    """`start` and `stop` the agent as often as the story needs; its data folder stays."""

    fleet: Fleet
    server: FakeServer
    settings: AgentSettings
    stop_event: asyncio.Event = field(default_factory=asyncio.Event)
    hurry_event: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[int] | None" = None

    def device(self, number: int = 1) -> SimDevice:
        return self.fleet.device(number)

    async def start(self, **changes: Any) -> None:
        """Run the agent until it reported every device online."""
        self.settings = replace(self.settings, **changes)
        self.stop_event, self.hurry_event = asyncio.Event(), asyncio.Event()
        seen = len(self.server.beats)
        self.task = asyncio.create_task(run_agent(self.settings, self.stop_event, self.hurry_event))
        await self.server.until(lambda: self.is_online(seen))

    def is_online(self, since: int = 0) -> bool:
        assert self.task is None or not self.task.done(), self.task
        lists = [beat.devices for beat in self.server.beats[since:] if beat.devices]
        return any(len(devices) == len(self.fleet.devices) and all(d.online for d in devices) for devices in lists)

    async def stop(self) -> int | None:
        """End the agent as a signal would; its exit code."""
        self.stop_event.set()
        task, self.task = self.task, None
        return await task if task is not None else None


@pytest.fixture
def rack(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Rack]]:
    """`async with rack(devices=2) as r:` with the agent running; `is_started=False` leaves it to the story."""

    @asynccontextmanager
    async def open_rack(devices: int = 1, *, is_started: bool = True, **settings: Any) -> AsyncIterator[Rack]:
        async with Fleet(devices) as fleet, FakeServer() as server:
            place = AgentSettings(server.url, "PC-01", "secret", tmp_path / "agent", adb_port=fleet.server_port)
            rack = Rack(fleet, server, replace(place, **{"periods": FAST, **settings}))
            try:
                if is_started:
                    await rack.start()
                yield rack
            finally:
                await rack.stop()

    return open_rack
