"""The file service of a device (`sync:`): push, pull, stat, with the device's own error text.

A push may be refused in the middle (device full); a pull writes to a `.part` file that is renamed when whole,
so that no failure leaves a file behind.
"""

import asyncio
import os
import stat as mode_bits
from pathlib import Path

from rackhand.agent.adb.errors import OutputTooLargeError, ProtocolError
from rackhand.agent.adb.feed import send_file, send_until_answered
from rackhand.agent.adb.protocol import (
    FAIL,
    OKAY,
    SYNC_CHUNK,
    SYNC_HEADER,
    SYNC_STAT,
    FileStat,
    decode_stat,
    decode_sync_header,
    decode_text,
    encode_sync,
    sync_refusal,
)
from rackhand.agent.adb.stream import Stream


async def push(stream: Stream, serial: str, local: Path, remote: str, mode: int) -> int:
    """Send `local` as `remote`; the number of bytes."""
    facts = local.stat()
    stream.write(encode_sync(b"SEND", f"{remote},{mode_bits.S_IFREG | mode}".encode("utf-8", "replace")))
    sending = send_file(
        stream, local, SYNC_CHUNK, lambda data: encode_sync(b"DATA", data), encode_sync(b"DONE", int(facts.st_mtime))
    )
    await send_until_answered(sending, _verdict(stream, serial, remote))
    return facts.st_size


async def _verdict(stream: Stream, serial: str, remote: str) -> None:
    word, size = decode_sync_header(await stream.read_exactly(SYNC_HEADER.size))
    if word == FAIL:
        raise sync_refusal(decode_text(await stream.read_exactly(size)), serial=serial, path=remote)
    if word != OKAY:
        raise ProtocolError(f"unexpected answer {word!r} to a push", **stream.place())


async def pull(stream: Stream, serial: str, remote: str, local: Path, max_bytes: int | None) -> int:
    """Fetch `remote` into `local`; the number of bytes."""
    stream.write(encode_sync(b"RECV", remote.encode("utf-8", "replace")))
    part = local.with_name(local.name + ".part")
    try:
        received = await _receive(stream, serial, remote, part, max_bytes)
        part.replace(local)
    finally:
        part.unlink(missing_ok=True)
    return received


async def _receive(stream: Stream, serial: str, remote: str, part: Path, max_bytes: int | None) -> int:
    received = 0
    with part.open("wb") as file:
        while True:
            word, size = decode_sync_header(await stream.read_exactly(SYNC_HEADER.size))
            if word == b"DONE":
                break
            if word == FAIL:
                raise sync_refusal(decode_text(await stream.read_exactly(size)), serial=serial, path=remote)
            received += size
            if word != b"DATA" or (max_bytes is not None and received > max_bytes):
                raise _unwelcome(stream, word, remote, max_bytes)
            await asyncio.to_thread(file.write, await stream.read_exactly(size))
        file.flush()
        os.fsync(file.fileno())
    return received


def _unwelcome(stream: Stream, word: bytes, remote: str, max_bytes: int | None) -> Exception:
    if word != b"DATA":
        return ProtocolError(f"unexpected answer {word!r} to a pull", **stream.place())
    return OutputTooLargeError(f"{remote} is larger than {max_bytes} bytes; nothing was kept", **stream.place())


async def stat(stream: Stream, remote: str) -> FileStat | None:
    """Facts of a path. Sizes are those of the old STAT word: they wrap at 4 GiB."""
    stream.write(encode_sync(b"STAT", remote.encode("utf-8", "replace")))
    return decode_stat(await stream.read_exactly(SYNC_STAT.size))
