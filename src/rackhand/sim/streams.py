"""Bytes between callers, shells and commands: the seams that both fronts and the shell share.

Belongs here: what a stream is, sources and sinks of a process, pipes. Must not: protocols or commands.
"""

import asyncio
import struct
from typing import Protocol

CHUNK = 64 * 1024
STDOUT, STDERR, EXIT = 1, 2, 3


class Stream(Protocol):
    """One adb stream, as a front hands it to adbd."""

    async def read(self) -> bytes:
        """The next bytes; b'' once the caller is gone."""

    async def write(self, data: bytes) -> None:
        """Send, with back-pressure; ConnectionError once the caller is gone."""

    async def close(self) -> None:
        """End it; more than once is no error."""


class Sink(Protocol):
    """Where a process writes; ConnectionError means SIGPIPE."""

    async def write(self, data: bytes) -> None: ...


class Source(Protocol):
    """Where a process reads; b'' is the end."""

    async def read(self) -> bytes: ...


class Reader:
    """Exact reads over anything with `read()`."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._buffer = bytearray()

    async def exactly(self, count: int) -> bytes:
        """`count` bytes; EOFError if the source ends before."""
        while len(self._buffer) < count:
            data = await self._source.read()
            if not data:
                raise EOFError(f"the stream ended {count - len(self._buffer)} bytes early")
            self._buffer += data
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    async def lines(self) -> list[bytes]:
        """Everything up to the end, as lines with their newline."""
        return (await self.rest()).splitlines(keepends=True)

    async def line(self) -> bytes:
        """One line with its newline; what is left at the end; b'' after that."""
        while b"\n" not in self._buffer:
            data = await self._source.read()
            if not data:
                break
            self._buffer += data
        end = self._buffer.find(b"\n") + 1 or len(self._buffer)
        taken = bytes(self._buffer[:end])
        del self._buffer[:end]
        return taken

    async def rest(self) -> bytes:
        """Everything up to the end."""
        while data := await self._source.read():
            self._buffer += data
        taken = bytes(self._buffer)
        self._buffer.clear()
        return taken


class Nothing:
    """/dev/null: empty to read, and it forgets what is written."""

    async def read(self) -> bytes:
        return b""

    async def write(self, data: bytes) -> None:
        return


class Bytes:
    """Fixed bytes to read, once; or a place that keeps what is written in `data`."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)

    async def read(self) -> bytes:
        taken = bytes(self.data)
        self.data.clear()
        return taken

    async def write(self, data: bytes) -> None:
        self.data += data


class Pipe:
    """A bounded pipe between two processes; a gone reader breaks the writer, as SIGPIPE does."""

    def __init__(self, limit: int = CHUNK) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._moved = asyncio.Condition()
        self._is_ended = False
        self._is_broken = False

    async def read(self) -> bytes:
        async with self._moved:
            await self._moved.wait_for(lambda: self._buffer or self._is_ended)
            taken = bytes(self._buffer)
            self._buffer.clear()
            self._moved.notify_all()
            return taken

    async def write(self, data: bytes) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: len(self._buffer) < self._limit or self._is_broken)
            if self._is_broken:
                raise BrokenPipeError("the reader of this pipe is gone")
            self._buffer += data
            self._moved.notify_all()

    async def end(self) -> None:
        """No more will be written."""
        async with self._moved:
            self._is_ended = True
            self._moved.notify_all()

    async def break_off(self) -> None:
        """No more will be read."""
        async with self._moved:
            self._is_broken = True
            self._moved.notify_all()


class ChannelSink:
    """A shell's output on a stream: framed for shell v2, plain (and merged) otherwise."""

    def __init__(self, stream: Stream, channel: int | None) -> None:
        self._stream = stream
        self._channel = channel

    async def write(self, data: bytes) -> None:
        if not data:
            return
        if self._channel is None:
            await self._stream.write(data)
            return
        for start in range(0, len(data), CHUNK):
            part = data[start : start + CHUNK]
            await self._stream.write(struct.pack("<BI", self._channel, len(part)) + part)
