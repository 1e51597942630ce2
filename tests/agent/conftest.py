"""What the agent's stories share: a real adb binary, free ports, and racks of simulated devices on both fronts.

`rack` runs every story twice: against the simulated adb server, and through the real adb server with the same
simulated devices behind it.

    def test_x(rack: RackMaker) -> None:
        async def story() -> None:
            async with rack(2) as r:
                await r.device(1).shell("true")     # rackhand.agent.adb.device.AdbDevice
                r.sim(1).journal.commands()         # rackhand.sim.device.SimDevice
        asyncio.run(story())
"""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from rackhand.agent.adb.binary import Binary, find_binary
from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.device import AdbDevice
from rackhand.agent.adb.supervisor import Supervisor
from rackhand.sim.device import SimDevice
from rackhand.sim.fleet import Fleet, Front


def pick_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def adb_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """adb makes its key in the home folder; the tests give it one of their own."""
    home = tmp_path_factory.mktemp("adb-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        yield home


@pytest.fixture(scope="session")
def binary(adb_home: Path) -> Binary:
    """A real adb binary; its absence is a failure, not a skip."""
    return asyncio.run(find_binary())


@pytest.fixture
def port() -> int:
    return pick_port()


@dataclass(frozen=True)
class Rack:
    """Simulated devices and a client that sees them."""

    fleet: Fleet
    adb: Adb
    supervisor: Supervisor | None

    def device(self, index: int) -> AdbDevice:
        return self.adb.device(self.fleet.handle(index))

    def sim(self, index: int) -> SimDevice:
        return self.fleet.device(index)

    async def kill_server(self) -> None:
        """End the adb server without any warning."""
        if self.supervisor is None:
            await self.fleet.servers[0].stop()
            return
        assert self.supervisor.state.pid is not None
        os.kill(self.supervisor.state.pid, signal.SIGTERM)

    async def until(self, index: int, state: str) -> None:
        """Wait until adb calls a device so."""
        async with asyncio.timeout(20):
            async for entries in self.adb.track():
                if any(e.serial == self.fleet.handle(index) and e.state == state for e in entries):
                    return


RackMaker = Callable[[int], AbstractAsyncContextManager[Rack]]


@asynccontextmanager
async def open_rack(count: int, front: Front, binary: Binary) -> AsyncIterator[Rack]:
    async with Fleet(count, front=front) as fleet:
        if front == "server":
            yield Rack(fleet, Adb(port=fleet.server_port), None)
            return
        adb = Adb(port=pick_port())
        supervisor = Supervisor(adb, binary_path=binary.path, has_usb=False)
        await supervisor.start()
        try:
            for endpoint in fleet.endpoints:
                await adb.connect(endpoint)
            yield Rack(fleet, adb, supervisor)
        finally:
            await adb.close()
            await supervisor.close()


@pytest.fixture(params=["server", "transport"])
def rack(request: pytest.FixtureRequest, binary: Binary) -> RackMaker:
    """A maker of racks, once for each front."""
    return lambda count: open_rack(count, request.param, binary)


@pytest.fixture
def real_rack(binary: Binary) -> RackMaker:
    """A maker of racks behind the real adb server only."""
    return lambda count: open_rack(count, "transport", binary)


@pytest.fixture
def server_rack(binary: Binary) -> RackMaker:
    """A maker of racks behind the simulated adb server only, for what does not depend on the front."""
    return lambda count: open_rack(count, "server", binary)
