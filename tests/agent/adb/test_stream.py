"""What the client makes of servers and devices that break the protocol, fall silent, or go away."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.device import AdbDevice
from rackhand.agent.adb.errors import AdbError, AdbTimeoutError, DeviceGoneError, ProtocolError, ServerDownError

Peer = Callable[[Any], AbstractAsyncContextManager[Adb]]
SHELL_PID = b"\x01\x05\x00\x00\x002001\n"


def answering(*answers: bytes, is_closing: bool = True) -> Any:
    """A peer that reads one request per answer; then it closes, or stays silent."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readexactly(int(await reader.readexactly(4), 16))
            writer.write(answer)
            await writer.drain()
        if not is_closing:
            await reader.read()
            await reader.read()

    return handler


def device_saying(data: bytes, *, is_closing: bool = True) -> Any:
    return answering(b"OKAY" + bytes(8), b"OKAY" + data, is_closing=is_closing)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 400 Bad Request", ProtocolError),
        (b"OKAYzzzz", ProtocolError),
        (b"OKAY0004zzzz", ProtocolError),
        (b"OKAYffff", ServerDownError),
        (b"OK", ServerDownError),
        (b"", ServerDownError),
        (b"FAIL0004", ServerDownError),
    ],
)
def test_a_server_that_answers_nonsense_is_an_error_with_its_place(
    peer: Peer, answer: bytes, kind: type[AdbError]
) -> None:
    async def story() -> None:
        async with peer(answering(answer)) as adb:
            with pytest.raises(kind) as caught:
                await adb.version()
            assert caught.value.service == "host:version"

    asyncio.run(story())


def test_a_silent_server_is_left_after_the_first_answer_deadline(peer: Peer) -> None:
    async def story() -> None:
        async with peer(answering(b"", is_closing=False)) as adb:
            with pytest.raises(AdbTimeoutError, match="no first answer within 200 ms") as caught:
                await adb.devices(timeout_ms=60_000)
            assert caught.value.phase == "open"

    asyncio.run(story())


def test_nobody_listening_is_a_server_that_is_down(port: int) -> None:
    with pytest.raises(ServerDownError, match="nothing was sent"):
        asyncio.run(Adb(port=port).version())


def test_a_full_budget_counts_against_the_deadline(peer: Peer) -> None:
    async def story() -> None:
        async with peer(answering(b"OKAY", is_closing=False)) as adb:
            narrow = Adb(port=adb.port, max_streams=1)
            async with narrow.open("host:track-devices-l", timeout_ms=None):
                with pytest.raises(AdbTimeoutError) as caught:
                    await narrow.server_features(timeout_ms=50)
                assert caught.value.phase == "queue"
                with pytest.raises(AdbTimeoutError) as caught:
                    await narrow.devices(timeout_ms=50)
                assert caught.value.phase == "stream"  # the list skips the queue: nobody may look absent for it

    asyncio.run(story())


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"\x09\x00\x00\x00\x00", ProtocolError),
        (b"\x01\xff\xff\xff\xff", ProtocolError),
        (b"\x03\x02\x00\x00\x00ab", ProtocolError),
        (b"\x01\x05\x00", DeviceGoneError),
        (b"\x01\x05\x00\x00\x00ab", DeviceGoneError),
        (b"", DeviceGoneError),
    ],
)
def test_a_device_that_breaks_shell_v2_is_an_error(peer: Peer, said: bytes, kind: type[AdbError]) -> None:
    async def story() -> None:
        async with peer(device_saying(said)) as adb:
            with pytest.raises(kind) as caught:
                await adb.device("R5").shell("true")
            assert caught.value.serial == "R5"

    asyncio.run(story())


def test_a_kill_that_is_not_answered_is_given_up_and_said(peer: Peer) -> None:
    async def story() -> None:
        async with peer(device_saying(SHELL_PID, is_closing=False)) as adb:
            with pytest.raises(AdbTimeoutError) as caught:
                await adb.device("R5").shell("sleep 900", timeout_ms=100)
            assert not caught.value.is_killed

    asyncio.run(story())


@pytest.mark.parametrize(
    "said",
    [b"DATA\xff\xff\xff\xff", b"WHAT\x00\x00\x00\x00", b"DATA\x05\x00\x00\x00ab", b"OKAY\x00\x00\x00\x00", b""],
)
def test_a_poisoned_pull_leaves_no_file(peer: Peer, tmp_path: Path, said: bytes) -> None:
    async def story() -> None:
        async with peer(device_saying(said)) as adb:
            with pytest.raises((ProtocolError, DeviceGoneError)):
                await adb.device("R5").pull("/sdcard/x", tmp_path / "x")

    asyncio.run(story())
    assert list(tmp_path.iterdir()) == []


async def every_call(device: AdbDevice, folder: Path) -> None:
    """Each operation once; whatever the peer says, it ends with a value or a typed error."""
    source = folder / "source"
    calls = (
        lambda: device.shell("true", timeout_ms=400),
        lambda: device.exec_out("true", timeout_ms=400),
        lambda: device.screencap(timeout_ms=400),
        lambda: device.pull("/x", folder / "x", timeout_ms=400),
        lambda: device.push(source, "/x", timeout_ms=400),
        lambda: device.stat("/x", timeout_ms=400),
        lambda: device.install(source, timeout_ms=400),
        lambda: device.reboot(timeout_ms=400),
        lambda: device.features(timeout_ms=400),
    )
    for call in calls:
        with suppress(AdbError):
            await call()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.binary(max_size=64) | st.sampled_from([SHELL_PID, b"DONE", b"FAIL\x01\x00\x00\x00", b"STAT" + bytes(9)]))
def test_no_answer_of_a_device_breaks_or_hangs_a_call(peer: Peer, tmp_path: Path, said: bytes) -> None:
    async def story() -> None:
        (tmp_path / "source").write_bytes(b"PK content")
        async with asyncio.timeout(20), peer(device_saying(said)) as adb:
            await every_call(adb.device("R5"), tmp_path)

    asyncio.run(story())
