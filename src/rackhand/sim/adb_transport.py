"""Front A: the device side of adb's transport over TCP, for a real adb server (`adb connect 127.0.0.1:PORT`).

Belongs here: connections, hello, keys, streams with credit. Must not: what a service does (`daemon.py`).
"""

import asyncio
import contextlib

from rackhand.sim import hangup
from rackhand.sim.auth import TOKEN_BYTES, Key, is_signed_by, parse_public_key
from rackhand.sim.daemon import FEATURES, Daemon
from rackhand.sim.device import SimDevice
from rackhand.sim.packets import (
    AUTH,
    AUTH_PUBLIC_KEY,
    AUTH_SIGNATURE,
    AUTH_TOKEN,
    CLSE,
    CNXN,
    MAX_PAYLOAD,
    OKAY,
    OPEN,
    VERSION_NO_CHECKSUM,
    WRTE,
    Packet,
    read_packet,
)

HOST = "127.0.0.1"
STOPPED = ("freeze", "black_hole")


class TransportStream:
    """One stream; a write waits for the peer's OKAY of the one before, a read is acknowledged when consumed."""

    def __init__(self, connection: "Connection", local: int, remote: int) -> None:
        self._connection = connection
        self.local, self.remote = local, remote
        self._received: asyncio.Queue[bytes] = asyncio.Queue()
        self._credit = asyncio.Event()
        self._credit.set()
        self.is_closed = False

    def receive(self, data: bytes) -> None:
        self._received.put_nowait(data)

    def grant(self) -> None:
        self._credit.set()

    def end(self) -> None:
        """The peer or the connection is gone."""
        self.is_closed = True
        self._received.put_nowait(b"")
        self._credit.set()

    async def read(self) -> bytes:
        if self.is_closed and self._received.empty():
            return b""
        data = await self._received.get()
        if data and not self.is_closed:
            await self._connection.send(Packet(OKAY, self.local, self.remote))
        return data

    async def write(self, data: bytes) -> None:
        limit = self._connection.max_payload
        for start in range(0, len(data), limit):
            await self._credit.wait()
            if self.is_closed:
                raise BrokenPipeError("the caller closed this stream")
            self._credit.clear()
            await self._connection.send(Packet(WRTE, self.local, self.remote, data[start : start + limit]))

    async def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._connection.forget(self)
            with contextlib.suppress(ConnectionError):
                await self._connection.send(Packet(CLSE, self.local, self.remote))


class Connection:
    """One adb server's connection to one device."""

    def __init__(
        self,
        daemon: Daemon,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        tasks: set[asyncio.Task[None]],
    ) -> None:
        self._daemon = daemon
        self._device: SimDevice = daemon.device
        self._reader, self._writer = reader, writer
        self.max_payload = 4096
        self._has_checksum = True
        self._peer_version = 0
        self._streams: dict[int, TransportStream] = {}
        self._next_stream = 1
        self._tasks = tasks
        self._token = b""
        self._is_trusted = False
        self.pending_key: Key | None = None

    async def run(self) -> None:
        """Serve until the connection ends."""
        self._device.journal.add("connected")
        try:
            await self._device.faults.until_off("no_cnxn", "black_hole")
            while True:
                packet = await read_packet(self._reader)
                await self._device.faults.until_off(*STOPPED, "stall_read")
                await self._handle(packet)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._end()

    def _end(self) -> None:
        self._device.journal.add("disconnected")
        for stream in list(self._streams.values()):
            stream.end()
        self._streams.clear()
        self._writer.close()

    async def send(self, packet: Packet) -> None:
        faults = self._device.faults
        await faults.until_off(*STOPPED)
        if faults.is_on("mute"):
            return
        if self._writer.is_closing():
            raise ConnectionResetError("the connection is gone")
        self._writer.write(packet.packed(has_checksum=self._has_checksum))
        await self._writer.drain()

    async def _handle(self, packet: Packet) -> None:
        if packet.command == CNXN:
            self.max_payload = min(MAX_PAYLOAD, packet.second)
            self._peer_version = packet.first
            await (self._challenge() if self._device.needs_key else self.greet())
        elif packet.command == AUTH:
            await self._authenticate(packet)
        elif self._is_trusted and packet.command == OPEN:
            await self._open(packet)
        elif self._is_trusted and packet.command in (OKAY, WRTE, CLSE):
            await self._pass_on(packet)

    # -- hello and keys

    async def greet(self) -> None:
        """Say who this is; from now on streams may be opened."""
        props = self._device.props
        names = ("ro.product.name", "ro.product.model", "ro.product.device")
        banner = "device::" + "".join(f"{name}={props[name]};" for name in names) + f"features={FEATURES}"
        self._is_trusted = True
        await self.send(Packet(CNXN, VERSION_NO_CHECKSUM, MAX_PAYLOAD, banner.encode()))
        self._has_checksum = self._peer_version < VERSION_NO_CHECKSUM

    async def _challenge(self) -> None:
        self._token = self._device.chance.randbytes(TOKEN_BYTES)
        await self.send(Packet(AUTH, AUTH_TOKEN, 0, self._token))

    async def _authenticate(self, packet: Packet) -> None:
        device = self._device
        if packet.first == AUTH_SIGNATURE:
            if any(is_signed_by(key, self._token, packet.data) for key in device.authorized_keys):
                device.journal.add("key", outcome="accepted")
                await self.greet()
            else:
                device.journal.add("key", outcome="unknown signature")
                await self._challenge()
        elif packet.first == AUTH_PUBLIC_KEY:
            self.pending_key = parse_public_key(packet.data)
            device.journal.add("key", outcome="offered" if self.pending_key else "unreadable")

    # -- streams

    async def _open(self, packet: Packet) -> None:
        faults = self._device.faults
        if faults.is_on("no_open"):
            return
        service = packet.data.rstrip(b"\0").decode("utf-8", "surrogateescape")
        if not self._daemon.knows(service):
            await self.send(Packet(CLSE, 0, packet.first))
            return
        stream = TransportStream(self, self._next_stream, packet.first)
        self._next_stream += 1
        self._streams[stream.local] = stream
        await self.send(Packet(OKAY, stream.local, stream.remote))
        task = asyncio.create_task(self._daemon.serve(service, stream))
        self._tasks.add(task)
        task.add_done_callback(self._reap)

    def _reap(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._device.journal.add("crash", error=repr(error))

    async def _pass_on(self, packet: Packet) -> None:
        stream = self._streams.get(packet.second)
        if stream is None:
            if packet.command == WRTE:
                await self.send(Packet(CLSE, 0, packet.first))
        elif packet.command == OKAY:
            stream.grant()
        elif packet.command == WRTE:
            stream.receive(packet.data)
        else:
            self._streams.pop(packet.second)
            stream.end()

    def forget(self, stream: TransportStream) -> None:
        self._streams.pop(stream.local, None)

    def cut(self, *, reset: bool) -> None:
        """End the connection, with a TCP reset or in order."""
        if reset:
            hangup.reset(self._writer)
        else:
            self._writer.close()


class TransportLink:
    """The listening endpoint of one device; keeps its port when it comes back."""

    def __init__(self, device: SimDevice, port: int = 0) -> None:
        self.device = device
        self.port = port
        self._daemon = Daemon(device)
        self._server: asyncio.Server | None = None
        self._connections: dict[Connection, asyncio.Task[None] | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def endpoint(self) -> str:
        return f"{HOST}:{self.port}"

    async def open(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, HOST, self.port, limit=1 << 20)
            self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut(reset=False)
        tasks = [task for task in self._connections.values() if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Shut, and end the services that still run."""
        await self.shut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self._daemon, reader, writer, self._tasks)
        self._connections[connection] = asyncio.current_task()
        try:
            await connection.run()
        except asyncio.CancelledError:
            return
        finally:
            del self._connections[connection]

    def cut(self, *, reset: bool) -> None:
        for connection in list(self._connections):
            connection.cut(reset=reset)

    def key_accepted(self) -> None:
        """Trust the keys that wait; without any, stop asking for keys."""
        waiting = [c for c in self._connections if c.pending_key is not None]
        self.device.needs_key = bool(waiting)
        for connection in waiting:
            if connection.pending_key is not None:
                self.device.authorized_keys.add(connection.pending_key)
                connection.pending_key = None
                task = asyncio.get_running_loop().create_task(connection.greet())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def refresh(self) -> None:
        """Nothing to show: the adb server finds out by itself."""
