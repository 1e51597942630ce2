"""Packets of adb's device transport: header, checksum, commands.

Belongs here: bytes to packets and back. Must not: state. Source: AOSP `packages/modules/adb/protocol.txt`.
"""

import asyncio
import struct
from dataclasses import dataclass


def word(name: bytes) -> int:
    return int(struct.unpack("<I", name)[0])


CNXN, AUTH, OPEN, OKAY, CLSE, WRTE = map(word, (b"CNXN", b"AUTH", b"OPEN", b"OKAY", b"CLSE", b"WRTE"))
AUTH_TOKEN, AUTH_SIGNATURE, AUTH_PUBLIC_KEY = 1, 2, 3
VERSION_NO_CHECKSUM = 0x01000001
MAX_PAYLOAD = 256 * 1024
_HEADER = struct.Struct("<6I")


class BadPacket(ConnectionError):
    """The peer does not speak adb."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One message with its two arguments."""

    command: int
    first: int
    second: int
    data: bytes = b""

    def packed(self, *, has_checksum: bool) -> bytes:
        check = sum(self.data) & 0xFFFFFFFF if has_checksum else 0
        magic = self.command ^ 0xFFFFFFFF
        return _HEADER.pack(self.command, self.first, self.second, len(self.data), check, magic) + self.data


async def read_packet(reader: asyncio.StreamReader) -> Packet:
    """The next packet; BadPacket for nonsense, IncompleteReadError at the end."""
    command, first, second, size, _check, magic = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    if magic != command ^ 0xFFFFFFFF or size > MAX_PAYLOAD * 4:
        raise BadPacket("no adb packet")
    return Packet(command, first, second, await reader.readexactly(size) if size else b"")
