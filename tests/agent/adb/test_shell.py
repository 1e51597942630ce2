"""Commands on simulated devices, through both fronts: what they say, and that they end when we say so."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from rackhand.agent.adb.errors import AdbTimeoutError, DeviceGoneError, RemoteError, ServerDownError

RackMaker = Callable[[int], AbstractAsyncContextManager[Any]]


async def until_idle(sim: Any) -> None:
    """The device's process table becomes empty."""
    async with asyncio.timeout(10):
        await asyncio.gather(*(process.wait() for process in list(sim.processes.live.values())))
    assert not sim.processes.live


def test_exit_code_and_both_outputs_are_told_apart(rack: RackMaker) -> None:
    async def story() -> None:
        async with rack(1) as r:
            result = await r.device(1).shell("echo out; nosuchtool; exit 7")
            assert (result.exit_code, result.text) == (7, "out\n")
            assert "nosuchtool" in result.error_text
            assert not result.is_truncated
            with pytest.raises(RemoteError, match="exit code 7"):
                await r.device(1).shell("exit 7", check=True)

    asyncio.run(story())


def test_input_reaches_the_command(rack: RackMaker) -> None:
    async def story() -> None:
        async with rack(1) as r:
            said = bytes(range(256)) * 400
            assert (await r.device(1).shell("cat", stdin=said)).stdout == said

    asyncio.run(story())


def test_bytes_that_are_no_text_arrive_and_read_as_replacements(rack: RackMaker) -> None:
    async def story() -> None:
        async with rack(1) as r:
            r.sim(1).files.write("/sdcard/raw", b"a\xff\x00b")
            result = await r.device(1).shell("cat /sdcard/raw")
            assert result.stdout == b"a\xff\x00b"
            assert result.text == "a\ufffd\ufffdb"

    asyncio.run(story())


def test_ten_megabytes_are_bounded_but_the_sink_sees_all(rack: RackMaker) -> None:
    async def story() -> None:
        async with rack(1) as r:
            sizes: list[int] = []
            result = await r.device(1).shell(
                "dd if=/dev/zero bs=1048576 count=10 2>/dev/null", on_output=lambda d: sizes.append(len(d))
            )
            assert result.exit_code == 0
            assert len(result.stdout) == 1024 * 1024
            assert result.is_truncated
            assert sum(sizes) == 10 * 1024 * 1024

    asyncio.run(story())


@pytest.mark.parametrize(
    "command",
    [
        "yes",
        "sleep 900",
        "sleep 901; echo",
        "sleep 902 & wait",
        "trap '' HUP; sleep 903; echo",
        "while true; do :; done",
    ],
)
def test_a_deadline_ends_the_whole_process_group_on_the_device(rack: RackMaker, command: str) -> None:
    async def story() -> None:
        async with rack(1) as r:
            with pytest.raises(AdbTimeoutError) as caught:
                await r.device(1).shell(command, timeout_ms=250)
            assert caught.value.is_killed
            assert caught.value.phase == "stream"
            assert len(caught.value.output) <= 2 * 1024 * 1024
            await until_idle(r.sim(1))
            assert r.sim(1).journal.of("killed")

    asyncio.run(story())


def test_output_before_the_deadline_is_kept(rack: RackMaker) -> None:
    async def story() -> None:
        async with rack(1) as r:
            with pytest.raises(AdbTimeoutError) as caught:
                await r.device(1).shell("echo started; sleep 900", timeout_ms=400)
            assert caught.value.output == b"started\n"

    asyncio.run(story())


def test_cancelling_ends_the_command_on_the_device_too(rack: RackMaker) -> None:
    async def story() -> None:
        async with rack(1) as r:
            started = asyncio.Event()
            call = asyncio.create_task(
                r.device(1).shell("echo go; sleep 900", timeout_ms=60_000, on_output=lambda _: started.set())
            )
            async with asyncio.timeout(10):
                await started.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await until_idle(r.sim(1))

    asyncio.run(story())


def test_cancelling_twice_still_ends_the_command(rack: RackMaker) -> None:
    async def story() -> None:
        async with rack(1) as r:
            started = asyncio.Event()
            call = asyncio.create_task(
                r.device(1).shell("echo go; sleep 900", timeout_ms=60_000, on_output=lambda _: started.set())
            )
            async with asyncio.timeout(10):
                await started.wait()
            call.cancel()
            await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await r.adb.close()
            await until_idle(r.sim(1))

    asyncio.run(story())


def test_a_sink_that_fails_ends_the_command(rack: RackMaker) -> None:
    def broken_sink(data: bytes) -> None:
        raise OSError(f"disk full before {len(data)} bytes")

    async def story() -> None:
        async with rack(1) as r:
            with pytest.raises(OSError, match="disk full"):
                await r.device(1).shell("yes", on_output=broken_sink)
            await until_idle(r.sim(1))

    asyncio.run(story())


@pytest.mark.parametrize("fault", ["fin", "rst", "vanish"])
def test_a_device_unplugged_in_mid_call_is_gone(rack: RackMaker, fault: str) -> None:
    async def story() -> None:
        async with rack(1) as r:
            started = asyncio.Event()
            call = asyncio.create_task(r.device(1).shell("echo go; sleep 900", on_output=lambda _: started.set()))
            async with asyncio.timeout(10):
                await started.wait()
            r.fleet.fault(1, fault)
            with pytest.raises(DeviceGoneError) as caught:
                await call
            assert caught.value.serial == r.fleet.handle(1)

    asyncio.run(story())


def test_a_server_killed_in_mid_call_is_down(rack: RackMaker) -> None:
    async def story() -> None:
        async with rack(1) as r:
            started = asyncio.Event()
            call = asyncio.create_task(r.device(1).shell("echo go; sleep 900", on_output=lambda _: started.set()))
            async with asyncio.timeout(10):
                await started.wait()
            await r.kill_server()
            with pytest.raises(ServerDownError):
                await call

    asyncio.run(story())


@pytest.mark.parametrize("fault", ["mute", "freeze", "no_open", "no_output", "black_hole"])
def test_a_device_that_does_not_answer_costs_its_deadline_and_nobody_else(rack: RackMaker, fault: str) -> None:
    async def story() -> None:
        async with rack(2) as r:
            r.fleet.fault(1, fault)
            with pytest.raises(AdbTimeoutError):
                await r.device(1).shell("echo hi", timeout_ms=300)
            assert (await r.device(2).shell("echo hi")).text == "hi\n"

    asyncio.run(story())


def test_many_calls_at_once_stay_apart(rack: RackMaker) -> None:
    async def story() -> None:
        async with rack(4) as r:
            calls = [r.device(1 + n % 4).shell(f"echo {n}") for n in range(120)]
            assert [result.text for result in await asyncio.gather(*calls)] == [f"{n}\n" for n in range(120)]

    asyncio.run(story())
