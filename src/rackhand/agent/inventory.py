"""Which devices are there: the adb server's list, one actor for each entry, and the answer for heartbeats and jobs.

The tracker makes changes quick, the poll makes them true: an old adb server's tracker is stale, so the poll wins.
"""

import asyncio
import logging

from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.errors import AdbError
from rackhand.agent.adb.protocol import DeviceEntry
from rackhand.agent.crew import failure_of
from rackhand.agent.device import DeviceActor
from rackhand.agent.excuses import Excuses
from rackhand.agent.settings import AgentPeriods
from rackhand.agent.waking import Wake
from rackhand.wire.messages import ReportedDevice

log = logging.getLogger(__name__)


class Inventory:
    """All transports of this node. `wake` tells of every visible change."""

    def __init__(self, adb: Adb, periods: AgentPeriods) -> None:
        self._adb = adb
        self._periods = periods
        self._actors: dict[str, DeviceActor] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.wake = Wake()
        self.excuses = Excuses(2 * periods.probe_ms)
        self._last_serials: dict[str, str] = {}
        self._is_seen = False
        self._was_settled = False
        self.last_error_message = ""

    async def track(self) -> None:
        """Follow the tracker; when it ends, look again after a while."""
        while True:
            try:
                async for entries in self._adb.track():
                    self._see(entries)
            except AdbError as error:
                self.last_error_message = str(error)
                log.info("the adb server's tracker ended: %s", error)
                await self.poll()
            await asyncio.sleep(self._periods.wait_probe_ms / 1000)

    async def run(self) -> None:
        """Poll for ever."""
        while True:
            await self.poll()
            await asyncio.sleep(self._periods.poll_ms / 1000)

    async def poll(self) -> bool:
        """Look now; without an adb server there is no device."""
        try:
            entries = await self._adb.devices()
        except AdbError as error:
            self.last_error_message = str(error)
            self._see(())
            return False
        self.last_error_message = ""
        self._see(entries)
        return True

    async def scan(self, timeout_ms: int) -> int:
        """Look now, and wait until every device had its first probe; how many are there."""
        await self.poll()
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                while not all(actor.is_settled for actor in self._actors.values()):
                    await self.wake.wait(self._periods.wait_probe_ms)
        except TimeoutError:
            log.info("a scan did not wait for devices that do not answer")
        return len(self._actors)

    def _see(self, entries: tuple[DeviceEntry, ...]) -> None:
        listed = {entry.serial: entry for entry in entries}
        for handle in self._actors.keys() - listed.keys():
            self._actors.pop(handle).leave()
            self._tasks.pop(handle).cancel()
        for handle, entry in listed.items():
            if handle in self._actors:
                self._actors[handle].see(entry)
            else:
                self._begin(handle, entry)
        self._is_seen = True
        self.wake.notify()

    def _begin(self, handle: str, entry: DeviceEntry) -> None:
        actor = DeviceActor(self._adb, entry, self._periods, self.wake)
        self._actors[handle] = actor
        self._tasks[handle] = asyncio.create_task(self._keep(actor), name=f"device {handle}")

    async def _keep(self, actor: DeviceActor) -> None:
        """An actor whose task fails goes on, and nobody believes its device meanwhile."""
        while (error := await failure_of(actor.run())) is not None:
            log.error("device %s: its probes failed; going on", actor.entry.serial, exc_info=error)
            actor.distrust(error)
            await asyncio.sleep(self._periods.wait_probe_ms / 1000)

    def find(self, serial: str, handle: str) -> DeviceActor | None:
        """The actor of a device: at its usual handle, else wherever its serial is now; online ones first."""
        same = [actor for actor in self._actors.values() if actor.serial == serial]
        same.sort(key=lambda actor: (not actor.is_online, actor.entry.serial != handle))
        return same[0] if same else None

    def patients(self) -> dict[str, DeviceActor]:
        """The actor of each serial; one that tells no serial is taken for the device that had its handle last."""
        found: dict[str, DeviceActor] = {}
        for handle, actor in self._actors.items():
            if actor.serial is not None:
                self._last_serials[handle] = actor.serial
            serial = self._last_serials.get(handle)
            if serial is not None and (serial not in found or actor.is_online):
                found[serial] = actor
        return found

    @property
    def is_known(self) -> bool:
        """Has every device of the first list had its first probe? Before that nobody may call one offline."""
        if self._is_seen and not self._was_settled:
            self._was_settled = all(actor.is_settled for actor in self._actors.values())
        return self._was_settled

    def report(self) -> list[ReportedDevice]:
        """Every transport in the order of its handle, but those that came just now."""
        actors = [self._actors[handle] for handle in sorted(self._actors)]
        return [actor.report() for actor in actors if actor.is_settled or actor.identity is not None]

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
