"""What an agent keeps in memory: so much a device, and nothing of what is over. Ratios, with slack: both are 1."""

import asyncio
import gc
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.device import AdbDevice
from rackhand.agent.adb.protocol import DeviceEntry
from rackhand.agent.adb.shell import ShellResult
from rackhand.agent.fake import FAST
from rackhand.agent.inventory import Inventory

FEW, MANY = 50, 200
PERIODS = replace(FAST, probe_ms=1, facts_ms=1)


class InstantDevice(AdbDevice):
    """A device that answers at once, from memory."""

    async def shell(self, command: str, **_: Any) -> ShellResult:
        await asyncio.sleep(0)
        if "boot_completed" in command:
            assert isinstance(self._server, InstantAdb)
            self._server.probes += 1
            return ShellResult(0, b"1\n0d0f5e40-9a5c-4bb2-a2ac-8f1f7b0f4a11\n", b"")
        text = f"{self.serial}\nPhone\n14\n1\n" if "ro.serialno" in command else "  level: 80\n  temperature: 251\n"
        return ShellResult(0, text.encode(), b"")


class InstantAdb(Adb):
    """An adb server that lists as many of them; `probes` were answered."""

    def __init__(self, count: int) -> None:
        super().__init__(port=1)
        self._entries = tuple(DeviceEntry(f"D{number:05}", "device") for number in range(count))
        self.probes = 0

    async def devices(self, timeout_ms: int = 0) -> tuple[DeviceEntry, ...]:
        return self._entries

    def device(self, serial: str) -> InstantDevice:
        return InstantDevice(self, serial)


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def held_bytes(devices: int, *rounds: int) -> list[int]:
    """What is held when each device was probed so often."""

    async def story() -> list[int]:
        gc.collect()
        before, found = tracemalloc.get_traced_memory()[0], []
        adb = InstantAdb(devices)
        inventory = Inventory(adb, PERIODS)
        assert await inventory.poll()
        for probes in rounds:
            while adb.probes < probes * devices:
                await inventory.wake.wait(5)
            assert len(inventory.report()) == devices
            gc.collect()
            found.append(tracemalloc.get_traced_memory()[0] - before)
        await inventory.close()
        return found

    return asyncio.run(story())


def test_memory_grows_with_devices_and_not_faster() -> None:
    held_bytes(FEW, 3)  # what is imported and cached once
    few, many = held_bytes(FEW, 3)[0], held_bytes(MANY, 3)[0]

    assert many / MANY <= 1.25 * few / FEW


def test_probes_that_are_over_leave_nothing_behind() -> None:
    held_bytes(FEW, 3)
    early, late = held_bytes(FEW, 3, 60)

    assert late <= 1.15 * early
