"""Front B: the simulated adb server answers as the real one, to our own words and to the real adb client."""

import asyncio
import os
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import adbutils
import pytest

from rackhand.sim.adb_server import block
from rackhand.sim.fleet import Fleet

Ask = Callable[..., Coroutine[Any, Any, bytes]]
ADB = Path(adbutils.__file__).parent / "binaries" / ("adb.exe" if os.name == "nt" else "adb")


def packets(data: bytes) -> list[tuple[int, bytes]]:
    """Shell v2 packets."""
    found = []
    while data:
        channel, size = struct.unpack_from("<BI", data)
        found.append((channel, data[5 : 5 + size]))
        data = data[5 + size :]
    return found


def test_version_and_listing(ask: Ask) -> None:
    async def story() -> None:
        async with Fleet(2) as fleet:
            assert await ask(fleet.server_port, "host:version") == b"00040029"
            assert await ask(fleet.server_port, "host:devices") == block("SIM00001\tdevice\nSIM00002\tdevice\n")
            listing = (await ask(fleet.server_port, "host:devices-l")).decode()
            assert "SIM00002               device usb:1-1.2 product:sim model:Sim_Gamma device:sim" in listing

    asyncio.run(story())


@pytest.mark.parametrize("transport", ["host:transport:SIM00001", "host:tport:serial:SIM00001", "host:transport-id:1"])
def test_a_shell_with_exit_code(ask: Ask, transport: str) -> None:
    async def story() -> None:
        async with Fleet(2) as fleet:
            answer = await ask(fleet.server_port, transport, "shell,v2,raw:echo hi; echo bad >&2; exit 5")
            assert packets(answer) == [(1, b"hi\n"), (2, b"bad\n"), (3, b"\x05")]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("request_text", "reason"),
    [
        ("host:transport:NOBODY", "device 'NOBODY' not found"),
        ("host:transport-any", "more than one device/emulator"),
        ("host:frobnicate", "unknown host service"),
        ("host-serial:NOBODY:features", "not found"),
        ("host:kill", "refused"),
        ("shell:id", "unknown host service"),
    ],
)
def test_refusals(ask: Ask, request_text: str, reason: str) -> None:
    async def story() -> None:
        async with Fleet(2) as fleet:
            answer = (await ask(fleet.server_port, request_text)).decode()
            assert answer.startswith("FAIL")
            assert reason in answer

    asyncio.run(story())


@pytest.mark.parametrize(
    ("fault", "state"),
    [("refuse", "offline"), ("no_cnxn", "offline"), ("unauthorized", "unauthorized"), ("mute", "device")],
)
def test_states_in_the_listing(ask: Ask, fault: str, state: str) -> None:
    async def story() -> None:
        async with Fleet(1) as fleet:
            fleet.fault(1, fault)
            assert f"SIM00001\t{state}" in (await ask(fleet.server_port, "host:devices")).decode()
            fleet.clear(1)
            assert "SIM00001\tdevice" in (await ask(fleet.server_port, "host:devices")).decode()

    asyncio.run(story())


async def read_block(reader: asyncio.StreamReader) -> str:
    async with asyncio.timeout(10):
        return (await reader.readexactly(int(await reader.readexactly(4), 16))).decode()


def test_a_tracker_is_told_of_every_change(ask: Ask) -> None:
    async def story() -> None:
        async with Fleet(1) as fleet:
            reader, writer = await asyncio.open_connection("127.0.0.1", fleet.server_port)
            writer.write(b"0012host:track-devices")
            assert await reader.readexactly(4) == b"OKAY"
            assert await read_block(reader) == "SIM00001\tdevice\n"
            fleet.fault(1, "refuse")
            assert await read_block(reader) == "SIM00001\toffline\n"
            fleet.clear(1, "refuse")
            assert await read_block(reader) == "SIM00001\tdevice\n"
            fleet.fault(1, "vanish", ms=20)
            assert await read_block(reader) == ""
            assert await read_block(reader) == "SIM00001\tdevice\n"
            writer.close()
            await writer.wait_closed()

    asyncio.run(story())


def test_a_cut_ends_the_call_in_flight(ask: Ask) -> None:
    async def story() -> None:
        async with Fleet(1) as fleet:
            call = asyncio.create_task(ask(fleet.server_port, "host:transport:SIM00001", "shell:echo a; sleep 900"))
            await fleet.device(1).processes.appearance("sleep")
            fleet.fault(1, "rst")
            result = (await asyncio.gather(call, return_exceptions=True))[0]
            assert result == b"a\n" or isinstance(result, ConnectionError)
            await fleet.device(1).journal.wait_for("aborted")

    asyncio.run(story())


@pytest.mark.parametrize("fault", ["mute", "freeze", "black_hole", "stall_read", "no_open", "no_output"])
def test_a_silent_device_hangs_alone_and_goes_on_when_it_wakes(ask: Ask, fault: str) -> None:
    async def story() -> None:
        async with Fleet(2) as fleet:
            fleet.fault(1, fault)
            impatient = asyncio.create_task(ask(fleet.server_port, "host:transport:SIM00001", "shell:echo hi"))
            patient = asyncio.create_task(ask(fleet.server_port, "host:transport:SIM00001", "shell:echo hi"))
            assert await ask(fleet.server_port, "host:transport:SIM00002", "shell:echo fine") == b"fine\n"
            assert (await asyncio.wait({impatient, patient}, timeout=0.05))[0] == set()
            impatient.cancel()
            await asyncio.gather(impatient, return_exceptions=True)
            fleet.clear(1)
            assert await patient == b"hi\n"

    asyncio.run(story())


def test_an_interactive_shell_answers_line_by_line() -> None:
    async def story() -> None:
        async with Fleet(1) as fleet:
            reader, writer = await asyncio.open_connection("127.0.0.1", fleet.server_port)
            for request in (b"host:transport:SIM00001", b"shell:"):
                writer.write(b"%04x" % len(request) + request)
                assert await reader.readexactly(4) == b"OKAY"
            async with asyncio.timeout(10):
                writer.write(b"A=5\n")
                await reader.readuntil(b"$ ")
                writer.write(b"echo $A; exit 2\n")
                assert (await reader.read()).endswith(b"5\n")
            writer.close()
            await writer.wait_closed()

    asyncio.run(story())


def test_questions_about_one_device(ask: Ask) -> None:
    async def story() -> None:
        async with Fleet(1) as fleet:
            port = fleet.server_port
            assert await ask(port, "host:get-state") == block("device")
            assert await ask(port, "host-serial:SIM00001:get-serialno") == block("SIM00001")
            assert await ask(port, "host-serial:SIM00001:get-devpath") == block("usb:1-1.1")
            assert b"reconnecting" in await ask(port, "host-serial:SIM00001:reconnect")
            assert b"shell_v2" in await ask(port, "host:features")
            fleet.fault(1, "refuse")
            assert b"device offline" in await ask(port, "host:transport:SIM00001")
            fleet.fault(1, "vanish")
            assert b"no devices/emulators found" in await ask(port, "host:transport-any")

    asyncio.run(story())


def test_a_truncated_stream(ask: Ask) -> None:
    async def story() -> None:
        async with Fleet(1) as fleet:
            fleet.fault(1, "truncate_mid_stream", bytes=10)
            assert await ask(fleet.server_port, "host:transport:SIM00001", "exec:yes") == b"y\ny\ny\ny\ny\n"

    asyncio.run(story())


def test_a_wedged_server_answers_nothing_and_a_crashed_one_is_gone(ask: Ask) -> None:
    async def story() -> None:
        async with Fleet(1) as fleet:
            server = fleet.servers[0]
            await server.set_fault("wedge", True)
            call = asyncio.create_task(ask(server.port, "host:version"))
            assert (await asyncio.wait({call}, timeout=0.1))[0] == set()
            await server.set_fault("wedge", False)
            assert await call == b"00040029"
            await server.set_fault("crash", True)
            with pytest.raises(OSError, match="Connect"):
                await ask(server.port, "host:version")
            await server.set_fault("crash", False)
            assert await ask(server.port, "host:version") == b"00040029"
            with pytest.raises(ValueError, match="unknown server fault"):
                await server.set_fault("nonsense", True)

    asyncio.run(story())


def test_disconnect_and_connect(ask: Ask) -> None:
    async def story() -> None:
        async with Fleet(1) as fleet:
            port = fleet.server_port
            assert b"already connected" in await ask(port, "host:connect:SIM00001")
            assert b"disconnected" in await ask(port, "host:disconnect:SIM00001")
            assert await ask(port, "host:devices") == b"0000"
            assert b"connected to" in await ask(port, "host:connect:SIM00001")
            assert b"failed to connect" in await ask(port, "host:connect:10.0.0.9:5555")

    asyncio.run(story())


def test_a_long_list_wraps_its_length_as_the_real_server_does(ask: Ask) -> None:
    async def story() -> None:
        async with Fleet(700) as fleet:
            data = await ask(fleet.server_port, "host:devices-l")
            assert len(data) - 4 > 0xFFFF
            assert int(data[:4], 16) == (len(data) - 4) & 0xFFFF

    asyncio.run(story())


def test_the_real_client_works_with_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with Fleet(1) as fleet:
            env = {**os.environ, "HOME": str(tmp_path), "ANDROID_ADB_SERVER_PORT": str(fleet.server_port)}

            async def adb(*args: str) -> tuple[int, str]:
                pipe = asyncio.subprocess.PIPE
                process = await asyncio.create_subprocess_exec(ADB, *args, env=env, stdout=pipe, stderr=pipe)
                async with asyncio.timeout(20):
                    out, err = await process.communicate()
                return process.returncode or 0, (out + err).decode("latin-1")

            (tmp_path / "a").write_bytes(os.urandom(300_000))
            assert "SIM00001\tdevice" in (await adb("devices"))[1]
            assert await adb("shell", "echo hi; exit 3") == (3, "hi\n")
            assert (await adb("push", str(tmp_path / "a"), "/sdcard/a"))[0] == 0
            assert (await adb("pull", "/sdcard/a", str(tmp_path / "b")))[0] == 0
            assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    asyncio.run(story())
