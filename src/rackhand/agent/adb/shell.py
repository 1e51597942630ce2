"""Shell v2 on a device: exit code, separate stderr, bounded output, and a deadline that really ends the command.

Closing the stream does not stop a command: adbd sends SIGHUP to the shell only. But adbd makes each shell a
session of its own, so its pid is its process group: the command line starts with `echo $$`, and whoever gives
up sends `kill -9 -<pid>` on a second stream. (`kill -9 -- -<pid>` is refused by some shells.)
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from rackhand.agent.adb.errors import PID_PREFIX, AdbError, AdbTimeoutError, RemoteError
from rackhand.agent.adb.protocol import (
    CLOSE_STDIN,
    EXIT,
    SHELL_HEADER,
    STDERR,
    STDIN,
    STDOUT,
    decode_shell_header,
    decode_text,
    encode_shell,
)
from rackhand.agent.adb.stream import Deadlines, Stream

_PID_DIGITS = 10


class Link(Protocol):
    """How a command reaches a device and how a clean-up outlives its caller; `client.Adb` is one."""

    @property
    def deadlines(self) -> Deadlines: ...

    def open(
        self, service: str, *, serial: str | None = ..., timeout_ms: int | None, is_urgent: bool = ...
    ) -> AbstractAsyncContextManager[Stream]: ...

    async def shielded(self, cleanup: Coroutine[Any, Any, bool]) -> bool: ...


@dataclass(frozen=True, slots=True)
class ShellResult:
    """How a command ended. Outputs hold at most their bound; `is_truncated` says that there was more."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    is_truncated: bool = False

    @property
    def text(self) -> str:
        """Standard output as text; invalid UTF-8 and NUL are replaced."""
        return decode_text(self.stdout)

    @property
    def error_text(self) -> str:
        return decode_text(self.stderr)

    def check(self, serial: str, command: str) -> None:
        """RemoteError unless the exit code is 0."""
        if self.exit_code:
            raise RemoteError(self.exit_code, self.error_text or self.text, serial=serial, service=f"shell:{command}")


class Output:
    """Collects what a command says: takes the pid line off the front, keeps the rest within the bound."""

    def __init__(self, max_output: int, on_output: Callable[[bytes], None] | None) -> None:
        self.pid: int | None = None
        self.kept = {STDOUT: bytearray(), STDERR: bytearray()}
        self.is_truncated = False
        self._max = max_output
        self._on_output = on_output
        self._first_line: bytearray | None = bytearray()

    def add(self, channel: int, data: bytes) -> None:
        if channel == STDOUT and self._first_line is not None:
            data = self._take_pid(self._first_line, data)
        if not data:
            return
        kept = self.kept[channel]
        room = self._max - len(kept)
        kept += data[: max(0, room)]
        self.is_truncated |= len(data) > room
        if self._on_output is not None:
            self._on_output(data)

    def _take_pid(self, line: bytearray, data: bytes) -> bytes:
        """What is left of `data` after the pid line; a first line that is no pid is output."""
        line += data
        head, newline, rest = bytes(line).partition(b"\n")
        if not newline and len(line) <= _PID_DIGITS and (not line or line.isdigit()):
            return b""
        self._first_line = None
        digits = head.strip()
        if newline and digits.isdigit() and len(digits) <= _PID_DIGITS and int(digits) > 1:
            self.pid = int(digits)
            return rest
        return bytes(line)

    def finish(self) -> None:
        """The stream ended; a first line that never ended is output after all."""
        line, self._first_line = self._first_line, None
        if line:
            self.add(STDOUT, bytes(line))


async def run_shell(
    link: Link,
    serial: str,
    command: str,
    *,
    timeout_ms: int,
    stdin: bytes = b"",
    max_output: int,
    on_output: Callable[[bytes], None] | None = None,
) -> ShellResult:
    """Run `command` to its end within `timeout_ms`.

    On the deadline, on cancellation and on an error of `on_output` the process group is killed first (bounded
    by `cleanup_ms`, and to its end even if cancelled again). `on_output` sees stdout and stderr as they arrive,
    all of it; the result keeps the first `max_output` bytes of each.
    """
    output = Output(max_output, on_output)
    try:
        async with link.open(PID_PREFIX + command, serial=serial, timeout_ms=timeout_ms) as stream:
            exit_code = await _converse(stream, stdin, output)
    except BaseException as error:  # always re-raised; only the clean-up is decided here
        is_killed = await _clean_up(link, serial, output, error)
        if isinstance(error, AdbTimeoutError):
            error.output = bytes(output.kept[STDOUT] + output.kept[STDERR])
            error.is_killed = is_killed
        raise
    output.finish()
    return ShellResult(exit_code, bytes(output.kept[STDOUT]), bytes(output.kept[STDERR]), output.is_truncated)


async def _converse(stream: Stream, stdin: bytes, output: Output) -> int:
    """Feed and read until the exit packet."""
    feeder = asyncio.create_task(_feed(stream, stdin))
    try:
        while True:
            channel, size = decode_shell_header(await stream.read_exactly(SHELL_HEADER.size))
            if channel == EXIT:
                return (await stream.read_exactly(1))[0]
            async for piece in stream.read_pieces(size):
                if channel in output.kept:
                    output.add(channel, piece)
    finally:
        feeder.cancel()
        await asyncio.gather(feeder, return_exceptions=True)


async def _feed(stream: Stream, stdin: bytes) -> None:
    for at in range(0, len(stdin), 32768):
        stream.write(encode_shell(STDIN, stdin[at : at + 32768]))
        await stream.drain()
    stream.write(encode_shell(CLOSE_STDIN))
    await stream.drain()


async def _clean_up(link: Link, serial: str, output: Output, error: BaseException) -> bool:
    """Kill what may still run; a device or server that is gone cannot be told."""
    is_lost = isinstance(error, AdbError) and error.is_transient
    if output.pid is None or is_lost:
        return False
    return await link.shielded(kill_group(link, serial, output.pid))


async def kill_group(link: Link, serial: str, pid: int) -> bool:
    """End a process group on the device; True if the device answered (the group is gone then)."""
    try:
        async with link.open(
            f"shell,v2,raw:kill -9 -{pid}", serial=serial, timeout_ms=link.deadlines.cleanup_ms, is_urgent=True
        ) as stream:
            await _converse(stream, b"", Output(4096, None))
    except AdbError:
        return False
    return True
