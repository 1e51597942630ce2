"""Front B: an adb *server* on loopback (smart-socket protocol) with simulated devices; needs no binary.

Belongs here: host services, listings, trackers, opening device services. Must not: what a service does.
The answer of `devices-l` has a 4-digit length that wraps above 64 KiB, exactly as in the real server.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from rackhand.sim.daemon import FEATURES, Daemon
from rackhand.sim.device import SimDevice
from rackhand.sim.server_link import ServerLink

HOST = "127.0.0.1"
VERSION = "0029"
SERVER_FAULTS = {
    "wedge": "connections are accepted, nothing is answered (a hung adb server)",
    "crash": "the port is closed and every connection ends (a dead adb server); cleared: a new server",
    "tracker_stale": "trackers are not told about changes, as adb 29 does for lost TCP devices",
}


class Refusal(Exception):
    """A request that is answered with FAIL and this text."""


class SocketStream:
    """A device stream over a client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self) -> bytes:
        try:
            return await self._reader.read(65536)
        except ConnectionError:
            return b""

    async def write(self, data: bytes) -> None:
        if self._writer.is_closing():
            raise BrokenPipeError("the caller is gone")
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        if not self._writer.is_closing():
            self._writer.close()


def block(text: str) -> bytes:
    """Text with its length in four hex digits (which wraps, as in the real server)."""
    data = text.encode()
    return b"%04x" % (len(data) & 0xFFFF) + data


class AdbServer:
    """The simulated server; `port` is known after `start`."""

    def __init__(self, devices: list[SimDevice], port: int = 0) -> None:
        self.port = port
        self.faults: set[str] = set()
        self._changed = asyncio.Condition()
        self._unwedged = asyncio.Event()
        self._unwedged.set()
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.links = {
            device.serial: ServerLink(device, number, self.notify) for number, device in enumerate(devices, 1)
        }
        self._daemons = {device.serial: Daemon(device) for device in devices}

    # -- life

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, HOST, self.port, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = [task for task in self._clients.values() if task is not None]
        for task in [*tasks, *self._tasks]:
            task.cancel()
        await asyncio.gather(*tasks, *self._tasks, return_exceptions=True)

    async def set_fault(self, name: str, is_on: bool) -> None:
        """Switch one of SERVER_FAULTS; ValueError for another name, OSError if its port was taken after a crash."""
        if name not in SERVER_FAULTS:
            raise ValueError(f"unknown server fault {name!r}; known: {', '.join(SERVER_FAULTS)}")
        if name == "crash":
            await (self.stop() if is_on else self.start())
        elif name == "wedge":
            (self._unwedged.clear if is_on else self._unwedged.set)()
        (self.faults.add if is_on else self.faults.discard)(name)
        self.notify()

    def notify(self) -> None:
        """A device's state may have changed: tell the trackers."""
        if "tracker_stale" in self.faults:
            return
        task = asyncio.get_running_loop().create_task(self._announce())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _announce(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def listing(self, *, is_long: bool) -> str:
        """The text of `host:devices` or `host:devices-l`."""
        shown = [link for link in self.links.values() if link.state != "absent"]
        return "".join(link.line(is_long=is_long) for link in shown)

    # -- requests

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients[writer] = asyncio.current_task()
        try:
            await self._serve(reader, writer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            del self._clients[writer]
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chosen: ServerLink | None = None
        while True:
            request = await read_request(reader)
            await self._unwedged.wait()
            try:
                if chosen is not None and not request.startswith("host"):
                    await self._open(chosen, request, reader, writer)
                    return
                link = self._choose(request)
                if link is None:
                    await self._answer(request, reader, writer)
                    return
            except Refusal as refusal:
                writer.write(b"FAIL" + block(str(refusal)))
                return
            chosen = link
            is_tport = request.startswith("host:tport:")
            writer.write(b"OKAY" + (link.number.to_bytes(8, "little") if is_tport else b""))
            await writer.drain()

    def _choose(self, request: str) -> ServerLink | None:
        """The device that a transport request means; None if it is no transport request."""
        for prefix in ("host:transport:", "host:tport:serial:"):
            if request.startswith(prefix):
                return self.usable(request.removeprefix(prefix))
        if request.startswith("host:transport-id:"):
            wanted = request.removeprefix("host:transport-id:")
            for serial, link in self.links.items():
                if str(link.number) == wanted and link.state != "absent":
                    return self.usable(serial)
            raise Refusal(f"no device with transport id '{wanted}'")
        if request in ("host:transport-any", "host:tport:any", "host:transport-usb", "host:tport:usb"):
            return self.usable(self.only().device.serial)
        return None

    def only(self) -> ServerLink:
        """The one device there is; Refusal if there are none or several."""
        present = [link for link in self.links.values() if link.state != "absent"]
        if len(present) != 1:
            raise Refusal("more than one device/emulator" if present else "no devices/emulators found")
        return present[0]

    def usable(self, serial: str) -> ServerLink:
        """A device that streams can be opened on; Refusal with adb's text otherwise."""
        link = self.present(serial)
        if link.state == "unauthorized":
            raise Refusal("device unauthorized.\nCheck for a confirmation dialog on your device.")
        if link.state != "device":
            raise Refusal(f"device {link.state}")
        return link

    def present(self, serial: str) -> ServerLink:
        link = self.links.get(serial)
        if link is None or link.state == "absent":
            raise Refusal(f"device '{serial}' not found")
        return link

    async def _open(
        self, link: ServerLink, request: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        daemon = self._daemons[link.device.serial]
        faults = link.device.faults
        link.streams.add(writer)
        try:
            if not daemon.knows(request):
                raise Refusal("closed")
            if faults.is_on("no_open", "mute", "freeze", "black_hole", "stall_read"):
                await self._await_end(link, reader)
            writer.write(b"OKAY")
            await writer.drain()
            await daemon.serve(request, SocketStream(reader, writer))
        finally:
            link.streams.discard(writer)

    async def _await_end(self, link: ServerLink, reader: asyncio.StreamReader) -> None:
        """Until the fault is over; ConnectionError when the caller gives up before."""
        silent = asyncio.ensure_future(
            link.device.faults.until_off("no_open", "mute", "freeze", "black_hole", "stall_read")
        )
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({silent, gone}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                raise ConnectionResetError("the caller gave up")
        finally:
            silent.cancel()
            gone.cancel()
            await asyncio.gather(silent, gone, return_exceptions=True)

    async def _answer(self, request: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if request.startswith("host:track-devices"):
            await self._track(request, reader, writer)
            return
        if request == "host:kill":
            raise Refusal("kill-server is refused: this is a simulated server")
        writer.write(b"OKAY" + block(await self._text(request)))

    async def _text(self, request: str) -> str:
        answers: dict[str, Callable[[], str]] = {
            "host:version": lambda: VERSION,
            "host:devices": lambda: self.listing(is_long=False),
            "host:devices-l": lambda: self.listing(is_long=True),
            "host:host-features": lambda: FEATURES,
            "host:reconnect-offline": lambda: "",
        }
        if request in answers:
            return answers[request]()
        if request.startswith("host-serial:"):
            serial, _, question = request.removeprefix("host-serial:").rpartition(":")
            return await self._about(serial, question)
        if request in ("host:features", "host:get-state", "host:get-serialno", "host:get-devpath"):
            return await self._about(self.only().device.serial, request.removeprefix("host:"))
        for prefix, action in (("host:connect:", self._connect), ("host:disconnect:", self._disconnect)):
            if request.startswith(prefix):
                return await action(request.removeprefix(prefix))
        raise Refusal(f"unknown host service '{request[:80]}'")

    async def _about(self, serial: str, question: str) -> str:
        link = self.present(serial)
        if question == "reconnect":
            link.cut(reset=False)
            return f"reconnecting {serial} [{link.state}]\n"
        answers = {"features": FEATURES, "get-state": link.state, "get-serialno": serial, "get-devpath": link.usb_path}
        if question not in answers:
            raise Refusal(f"unknown host service '{question[:80]}'")
        if question in ("features", "get-state"):
            self.usable(serial)
        return answers[question]

    async def _connect(self, serial: str) -> str:
        link = self.links.get(serial)
        if link is None or not link.is_open:
            return f"failed to connect to '{serial}': Connection refused"
        if not link.is_disconnected:
            return f"already connected to {serial}"
        link.is_disconnected = False
        self.notify()
        return f"connected to {serial}"

    async def _disconnect(self, serial: str) -> str:
        link = self.present(serial)
        link.is_disconnected = True
        link.cut(reset=False)
        self.notify()
        return f"disconnected {serial}"

    async def _track(self, request: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_long = request.endswith("-l")
        writer.write(b"OKAY")
        last = None
        gone = asyncio.ensure_future(reader.read(1))
        try:
            while not gone.done():
                text = self.listing(is_long=is_long)
                if text != last:
                    await self._unwedged.wait()
                    writer.write(block(text))
                    await writer.drain()
                    last = text
                await first_of(gone, self._wait_change())
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)

    async def _wait_change(self) -> None:
        async with self._changed:
            await self._changed.wait()


async def first_of(kept: asyncio.Future[bytes], other: Coroutine[object, object, None]) -> None:
    """Wait for either; the second is cancelled, the first is kept."""
    task = asyncio.create_task(other)
    try:
        both: list[asyncio.Future[Any]] = [kept, task]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def read_request(reader: asyncio.StreamReader) -> str:
    """One request: four hex digits of length, then the text."""
    size = int(await reader.readexactly(4), 16)
    return (await reader.readexactly(size)).decode("utf-8", "surrogateescape")
