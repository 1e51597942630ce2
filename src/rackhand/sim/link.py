"""How a simulated device is reached, whatever the front: up, down, cut; and the faults that act on that.

Belongs here: reachability in time (flap, vanish, reboot). Must not: protocols; a front implements `Link`.
"""

import asyncio
from collections.abc import Coroutine
from typing import Protocol

from rackhand.sim.device import SimDevice
from rackhand.sim.faults import UNREACHABLE, Value


class Link(Protocol):
    """What a front offers for one device."""

    async def open(self) -> None:
        """Make the device reachable."""

    async def shut(self) -> None:
        """Make it unreachable and end live connections."""

    async def stop(self) -> None:
        """Shut for good; nothing of this link runs afterwards."""

    def cut(self, *, reset: bool) -> None:
        """End live connections, once."""

    def key_accepted(self) -> None:
        """A human accepted the key that waits."""

    def refresh(self) -> None:
        """Faults changed; the shown state may have."""


class LinkController:
    """Turns faults and reboots of one device into calls of its link."""

    def __init__(self, device: SimDevice, link: Link) -> None:
        self.device = device
        self.link = link
        self._tasks: set[asyncio.Task[None]] = set()
        self._flapping: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._is_open = False
        device.faults.on_change(self._on_fault)
        device.on_reboot.append(self.start_reboot)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        self._keep(asyncio.get_running_loop().create_task(work))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_fault(self, name: str, is_on: bool, params: dict[str, Value]) -> None:
        if name in UNREACHABLE:
            self._start(self.settle())
            if is_on and name == "vanish":
                self._start(self._come_back(int(params["ms"])))
        elif name in ("fin", "rst", "revoke", "no_cnxn") and is_on:
            self.link.cut(reset=name == "rst")
        elif name == "unauthorized":
            self._authorize(is_known=not is_on)
        elif name == "flap":
            self._flap(int(params["period_ms"]) if is_on else None)
        elif name == "reboot":
            self._start(self._reboot(int(params["down_ms"]), int(params["boot_ms"])))
        self.link.refresh()

    def _authorize(self, *, is_known: bool) -> None:
        if is_known:
            self.link.key_accepted()
        else:
            self.device.needs_key = True
            self.device.authorized_keys.clear()
            self.link.cut(reset=False)

    def _flap(self, period_ms: int | None) -> None:
        if self._flapping is not None:
            self._flapping.cancel()
            self._flapping = None
        if period_ms is not None:
            self._flapping = asyncio.get_running_loop().create_task(self._flap_for_ever(max(10, period_ms)))
            self._keep(self._flapping)
        else:
            self.device.is_up = True
            self._start(self.settle())

    async def _flap_for_ever(self, period_ms: int) -> None:
        while True:
            self.device.is_up = False
            await self.settle()
            await asyncio.sleep(period_ms / 1000)
            self.device.is_up = True
            await self.settle()
            await asyncio.sleep(period_ms / 1000)

    async def _come_back(self, after_ms: int) -> None:
        await asyncio.sleep(after_ms / 1000)
        self.device.faults.clear("vanish")

    def start_reboot(self) -> None:
        """Reboot as the device's profile says."""
        profile = self.device.profile
        self._start(self._reboot(profile.reboot_down_ms, profile.reboot_boot_ms))

    async def _reboot(self, down_ms: int, boot_ms: int) -> None:
        device = self.device
        device.is_up = False
        await self.settle()
        await device.processes.stop()
        await asyncio.sleep(down_ms / 1000)
        device.boot()
        await self.settle()
        await asyncio.sleep(boot_ms / 1000)
        device.finish_boot()

    async def settle(self) -> None:
        """Bring the link to what faults and boot state say."""
        device = self.device
        async with self._lock:
            is_wanted = device.is_up and not device.faults.is_on(*UNREACHABLE)
            await (self.link.open() if is_wanted else self.link.shut())
            if is_wanted != self._is_open:
                self._is_open = is_wanted
                device.journal.add("reachable", up=is_wanted)
        self.link.refresh()

    async def stop(self) -> None:
        """End timers, processes and connections."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.link.stop()
        await self.device.processes.stop()
