"""One device as the simulated adb server (front B) shows it: state, listing line, live streams.

Belongs here: adb's view of a device. Must not: the wire protocol (`adb_server.py`).
"""

import asyncio
from collections.abc import Callable

from rackhand.sim import hangup
from rackhand.sim.device import SimDevice

PORTS_PER_HUB = 7


class ServerLink:
    """Reachability of one device behind the simulated server; `number` is its transport id."""

    def __init__(self, device: SimDevice, number: int, notify: Callable[[], None]) -> None:
        self.device = device
        self.number = number
        self.is_open = False
        self.is_disconnected = False
        self.streams: set[asyncio.StreamWriter] = set()
        self._notify = notify
        hub, port = divmod(number - 1, PORTS_PER_HUB)
        self.usb_path = f"usb:{1 + hub // PORTS_PER_HUB}-{1 + hub % PORTS_PER_HUB}.{port + 1}"

    @property
    def state(self) -> str:
        """What adb would say: `device`, `offline`, `unauthorized`, or `absent` (not listed)."""
        faults = self.device.faults
        if self.is_disconnected or faults.is_on("vanish"):
            return "absent"
        if not self.is_open or faults.is_on("refuse", "no_cnxn"):
            return "offline"
        return "unauthorized" if faults.is_on("unauthorized") or self.device.needs_key else "device"

    def line(self, *, is_long: bool) -> str:
        """One line of the listing."""
        serial = self.device.serial
        if not is_long:
            return f"{serial}\t{self.state}\n"
        props = self.device.props
        names = (
            f"product:{props['ro.product.name']} model:{props['ro.product.model']} device:{props['ro.product.device']} "
        )
        shown = names if self.state == "device" else ""
        return f"{serial:<22} {self.state} {self.usb_path} {shown}transport_id:{self.number}\n"

    async def open(self) -> None:
        self.is_open = True

    async def shut(self) -> None:
        self.is_open = False
        self.cut(reset=False)

    async def stop(self) -> None:
        await self.shut()

    def cut(self, *, reset: bool) -> None:
        """End live streams."""
        for writer in list(self.streams):
            if reset:
                hangup.reset(writer)
            else:
                writer.transport.abort()

    def key_accepted(self) -> None:
        self.device.needs_key = False

    def refresh(self) -> None:
        self._notify()
