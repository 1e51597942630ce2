"""The adb server as a child process: environment, start, end. Works on Windows too; no judgement here."""

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from rackhand.agent.adb.errors import ServerUnusableError

if sys.platform != "win32":
    import resource

MIN_FILES = 4096

OWN_SETTINGS = {
    "ADB_MDNS": "0",  # else it binds UDP 5353 on all interfaces
    "ADB_EMU": "0",  # else it scans ports 5555-5585 for emulators
    "ADB_REJECT_KILL_SERVER": "1",  # other tools' `adb kill-server` must not stop the rack
}
_FOREIGN_SETTINGS = ("ADB_SERVER_SOCKET", "ANDROID_ADB_SERVER_ADDRESS", "ANDROID_ADB_SERVER_PORT")


class ServerProcess:
    """A running (or ended) `adb nodaemon server` that we started."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def spawn(cls, binary: Path, port: int, log_path: Path | None, *, has_usb: bool = True) -> "ServerProcess":
        """Start it on 127.0.0.1:`port`; it does not see the terminal's Ctrl-C, we end it ourselves.

        Without `has_usb` it never looks at USB: simulations must not touch real phones (and it answers at once
        where libusb cannot start, instead of after 3 s).
        """
        settings = OWN_SETTINGS if has_usb else OWN_SETTINGS | {"ADB_USB": "0"}
        raise_file_limit()
        arguments = (str(binary), "-P", str(port), "nodaemon", "server")
        try:
            if log_path is None:
                return cls(await _execute(arguments, settings, subprocess.DEVNULL))
            log_path.parent.mkdir(parents=True, exist_ok=True)
            with log_path.open("ab") as log:
                return cls(await _execute(arguments, settings, log))
        except OSError as error:
            raise ServerUnusableError(f"cannot start {binary}: {error}", phase="start") from error

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.returncode

    @property
    def is_ended(self) -> bool:
        return self._process.returncode is not None

    async def wait(self, timeout_ms: int) -> bool:
        """Wait at most so long for its end; True if it ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_ms / 1000):
                await self._process.wait()
        return self.is_ended

    async def end(self, grace_ms: int) -> None:
        """Ask it to end, and kill it after the grace."""
        if self.is_ended:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        if not await self.wait(grace_ms):
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


def raise_file_limit() -> None:
    """Let this process and its children open enough files: at its limit an adb server spins and answers nobody."""
    if sys.platform != "win32":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MIN_FILES if hard == resource.RLIM_INFINITY else min(MIN_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _execute(arguments: tuple[str, ...], settings: dict[str, str], output: Any) -> asyncio.subprocess.Process:
    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN_SETTINGS}
    apart: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        flags = ("CREATE_NO_WINDOW", "CREATE_NEW_PROCESS_GROUP")
        apart = {"creationflags": sum(getattr(subprocess, flag, 0) for flag in flags)}
    return await asyncio.create_subprocess_exec(
        *arguments,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=environment | settings,
        **apart,
    )
