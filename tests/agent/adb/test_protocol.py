"""The wire formats: real answers, broken answers, and any bytes at all."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.agent.adb import protocol
from rackhand.agent.adb.errors import (
    AdbError,
    DeviceGoneError,
    ProtocolError,
    RefusedError,
    StorageError,
    SyncError,
    UnauthorizedError,
)
from rackhand.agent.adb.protocol import DeviceEntry, FileStat

LISTING = """\
R58M123ABC             device usb:1-4.2 product:a51 model:SM_A515F device:a51 transport_id:3
127.0.0.1:16000        offline transport_id:4
0123456789ABCDEF       no permissions (user in plugdev group; are your udev rules wrong?); see [http://x] usb:1-1
emulator-5554\tunauthorized

lonely
"""


def test_a_device_list_is_read_line_by_line() -> None:
    usb, tcp, forbidden, emulator = protocol.decode_devices(LISTING)
    assert usb == DeviceEntry("R58M123ABC", "device", "1-4.2", "a51", "SM_A515F", "3")
    assert (tcp.serial, tcp.state, tcp.is_tcp) == ("127.0.0.1:16000", "offline", True)
    assert (forbidden.state, forbidden.usb_path, forbidden.is_tcp) == ("no permissions", "1-1", False)
    assert (emulator.serial, emulator.state) == ("emulator-5554", "unauthorized")


@pytest.mark.parametrize(
    ("text", "phase", "kind"),
    [
        ("device 'x' not found", "transport", DeviceGoneError),
        ("device offline", "transport", DeviceGoneError),
        ("device unauthorized.\nThis adb server's key ...", "transport", UnauthorizedError),
        ("closed", "open", DeviceGoneError),
        ("closed", "stream", RefusedError),
        ("unknown host service", "open", RefusedError),
        ("", "open", RefusedError),
    ],
)
def test_a_refusal_gets_its_type(text: str, phase: str, kind: type[AdbError]) -> None:
    error = protocol.refusal(text, serial="R5", service="shell:", phase=phase)
    assert type(error) is kind
    assert (error.serial, error.service, error.phase) == ("R5", "shell:", phase)


def test_a_full_device_is_told_from_other_file_errors() -> None:
    full = protocol.sync_refusal("couldn't write: No space left on device", serial="R5", path="/sdcard/x")
    denied = protocol.sync_refusal("open failed: Permission denied", serial="R5", path="/system/x")
    assert type(full) is StorageError
    assert type(denied) is SyncError
    assert "/sdcard/x" in str(full)


@pytest.mark.parametrize("digits", [b"", b"12", b"-001", b"+001", b" 001", b"1_00", b"0x10", b"zzzz", b"12345"])
def test_a_length_is_four_hex_digits_and_nothing_else(digits: bytes) -> None:
    with pytest.raises(ProtocolError, match="hex length"):
        protocol.decode_length(digits)


@pytest.mark.parametrize("service", ["shell:a\0rm -rf /", "x" * 70_000])
def test_a_request_that_adb_would_cut_is_refused(service: str) -> None:
    with pytest.raises(RefusedError, match="nothing was sent"):
        protocol.encode_service(service)


def test_the_release_is_found_in_a_server_status() -> None:
    status = b"\x08\x02\x18\x02*\x0636.0.02\x0813206524:C/opt/adb"
    assert protocol.decode_server_version(status) == "36.0.0"
    assert protocol.decode_server_version(b"\x08\x02") == ""
    assert protocol.decode_server_version(b"\x0d\x00\x00\x00\x00") == ""


def test_a_missing_path_has_no_facts() -> None:
    assert protocol.decode_stat(b"STAT" + bytes(12)) is None
    found = protocol.decode_stat(protocol.SYNC_STAT.pack(b"STAT", 0o100644, 7, 9))
    assert found == FileStat(0o100644, 7, 9)


@given(st.binary(max_size=300))
def test_no_bytes_break_a_decoder(data: bytes) -> None:
    def attempts() -> list[object]:
        return [
            lambda: protocol.decode_length(data[:4]),
            lambda: protocol.decode_server_version(data),
            lambda: protocol.decode_shell_header(data.ljust(5, b"x")[:5]),
            lambda: protocol.decode_sync_header(data.ljust(8, b"x")[:8]),
            lambda: protocol.decode_stat(data.ljust(16, b"x")[:16]),
            lambda: protocol.decode_devices(protocol.decode_text(data)),
        ]

    for attempt in attempts():
        assert callable(attempt)
        with suppress(ProtocolError):
            attempt()


@given(st.binary())
def test_text_of_a_peer_never_holds_nul(data: bytes) -> None:
    text = protocol.decode_text(data)
    assert "\0" not in text
    text.encode("utf-8")
