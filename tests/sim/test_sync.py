"""The sync protocol, byte by byte: what adb sends, and what nobody should send."""

import asyncio
import struct

import pytest

from rackhand.sim.device import SimDevice
from rackhand.sim.streams import Bytes
from rackhand.sim.sync import serve_sync


def ask(kind: bytes, path: str) -> bytes:
    return kind + struct.pack("<I", len(path)) + path.encode()


class Pair:
    """Fixed bytes in, collected bytes out."""

    def __init__(self, data: bytes) -> None:
        self._input = Bytes(data)
        self.output = bytearray()

    async def read(self) -> bytes:
        return await self._input.read()

    async def write(self, data: bytes) -> None:
        self.output += data


def talk(device: SimDevice, data: bytes) -> bytes:
    stream = Pair(data)
    asyncio.run(serve_sync(device, stream))
    return bytes(stream.output)


QUIT = b"QUIT" + bytes(4)


def test_stat_and_list() -> None:
    device = SimDevice(1, now=lambda: 9000)
    device.files.write("/sdcard/f", b"abc", mode=0o640, mtime=7)
    assert talk(device, ask(b"STAT", "/sdcard/f") + QUIT) == b"STAT" + struct.pack("<III", 0o100640, 3, 7)
    assert talk(device, ask(b"STAT", "/none") + QUIT) == b"STAT" + bytes(12)
    second = talk(device, ask(b"STA2", "/sdcard/f") + QUIT)
    assert second[:4] == b"STA2"
    assert struct.unpack("<IQQIIIIQqqq", second[4:])[7:9] == (3, 7)
    assert struct.unpack_from("<I", talk(device, ask(b"LST2", "/none") + QUIT), 4)[0] == 2
    listing = talk(device, ask(b"LIST", "/sdcard") + QUIT)
    assert listing.startswith(b"DENT")
    assert b"\x01\x00\x00\x00f" in listing
    assert listing[-20:] == b"DONE" + bytes(16)
    assert talk(device, ask(b"LIS2", "/none") + QUIT) == b"DONE" + bytes(72)


def test_send_and_receive() -> None:
    device = SimDevice(1)
    body = b"DATA" + struct.pack("<I", 5) + b"hello" + b"DONE" + struct.pack("<I", 77)
    assert talk(device, ask(b"SEND", "/sdcard/x/y,33188") + body + QUIT) == b"OKAY" + bytes(4)
    assert device.files.need("/sdcard/x/y").mtime == 77
    answer = talk(device, ask(b"RECV", "/sdcard/x/y") + QUIT)
    assert answer == b"DATA" + struct.pack("<I", 5) + b"hello" + b"DONE" + bytes(4)
    assert [entry.facts["size"] for entry in device.journal.of("pushed") + device.journal.of("pulled")] == [5, 5]


@pytest.mark.parametrize(
    ("request_bytes", "reason"),
    [
        (ask(b"RECV", "/none"), b"No such file or directory"),
        (ask(b"RECV", "/sdcard"), b"Is a directory"),
        (ask(b"WHAT", "/x"), b"unknown command"),
        (b"STAT" + struct.pack("<I", 5000), b"path too long"),
        (ask(b"SND2", "/sdcard/x") + struct.pack("<4sII", b"SND2", 0o644, 1), b"compression is not simulated"),
        (ask(b"SEND", "/sdcard,33188") + b"DONE" + bytes(4), b"Is a directory"),
    ],
)
def test_a_refusal_has_the_text_of_the_device(request_bytes: bytes, reason: bytes) -> None:
    answer = talk(SimDevice(1), request_bytes + QUIT)
    assert answer.startswith(b"FAIL")
    assert reason in answer


def test_a_cut_transfer_leaves_no_file() -> None:
    device = SimDevice(1)
    with pytest.raises(EOFError, match="early"):
        talk(device, ask(b"SEND", "/sdcard/x,33188") + b"DATA" + struct.pack("<I", 100) + b"half")
    assert device.files.get("/sdcard/x") is None


def test_a_data_block_that_is_too_large_ends_the_session() -> None:
    with pytest.raises(ConnectionError, match="bad data message"):
        talk(SimDevice(1), ask(b"SEND", "/sdcard/x,33188") + b"DATA" + struct.pack("<I", 1 << 30))
