"""One socket to the adb server for one operation: deadlines, phases, typed endings, and always an abort.

Closing the socket is the only thing that makes the server drop a device stream at once, so every exit path
(answer, error, deadline, cancellation) aborts the transport. Nothing here knows what a service means.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypedDict

from rackhand.agent.adb.errors import AdbError, AdbTimeoutError, DeviceGoneError, ProtocolError, ServerDownError
from rackhand.agent.adb.protocol import FAIL, OKAY, decode_length, decode_text, encode_service, refusal

READ_SIZE = 64 * 1024


class Place(TypedDict):
    """The keyword arguments that every AdbError takes."""

    serial: str | None
    service: str
    phase: str


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The deadlines inside a call's total one: reaching the server, its first answer, cleaning up afterwards."""

    connect_ms: int = 2_000
    answer_ms: int = 10_000
    cleanup_ms: int = 5_000


class Stream:
    """Reader and writer of one operation. `phase` tells where it is, for the error that may come."""

    def __init__(self, serial: str | None, service: str) -> None:
        self.serial = serial
        self.service = service
        self.phase = "queue"
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def connect(self, host: str, port: int, deadlines: Deadlines) -> None:
        """Reach the server; ServerDownError when nobody listens."""
        self.phase = "connect"
        try:
            async with asyncio.timeout(deadlines.connect_ms / 1000):
                self._reader, self._writer = await asyncio.open_connection(host, port)
        except OSError as error:  # TimeoutError of the inner deadline is one too
            raise ServerDownError(
                f"no adb server answers on {host}:{port}: {str(error) or 'timed out'}; nothing was sent",
                serial=self.serial,
                service=self.service,
                phase=self.phase,
            ) from None

    async def request(self, service: str, phase: str, deadlines: Deadlines) -> None:
        """Send a service and wait for OKAY; a FAIL becomes its typed error."""
        self.phase = phase
        self.write(encode_service(service))
        try:
            async with asyncio.timeout(deadlines.answer_ms / 1000):
                message = await self._refusal_text(service)
        except TimeoutError:
            raise AdbTimeoutError(f"no first answer within {deadlines.answer_ms} ms", **self.place()) from None
        if message is not None:
            raise refusal(message, serial=self.serial, service=service, phase=phase)

    async def _refusal_text(self, service: str) -> str | None:
        """The reason after FAIL; None after OKAY."""
        status = await self.read_exactly(4)
        if status == FAIL:
            return await self.read_block()
        if status != OKAY:
            raise ProtocolError(f"expected OKAY or FAIL, got {status!r}", **self.place())
        if service.startswith("host:tport:"):
            await self.read_exactly(8)  # the transport id
        return None

    def place(self) -> Place:
        """Where this operation is: keyword arguments for an AdbError."""
        return {"serial": self.serial, "service": self.service, "phase": self.phase}

    def write(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)

    async def drain(self) -> None:
        assert self._writer is not None
        await self._writer.drain()

    async def read_exactly(self, size: int) -> bytes:
        assert self._reader is not None
        return await self._reader.readexactly(size)

    async def read_some(self, limit: int = READ_SIZE) -> bytes:
        """The next bytes, at most `limit`; empty at the end of the stream."""
        assert self._reader is not None
        return await self._reader.read(limit)

    async def read_pieces(self, size: int) -> AsyncIterator[bytes]:
        """Exactly `size` bytes in bounded pieces."""
        left = size
        while left:
            piece = await self.read_some(min(left, READ_SIZE))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            yield piece

    async def read_block_bytes(self) -> bytes:
        """A block with its 4-digit length."""
        return await self.read_exactly(decode_length(await self.read_exactly(4)))

    async def read_block(self) -> str:
        return decode_text(await self.read_block_bytes())

    def abort(self) -> None:
        """Drop the connection now; the server drops the device stream with it."""
        if self._writer is not None:
            self._writer.transport.abort()


@asynccontextmanager
async def bounded(stream: Stream, timeout_ms: int | None, host: str, port: int) -> AsyncIterator[None]:
    """Give `stream` its total deadline, turn low-level endings into typed errors, and abort on every exit."""
    try:
        async with asyncio.timeout(None if timeout_ms is None else timeout_ms / 1000):
            yield
    except TimeoutError:
        raise AdbTimeoutError(
            f"no answer within {timeout_ms} ms" if timeout_ms else "no answer in time",
            **stream.place(),
        ) from None
    except ProtocolError as error:
        raise ProtocolError(error.message, **stream.place()) from error
    except (asyncio.IncompleteReadError, ConnectionError):
        raise await _ending(stream, host, port) from None
    finally:
        stream.abort()


async def _ending(stream: Stream, host: str, port: int) -> AdbError:
    """Why a stream ended early: ask whether the server still answers (one that is dying may still listen)."""
    probe = Stream(None, "host:version")
    deadlines = Deadlines(answer_ms=2_000)
    try:
        await probe.connect(host, port, deadlines)
        await probe.request("host:version", "open", deadlines)
    except (AdbError, asyncio.IncompleteReadError, ConnectionError):
        return ServerDownError("the adb server went away in the middle of a call", **stream.place())
    finally:
        probe.abort()
    if stream.serial is None:
        return ServerDownError("the adb server closed the connection early", **stream.place())
    return DeviceGoneError("the device's stream ended before its answer was whole", **stream.place())
