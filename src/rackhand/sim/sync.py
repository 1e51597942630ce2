"""The sync protocol: stat, list, push and pull, with the error texts of a real device.

Belongs here: framing of sync: requests and answers. Must not: anything but the device's files and journal.
"""

import stat
import struct
from typing import Protocol

from rackhand.sim.call import decode, encode
from rackhand.sim.device import SimDevice
from rackhand.sim.filesystem import FileError, Node
from rackhand.sim.streams import CHUNK, Reader

_ENOENT = 2
MAX_PATH = 1024


class ByteStream(Protocol):
    async def read(self) -> bytes: ...

    async def write(self, data: bytes) -> None: ...


async def serve_sync(device: SimDevice, stream: ByteStream) -> None:
    """Answer requests until QUIT or the end of the stream."""
    session = SyncSession(device, stream)
    while await session.answer():
        pass


def packed_stat(node: Node | None) -> bytes:
    """Version 1: mode, size, mtime; zeros if there is nothing."""
    if node is None:
        return bytes(12)
    return struct.pack("<III", node.mode, len(node.data) & 0xFFFFFFFF, node.mtime & 0xFFFFFFFF)


def packed_stat2(kind: bytes, node: Node | None) -> bytes:
    """Version 2: error, dev, ino, mode, nlink, uid, gid, size, three times."""
    if node is None:
        return kind + struct.pack("<I", _ENOENT) + bytes(64)
    times = (node.mtime, node.mtime, node.mtime)
    return kind + struct.pack("<IQQIIIIQqqq", 0, 1, 1, node.mode, 1, 2000, 2000, len(node.data), *times)


class SyncSession:
    """One sync: stream."""

    def __init__(self, device: SimDevice, stream: ByteStream) -> None:
        self._device = device
        self._stream = stream
        self._reader = Reader(stream)

    async def answer(self) -> bool:
        """One request; False when the session is over."""
        kind, size = struct.unpack("<4sI", await self._reader.exactly(8))
        if kind == b"QUIT":
            return False
        if size > MAX_PATH:
            await self._fail("path too long")
            return False
        path = decode(await self._reader.exactly(size))
        actions = {
            b"STAT": self._stat, b"LSTA": self._stat, b"STA2": self._stat2, b"LST2": self._stat2,
            b"LIST": self._list, b"LIS2": self._list, b"SEND": self._send, b"SND2": self._send,
            b"RECV": self._receive, b"RCV2": self._receive,
        }  # fmt: skip
        action = actions.get(kind)
        if action is None:
            await self._fail(f"unknown command {kind!r}")
            return False
        return await action(kind, path)

    async def _fail(self, text: str) -> bool:
        data = encode(text)
        await self._stream.write(b"FAIL" + struct.pack("<I", len(data)) + data)
        return True

    async def _stat(self, kind: bytes, path: str) -> bool:
        await self._stream.write(b"STAT" + packed_stat(self._device.files.get(path)))
        return True

    async def _stat2(self, kind: bytes, path: str) -> bool:
        await self._stream.write(packed_stat2(kind, self._device.files.get(path)))
        return True

    async def _list(self, kind: bytes, path: str) -> bool:
        is_second = kind == b"LIS2"
        answer = bytearray()
        folder = self._device.files.get(path)
        for name, node in self._device.files.children(path) if folder and folder.is_folder else ():
            answer += packed_stat2(b"DNT2", node) if is_second else b"DENT" + packed_stat(node)
            answer += struct.pack("<I", len(encode(name))) + encode(name)
        await self._stream.write(bytes(answer) + b"DONE" + bytes(72 if is_second else 16))
        return True

    async def _send(self, kind: bytes, path: str) -> bool:
        if kind == b"SND2":
            _, mode, flags = struct.unpack("<4sII", await self._reader.exactly(12))
            if flags & 0x7F:
                await self._fail("compression is not simulated")
                return False
        else:
            path, _, text = path.rpartition(",")
            mode = int(text) if text.isdigit() else 0o644
        data, mtime = await self._receive_data()
        try:
            self._device.files.write(path, data, mode=mode, mtime=mtime, parents=True)
        except FileError as error:
            verb = "write" if "space" in str(error) else "create"
            return await self._fail(f"couldn't {verb} file: {error}")
        self._device.journal.add("pushed", path=path, size=len(data))
        await self._stream.write(b"OKAY" + bytes(4))
        return True

    async def _receive_data(self) -> tuple[bytes, int]:
        data = bytearray()
        while True:
            kind, size = struct.unpack("<4sI", await self._reader.exactly(8))
            if kind == b"DONE":
                return bytes(data), size
            if kind != b"DATA" or size > CHUNK:
                raise ConnectionAbortedError(f"bad data message {kind!r} of {size} bytes")
            data += await self._reader.exactly(size)

    async def _receive(self, kind: bytes, path: str) -> bool:
        if kind == b"RCV2":
            await self._reader.exactly(8)
        node = self._device.files.get(path)
        if node is None:
            return await self._fail("open failed: No such file or directory")
        if stat.S_ISDIR(node.mode):
            return await self._fail("read failed: Is a directory")
        for start in range(0, len(node.data), CHUNK):
            part = node.data[start : start + CHUNK]
            await self._stream.write(b"DATA" + struct.pack("<I", len(part)) + part)
        self._device.journal.add("pulled", path=path, size=len(node.data))
        await self._stream.write(b"DONE" + bytes(4))
        return True
