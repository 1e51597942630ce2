"""Whose adb server is this? A small file remembers the one that we started; a kill -9 of the agent leaves both behind.

The next agent takes that server up as its own and ends it at its own end. A process is believed to be that one only
while its pid, its start time and its command line are what was noted; anything else is somebody else's, left alone.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE

import msgspec
from msgspec import Struct

_LOOK_MS = 100
_SYSTEM: str = sys.platform
_CHECK_MS = 250 if _SYSTEM == "linux" else 30_000  # elsewhere a look costs a process of its own
_ASK_S = 5.0
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has the one that ends at once only


class _Note(Struct, frozen=True):
    pid: int
    port: int
    process: str


_decode = msgspec.json.Decoder(_Note).decode


async def describe(pid: int) -> str:
    """Start time and command line of a process, as this system tells them; "" if there is none."""
    if _SYSTEM == "linux":
        return _describe_by_proc(pid)
    if _SYSTEM == "win32":
        script = f"$p = Get-Process -Id {pid}; '{{0}} {{1}}' -f $p.StartTime.ToFileTimeUtc(), $p.Path"
        return await _ask("powershell", "-NoProfile", "-NonInteractive", "-Command", script)
    return await _ask("ps", "-o", "lstart=,command=", "-p", str(pid))


def _describe_by_proc(pid: int) -> str:
    place = Path("/proc") / str(pid)
    try:
        after_name = (place / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        words = (place / "cmdline").read_bytes().rstrip(b"\0").decode("utf-8", "replace").split("\0")
    except OSError:
        return ""
    is_ended = after_name[:1] in (["Z"], ["X"]) or len(after_name) < 20
    return "" if is_ended else f"{after_name[19]} {' '.join(words)}"


async def _ask(*command: str) -> str:
    try:
        asked = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
    except OSError:
        return ""
    try:
        async with asyncio.timeout(_ASK_S):
            output, _ = await asked.communicate()
    except TimeoutError:
        asked.kill()
        await asked.wait()
        return ""
    return output.decode("utf-8", "replace").strip() if asked.returncode == 0 else ""


class Heir:
    """A running adb server that an earlier life of this agent started: not our child, so its end is looked for."""

    def __init__(self, pid: int, process: str) -> None:
        self.pid = pid
        self.is_ended = False
        self._process = process

    async def wait(self, timeout_ms: int, look_ms: int = _CHECK_MS) -> bool:
        """Wait at most so long for its end; True if it ended."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_ms / 1000
        while not self.is_ended and (left := deadline - loop.time()) > 0:
            await asyncio.sleep(min(left, look_ms / 1000))
            if look_ms <= timeout_ms:
                self.is_ended = await describe(self.pid) != self._process
        return self.is_ended

    async def end(self, grace_ms: int) -> None:
        """Ask it to end, and kill it after the grace; a pid that is another process by now is left alone."""
        for how in (signal.SIGTERM, _KILL):
            if self.is_ended or await describe(self.pid) != self._process:
                self.is_ended = True
                return
            with suppress(OSError):
                os.kill(self.pid, how)
            await self.wait(grace_ms, _LOOK_MS)


class Claim:
    """The note about our adb server, at `path` (None: nothing is remembered)."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    async def note(self, pid: int, port: int) -> None:
        """Remember a server that we just started; a disk that does not take it costs only this."""
        if self._path is None:
            return
        note = _Note(pid, port, await describe(pid))
        fresh = self._path.with_name(self._path.name + ".new")
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.encode(note))
            fresh.replace(self._path)

    async def heir(self, port: int) -> Heir | None:
        """The noted server, if it still runs."""
        try:
            note = _decode(self._path.read_bytes()) if self._path is not None else None
        except (OSError, msgspec.DecodeError):
            return None
        if note is None or note.port != port or not note.process or await describe(note.pid) != note.process:
            return None
        return Heir(note.pid, note.process)

    def drop(self) -> None:
        """It has ended."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
