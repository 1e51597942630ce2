"""One device behind the adb server: shell, raw streams, screen, files, install, reboot.

Addressed by its adb serial (the runtime handle); identity is somebody else's business. Every call has a total
deadline; a shell command that outlives it is killed on the device with its whole process group.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from rackhand.agent.adb import install as installer
from rackhand.agent.adb import sync
from rackhand.agent.adb.budgets import Budgets
from rackhand.agent.adb.errors import DeviceGoneError, OutputTooLargeError
from rackhand.agent.adb.protocol import FileStat
from rackhand.agent.adb.screen import Screenshot, extract_png
from rackhand.agent.adb.shell import Link, ShellResult, run_shell
from rackhand.agent.adb.stream import Stream

MIB = 1024 * 1024


class Server(Link, Protocol):
    """What a device needs of its server; `client.Adb` is one."""

    @property
    def budgets(self) -> Budgets: ...

    async def query(self, service: str, timeout_ms: int = ..., *, is_urgent: bool = ...) -> str: ...

    async def reconnect(self, serial: str, timeout_ms: int = ...) -> str: ...


class AdbDevice:
    """A device as the adb server of this node sees it."""

    def __init__(self, server: Server, serial: str) -> None:
        self._server = server
        self.serial = serial

    def open(self, service: str, timeout_ms: int) -> AbstractAsyncContextManager[Stream]:
        """A raw stream to a service of the device."""
        return self._server.open(service, serial=self.serial, timeout_ms=timeout_ms)

    async def features(self, timeout_ms: int = 10_000) -> frozenset[str]:
        text = await self._server.query(f"host-serial:{self.serial}:features", timeout_ms)
        return frozenset(text.split(","))

    async def shell(
        self,
        command: str,
        *,
        timeout_ms: int = 30_000,
        stdin: bytes = b"",
        max_output: int = MIB,
        on_output: Callable[[bytes], None] | None = None,
        check: bool = False,
    ) -> ShellResult:
        """Run `command`; RemoteError on a bad exit code only with `check`. See `shell.run_shell`."""
        result = await run_shell(
            self._server,
            self.serial,
            command,
            timeout_ms=timeout_ms,
            stdin=stdin,
            max_output=max_output,
            on_output=on_output,
        )
        if check:
            result.check(self.serial, command)
        return result

    async def exec_out(self, command: str, *, timeout_ms: int = 30_000, max_output: int = 64 * MIB) -> bytes:
        """Standard output of `command` byte for byte; no exit code exists here."""
        output = bytearray()
        async with self.open(f"exec:{command}", timeout_ms) as stream:
            while piece := await stream.read_some():
                output += piece
                if len(output) > max_output:
                    raise OutputTooLargeError(f"more than {max_output} bytes of output; all dropped", **stream.place())
        return bytes(output)

    async def screencap(self, *, timeout_ms: int = 15_000, display: str | None = None) -> Screenshot:
        """The screen as a whole PNG; a warning before it (several displays) is kept aside."""
        command = "screencap -p" if display is None else f"screencap -p -d {int(display)}"
        async with self._server.budgets.screencaps:
            return extract_png(await self.exec_out(command, timeout_ms=timeout_ms), self.serial)

    async def push(self, local: Path, remote: str, *, timeout_ms: int = 300_000, mode: int = 0o644) -> int:
        """Send a file; the bytes sent. StorageError or SyncError with the device's own words."""
        async with self._server.budgets.transfers, self.open("sync:", timeout_ms) as stream:
            return await sync.push(stream, self.serial, local, remote, mode)

    async def pull(self, remote: str, local: Path, *, timeout_ms: int = 300_000, max_bytes: int | None = None) -> int:
        """Fetch a file; the bytes received. On any failure no file is left at `local`."""
        async with self._server.budgets.transfers, self.open("sync:", timeout_ms) as stream:
            return await sync.pull(stream, self.serial, remote, local, max_bytes)

    async def stat(self, remote: str, *, timeout_ms: int = 10_000) -> FileStat | None:
        """Mode, size and time of a path; None if there is none."""
        async with self.open("sync:", timeout_ms) as stream:
            return await sync.stat(stream, remote)

    async def install(self, apk: Path, *, replace: bool = True, grant: bool = True, timeout_ms: int = 300_000) -> str:
        """Stream an APK into the package manager (no copy on the device); InstallError carries code and hint."""
        service = installer.service_for(apk, replace=replace, grant=grant)
        async with self._server.budgets.transfers, self.open(service, timeout_ms) as stream:
            return await installer.install(stream, self.serial, apk)

    async def reboot(self, mode: str = "", *, timeout_ms: int = 10_000) -> None:
        """Ask for a reboot; returns when the device has taken it (its stream ends)."""
        try:
            async with self.open(f"reboot:{mode}", timeout_ms) as stream:
                while await stream.read_some():
                    pass
        except DeviceGoneError as error:
            if error.phase != "stream":
                raise

    async def reconnect(self, *, timeout_ms: int = 22_000) -> str:
        """Take its transport down and up again; what the server answered."""
        return await self._server.reconnect(self.serial, timeout_ms)
