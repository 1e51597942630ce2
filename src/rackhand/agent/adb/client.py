"""The adb server as an object: version, devices, connect, and the door to one device.

One socket per operation, nothing cached, no reconnecting: who calls decides what an error means.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from rackhand.agent.adb.budgets import Budgets
from rackhand.agent.adb.device import AdbDevice
from rackhand.agent.adb.errors import DeviceGoneError, ProtocolError, RefusedError, UnauthorizedError
from rackhand.agent.adb.protocol import DeviceEntry, decode_devices, decode_server_version
from rackhand.agent.adb.stream import Deadlines, Stream, bounded

DEFAULT_PORT = 5037
QUERY_MS = 10_000
CONNECT_MS = 12_000


class Adb:
    """A client of the adb server on `host:port`; safe to share by all tasks of one event loop."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        *,
        max_streams: int = 64,
        budgets: Budgets | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.budgets = budgets or Budgets(streams=max_streams)
        self.deadlines = deadlines or Deadlines()
        self._cleanups: set[asyncio.Task[bool]] = set()

    @asynccontextmanager
    async def open(
        self, service: str, *, serial: str | None = None, timeout_ms: int | None, is_urgent: bool = False
    ) -> AsyncIterator[Stream]:
        """A stream to `service`, of the server or of device `serial`; urgent ones (kills) skip the queue."""
        stream = Stream(serial, service)
        async with bounded(stream, timeout_ms, self.host, self.port):
            if is_urgent:
                await self._start(stream)
                yield stream
                return
            async with self.budgets.streams:
                await self._start(stream)
                yield stream

    async def _start(self, stream: Stream) -> None:
        await stream.connect(self.host, self.port, self.deadlines)
        if stream.serial is not None:
            await stream.request(f"host:tport:serial:{stream.serial}", "transport", self.deadlines)
        deadlines = self.deadlines
        if stream.service.startswith("host:connect:"):  # its first answer is its only one
            deadlines = replace(deadlines, answer_ms=max(CONNECT_MS, deadlines.answer_ms))
        await stream.request(stream.service, "open", deadlines)
        stream.phase = "stream"

    async def query(self, service: str, timeout_ms: int = QUERY_MS, *, is_urgent: bool = False) -> str:
        """The text answer of a host service."""
        async with self.open(service, timeout_ms=timeout_ms, is_urgent=is_urgent) as stream:
            return await stream.read_block()

    async def version(self, timeout_ms: int = QUERY_MS) -> int:
        """The wire version: 41 for every server since 2018, so it proves life, not age."""
        text = await self.query("host:version", timeout_ms, is_urgent=True)
        try:
            return int(text, 16)
        except ValueError:
            raise ProtocolError(f"not a version: {text[:40]!r}", service="host:version", phase="parse") from None

    async def server_release(self, timeout_ms: int = QUERY_MS) -> str:
        """The release (`36.0.0`) as the server itself tells it; empty where it cannot (before 35)."""
        try:
            async with self.open("host:server-status", timeout_ms=timeout_ms) as stream:
                return decode_server_version(await stream.read_block_bytes())
        except RefusedError:
            return ""

    async def server_features(self, timeout_ms: int = QUERY_MS) -> frozenset[str]:
        """What the server can do (`host:host-features`)."""
        return frozenset((await self.query("host:host-features", timeout_ms)).split(","))

    async def devices(self, timeout_ms: int = QUERY_MS) -> tuple[DeviceEntry, ...]:
        """Every transport the server knows. The answer wraps above 64 KiB (about 800 devices).

        It skips the queue: devices that hold every stream must not make the others look absent.
        """
        return decode_devices(await self.query("host:devices-l", timeout_ms, is_urgent=True))

    async def track(self) -> AsyncIterator[tuple[DeviceEntry, ...]]:
        """The list now and after each change, until the server ends (ServerDownError)."""
        async with self.open("host:track-devices-l", timeout_ms=None) as stream:
            while True:
                yield decode_devices(await stream.read_block())

    async def connect(self, endpoint: str, timeout_ms: int = CONNECT_MS) -> str:
        """Attach `host:port`. A refusal comes as OKAY with a text, and is an error here."""
        answer = await self.query(f"host:connect:{endpoint}", timeout_ms)
        if answer.startswith(("connected to", "already connected")):
            return answer
        kind = UnauthorizedError if "authenticate" in answer else DeviceGoneError
        raise kind(answer or "connect failed without a reason", serial=endpoint, service="host:connect", phase="open")

    async def disconnect(self, endpoint: str, timeout_ms: int = QUERY_MS) -> bool:
        """Detach `host:port`; False if the server did not know it."""
        try:
            await self.query(f"host:disconnect:{endpoint}", timeout_ms)
        except DeviceGoneError:
            return False
        return True

    async def reconnect(self, serial: str, timeout_ms: int = CONNECT_MS + QUERY_MS) -> str:
        """Take a transport down and up again: by disconnect and connect on TCP, by the server on USB."""
        if is_endpoint(serial):
            await self.disconnect(serial, min(timeout_ms, QUERY_MS))
            return await self.connect(serial, min(timeout_ms, CONNECT_MS))
        return await self.query(f"host-serial:{serial}:reconnect", timeout_ms)

    def device(self, serial: str) -> AdbDevice:
        return AdbDevice(self, serial)

    async def shielded(self, cleanup: Coroutine[Any, Any, bool]) -> bool:
        """Run a bounded clean-up to its end even if the caller is cancelled meanwhile."""
        task = asyncio.create_task(cleanup)
        self._cleanups.add(task)
        task.add_done_callback(self._cleanups.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for clean-ups that outlived their callers (each is bounded)."""
        if self._cleanups:
            await asyncio.wait(set(self._cleanups))


def is_endpoint(serial: str) -> bool:
    """Is this adb serial a `host:port`?"""
    host, separator, port = serial.rpartition(":")
    return bool(host and separator and port.isdigit())
