"""A fleet together with an adb client that sees it, on either front: what stories about adb start from.

Belongs here: wiring a `Fleet` to `rackhand.agent.adb`, with a real adb server in between on the front `transport`.
Must not: behaviour of devices or of the client.

    async with open_rack(2, "transport") as r:
        await r.device(1).shell("true")     # rackhand.agent.adb.device.AdbDevice
        r.sim(1).journal.commands()         # rackhand.sim.device.SimDevice
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.device import AdbDevice
from rackhand.agent.adb.supervisor import Mode, Supervisor
from rackhand.sim.device import SimDevice
from rackhand.sim.fleet import Fleet, Front
from rackhand.sim.ports import free_port


@dataclass(frozen=True)
class Rack:
    """Simulated devices and a client that sees them; `supervisor` is there on the front `transport`."""

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

    async def until(self, index: int, state: str, timeout_s: float = 20.0) -> None:
        """Wait until adb calls a device so."""
        async with asyncio.timeout(timeout_s):
            async for entries in self.adb.track():
                if any(e.serial == self.fleet.handle(index) and e.state == state for e in entries):
                    return


@asynccontextmanager
async def open_rack(count: int, front: Front, binary_path: Path | None = None) -> AsyncIterator[Rack]:
    """A started rack; its own adb server (front `transport`) never looks at USB and ends with it."""
    async with Fleet(count, front=front) as fleet:
        if front == "server":
            yield Rack(fleet, Adb(port=fleet.server_port), None)
            return
        adb = Adb(port=free_port())
        supervisor = Supervisor(adb, binary_path=binary_path, has_usb=False)
        try:
            if (await supervisor.start()).mode is not Mode.OWN:
                raise RuntimeError(f"somebody else's adb server was there first, on port {adb.port}")
            for endpoint in fleet.endpoints:
                await adb.connect(endpoint)
            yield Rack(fleet, adb, supervisor)
        finally:
            await adb.close()
            await supervisor.close()
