"""The adb wire formats as pure functions: bytes in, values out. No sockets, no deadlines.

Sources: AOSP `SERVICES.TXT`, `SYNC.TXT`, `shell_protocol.h`, `adb_host.proto` (server status).
Everything here must answer or raise ProtocolError for any bytes whatever.
"""

import struct
from dataclasses import dataclass

from rackhand.agent.adb.errors import (
    AdbError,
    DeviceGoneError,
    ProtocolError,
    RefusedError,
    StorageError,
    SyncError,
    UnauthorizedError,
    shorten,
)

OKAY, FAIL = b"OKAY", b"FAIL"
STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN = range(5)
SHELL_HEADER = struct.Struct("<BI")
SYNC_HEADER = struct.Struct("<4sI")
SYNC_STAT = struct.Struct("<4sIII")
SYNC_CHUNK = 64 * 1024
MAX_SYNC_CHUNK = 1024 * 1024
MAX_SHELL_PACKET = 16 * 1024 * 1024
MAX_SERVICE = 0xFFFF
_GONE = ("not found", "offline", "no devices", "no such device", "connecting")
_HEX = frozenset(b"0123456789abcdefABCDEF")


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """One line of `devices-l`. `state` is adb's word; `usb_path` is the port (`1-4.2`) or empty for TCP."""

    serial: str
    state: str
    usb_path: str = ""
    product: str = ""
    model: str = ""
    transport_id: str = ""

    @property
    def is_tcp(self) -> bool:
        return not self.usb_path and ":" in self.serial


@dataclass(frozen=True, slots=True)
class FileStat:
    """What the device says of a path: `mode` as in stat(2), `size` in bytes, `modified_s` in Unix seconds."""

    mode: int
    size: int
    modified_s: int


def encode_service(service: str) -> bytes:
    """A request: four hex digits of length, then the service."""
    body = service.encode("utf-8", "replace")
    if b"\0" in body:  # adbd would run what stands before it
        raise RefusedError("a request must not hold NUL; nothing was sent", service=service, phase="open")
    if len(body) > MAX_SERVICE:
        raise RefusedError(
            f"a request of {len(body)} bytes is longer than adb allows ({MAX_SERVICE}); nothing was sent. "
            "Push a script file and start that instead",
            service=service,
            phase="open",
        )
    return b"%04x" % len(body) + body


def decode_length(digits: bytes) -> int:
    """Four hex digits; signs, spaces and underscores (which int() would take) are refused."""
    if len(digits) != 4 or not _HEX.issuperset(digits):
        raise ProtocolError(f"expected a 4-digit hex length, got {digits[:8]!r}", phase="parse")
    return int(digits, 16)


def decode_text(block: bytes) -> str:
    """Text of a peer: invalid UTF-8 and NUL become U+FFFD."""
    return block.decode("utf-8", "replace").replace("\0", "\ufffd")


def refusal(message: str, *, serial: str | None, service: str, phase: str) -> AdbError:
    """The typed error for a FAIL text of the server."""
    lowered = message.lower()
    kind: type[AdbError] = RefusedError
    if "unauthorized" in lowered or "authorizing" in lowered:
        kind = UnauthorizedError
    elif any(word in lowered for word in _GONE) or (phase == "open" and lowered == "closed"):
        kind = DeviceGoneError
    return kind(message or "refused without a reason", serial=serial, service=service, phase=phase)


def sync_refusal(message: str, *, serial: str, path: str) -> SyncError:
    """The typed error for a FAIL text of the device's file service."""
    is_full = "no space left" in message.lower() or "enospc" in message.lower()
    kind = StorageError if is_full else SyncError
    return kind(
        f"{shorten(message, 300) or 'refused without a reason'}: {path}", serial=serial, service="sync:", phase="stream"
    )


def decode_devices(text: str) -> tuple[DeviceEntry, ...]:
    """The answer of `host:devices-l`; lines that make no sense are left out."""
    entries = (decode_device(line) for line in text.splitlines())
    return tuple(entry for entry in entries if entry is not None)


def decode_device(line: str) -> DeviceEntry | None:
    """One line: serial, state (may hold spaces, as in `no permissions (...)`), then tag:value words."""
    serial, _, rest = line.strip().partition("\t" if "\t" in line else " ")
    words = rest.split()
    if not serial or not words:
        return None
    state = "no permissions" if words[:2] == ["no", "permissions"] else words[0]
    tags: dict[str, str] = {}
    for word in words[1:]:
        tag, separator, value = word.partition(":")
        if separator:
            tags[tag] = value
    return DeviceEntry(
        serial=serial,
        state=state,
        usb_path=tags.get("usb", ""),
        product=tags.get("product", ""),
        model=tags.get("model", ""),
        transport_id=tags.get("transport_id", ""),
    )


def decode_server_version(status: bytes) -> str:
    """The release (`36.0.0`) out of `host:server-status`, a protobuf whose field 5 it is; empty if absent."""
    at = 0
    while at < len(status):
        key, at = _varint(status, at)
        kind = key & 7
        if kind == 0:
            _, at = _varint(status, at)
        elif kind == 2:
            size, at = _varint(status, at)
            value, at = status[at : at + size], at + size
            if key >> 3 == 5:
                return decode_text(value)
        else:
            return ""
    return ""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift <= 63:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at
    raise ProtocolError("server status ends in the middle of a number", service="host:server-status", phase="parse")


def encode_shell(channel: int, data: bytes = b"") -> bytes:
    """One shell v2 packet."""
    return SHELL_HEADER.pack(channel, len(data)) + data


def decode_shell_header(header: bytes) -> tuple[int, int]:
    """Channel and size of the packet that follows."""
    channel, size = SHELL_HEADER.unpack(header)
    if channel > 5 or size > MAX_SHELL_PACKET or (channel == EXIT and size != 1):
        raise ProtocolError(f"not a shell v2 packet: {header!r}", service="shell,v2", phase="parse")
    return channel, size


def encode_sync(word: bytes, argument: bytes | int) -> bytes:
    """One sync request: word, then a length with its bytes, or a bare number."""
    if isinstance(argument, int):
        return SYNC_HEADER.pack(word, argument & 0xFFFFFFFF)
    return SYNC_HEADER.pack(word, len(argument)) + argument


def decode_sync_header(header: bytes) -> tuple[bytes, int]:
    """Word and size of a sync answer; a size beyond what adbd ever sends is refused."""
    word, size = SYNC_HEADER.unpack(header)
    if word not in (b"DATA", b"DONE", OKAY, FAIL) or (word in (b"DATA", FAIL) and size > MAX_SYNC_CHUNK):
        raise ProtocolError(f"not a sync answer: {header!r}", service="sync:", phase="parse")
    return word, size


def decode_stat(answer: bytes) -> FileStat | None:
    """The answer of STAT; None when the path does not exist (adbd answers all zeros)."""
    word, mode, size, modified_s = SYNC_STAT.unpack(answer)
    if word != b"STAT":
        raise ProtocolError(f"not a STAT answer: {answer!r}", service="sync:", phase="parse")
    return FileStat(mode, size, modified_s) if mode else None
