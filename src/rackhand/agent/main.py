"""The agent put together: what runs in it, in which order it starts, and how it ends. No behaviour of its own.

It imports neither SQL nor the web framework, so that it beats about a second after its start.
"""

import asyncio
import logging
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress

from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.endpoints import Endpoints
from rackhand.agent.adb.errors import AdbError
from rackhand.agent.adb.supervisor import Periods as AdbPeriods
from rackhand.agent.adb.supervisor import ServerState, Supervisor
from rackhand.agent.client import ServerClient
from rackhand.agent.crew import Crew
from rackhand.agent.executor import Kit
from rackhand.agent.files import FileCache
from rackhand.agent.heartbeat import Pulse
from rackhand.agent.inventory import Inventory
from rackhand.agent.leases import Leases
from rackhand.agent.lock import FolderLock
from rackhand.agent.medic import Medic
from rackhand.agent.outbox import Outbox
from rackhand.agent.pulling import Work
from rackhand.agent.scan import Scans
from rackhand.agent.servertime import ServerTime
from rackhand.agent.settings import AgentSettings
from rackhand.agent.spool import Spool
from rackhand.agent.uploads import Uploads, drop_litter
from rackhand.core.disk import MIB, Space
from rackhand.core.traces import Tracer, untraced

CLOCK_OFF_MS = 5_000
STOP_S = 1.5  # for each of: ending work, ending adb; the flush has its own period
ADB_STOP_MS = 1_000
MAX_STREAMS = 256  # 100 devices that do not answer hold a stream each; devices + streams stay below 800
log = logging.getLogger(__name__)


class Agent:
    """All parts of one running agent. `start` begins, `close` ends within 5 s; what is unsent stays on disk."""

    def __init__(
        self,
        settings: AgentSettings,
        spool: Spool,
        client: ServerClient,
        time: ServerTime,
        trace: Tracer = untraced,
    ) -> None:
        periods = settings.periods
        self._settings, self._time = settings, time
        self._periods = periods
        self._adb = Adb(port=settings.adb_port, max_streams=MAX_STREAMS)
        self._adb_error = ""
        self._endpoints = Endpoints(self._adb, settings.endpoints)
        self._generation = 0
        self._supervisor = Supervisor(
            self._adb,
            binary_path=settings.adb_path,
            log_path=settings.data_dir / "adb.log",
            claim_path=settings.data_dir / "adb.json",
            periods=AdbPeriods(stop_ms=ADB_STOP_MS),
            on_change=self._on_adb_change,
        )
        self._inventory = Inventory(self._adb, periods)
        self._spool = spool
        leases = Leases()
        files = FileCache(settings.files_dir, client, periods, settings.cache_bytes)
        self._kit = Kit(settings, spool, time, leases, self._inventory, files, trace=trace)
        self._outbox = Outbox(spool, client, time, periods, settings.dead_letter_path)
        self._uploads = Uploads(spool, client, time, periods)
        self._crew = Crew(periods)
        self._medic = Medic(settings, spool, time, self._inventory)
        self._pulse = Pulse(
            settings,
            client,
            time,
            spool,
            leases,
            self._inventory,
            self._medic,
            self._trouble,
            lambda: self._supervisor.state.release,
        )
        self._scans = Scans(settings, spool, time, self._inventory, self._pulse)
        self._work = Work(self._kit, client, self._scans.begin)
        self._troubles = (spool.trouble, self._outbox.trouble, self._work.trouble, self._crew.trouble)

    def start(self) -> None:
        """Begin with the heartbeat: it renews the leases of what the journal holds."""
        self._crew.add("heartbeat", self._pulse.run)
        self._crew.add("adb server", self._watch_adb)
        self._crew.add("outbox", self._outbox.run)
        self._crew.add("uploads", self._uploads.run)
        self._crew.add("endpoints", self._endpoints.run)
        self._work.resume()
        self._crew.add("pull", self._work.run)

    async def _watch_adb(self) -> None:
        """Devices are looked for once there is an adb server (or there is none to be had: all are offline)."""
        try:
            await self._supervisor.start()
            self._adb_error = ""
        except AdbError as error:
            self._adb_error = str(error)
            log.error("%s", error)
        self._crew.add("tracker", self._inventory.track)
        self._crew.add("inventory", self._inventory.run)
        self._crew.add("health", self._medic.run)
        await self._supervisor.run()

    def _on_adb_change(self, state: ServerState) -> None:
        if state.is_usable:
            self._adb_error = ""
        if state.generation != self._generation:
            self._generation = state.generation
            self._endpoints.reset()
        if state.message:
            log.info("adb: %s", state.message)

    def _adb_release(self) -> str:
        return self._supervisor.state.release

    def _trouble(self) -> str:
        """The node's own last error, the most urgent first."""
        adb = self._adb_error or ("" if self._supervisor.state.is_usable else self._supervisor.state.message)
        parts = (adb, disk_trouble(self._settings), *(each.text for each in self._troubles), self._clock_trouble())
        return next((part for part in (*parts, self._spool.damage) if part), "")

    def _clock_trouble(self) -> str:
        """Leases are timed without the wall clock, so that this is only told; nothing depends on it."""
        off_ms = self._time.skew_ms
        if abs(off_ms) <= CLOCK_OFF_MS:
            return ""
        return f"the clock of this PC is {off_ms / 1000:+.0f} s off the server's: let both set it by NTP"

    async def drain(self, hurry: asyncio.Event) -> None:
        """Claim nothing more and let steps come to their end: for `drain_ms`, or until `hurry` is set."""
        left_s = self._periods.drain_ms // 1000
        log.info("ending: steps in flight have %d s to end; a second signal ends them now", left_s)
        ended, hurried = asyncio.create_task(self._work.drain()), asyncio.create_task(hurry.wait())
        try:
            await asyncio.wait(
                {ended, hurried}, timeout=self._periods.drain_ms / 1000, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in (ended, hurried):
                task.cancel()
            await asyncio.gather(ended, hurried, return_exceptions=True)

    async def close(self) -> None:
        """No new work, end what runs on the devices, send what there is, end the adb server that is ours."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._work.close()
        await self._flush()
        await self._crew.close()
        await asyncio.gather(self._scans.close(), self._medic.close(), self._inventory.close(), self._endpoints.close())
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._supervisor.close()
                await self._adb.close()

    async def _flush(self) -> None:
        """A moment for the last events, while the server answers."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._periods.flush_ms / 1000 if self._pulse.is_in_contact else 0):
                while self._spool.events:
                    await self._spool.wake.wait()


def disk_trouble(settings: AgentSettings) -> str:
    """What is wrong with the room for the outbox, "" for nothing."""
    folder = settings.data_dir
    try:
        space = Space("data", str(folder), shutil.disk_usage(folder).free, settings.min_free_mb * MIB)
    except OSError:
        return ""
    if not space.is_low:
        return ""
    return (
        f"the disk of {space.path} has {space.free_mb} MB left, {space.wanted_mb} MB are wanted: make room, "
        "or results of steps cannot be kept until they are sent"
    )


async def run_agent(
    settings: AgentSettings, stop: asyncio.Event, hurry: asyncio.Event | None = None, trace: Tracer = untraced
) -> int:
    """Run until `stop` is set, then drain unless `hurry` is; the exit code. FolderInUse if another agent works in the
    data folder."""
    async with AsyncExitStack() as stack:
        lock = FolderLock(settings.data_dir)
        stack.callback(lock.release)
        spool = Spool.open(settings.journal_path, retry_ms=settings.periods.restart_min_ms)
        stack.push_async_callback(spool.close)
        if spool.damage:
            log.error("%s", spool.damage)
        time = ServerTime()
        client = await stack.enter_async_context(ServerClient(settings, time))
        drop_litter(settings.work_dir, spool)
        agent = Agent(settings, spool, client, time, trace)
        stack.push_async_callback(agent.close)
        agent.start()
        await stop.wait()
        await agent.drain(hurry or asyncio.Event())
    return 0


@contextmanager
def stop_on_signals(stop: asyncio.Event, hurry: asyncio.Event | None = None) -> Iterator[None]:
    """SIGTERM, SIGINT and Ctrl-Break set `stop`, the second of them `hurry`; on Windows by plain handlers, for its loop
    has no others."""

    def hear() -> None:
        (hurry if hurry is not None and stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    names = ("SIGTERM", "SIGINT", "SIGBREAK")
    signals = [getattr(signal, name) for name in names if hasattr(signal, name)]
    if os.name == "nt":
        old = [(each, signal.signal(each, lambda *_: loop.call_soon_threadsafe(hear))) for each in signals]
        try:
            yield
        finally:
            for each, handler in old:
                signal.signal(each, handler)
        return
    for each in signals:
        loop.add_signal_handler(each, hear)
    try:
        yield
    finally:
        for each in signals:
            loop.remove_signal_handler(each)


async def serve_agent(settings: AgentSettings, trace: Tracer = untraced) -> int:
    """`run_agent` until a signal comes; a second one ends it at once."""
    stop, hurry = asyncio.Event(), asyncio.Event()
    with stop_on_signals(stop, hurry):
        return await run_agent(settings, stop, hurry, trace)
