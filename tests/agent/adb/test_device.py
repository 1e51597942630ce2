"""Files, screens, installs and reboots on simulated devices, through both fronts."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from rackhand.agent.adb.errors import (
    CaptureError,
    DeviceGoneError,
    InstallError,
    OutputTooLargeError,
    StorageError,
    SyncError,
    UnauthorizedError,
)
from rackhand.sim.install import make_apk

RackMaker = Callable[[int], AbstractAsyncContextManager[Any]]


def test_a_file_comes_back_as_it_went(rack: RackMaker, tmp_path: Path) -> None:
    content = bytes(range(256)) * 12_000
    (tmp_path / "there").write_bytes(content)

    async def story() -> None:
        async with rack(1) as r:
            assert await r.device(1).push(tmp_path / "there", "/sdcard/a b,c") == len(content)
            facts = await r.device(1).stat("/sdcard/a b,c")
            assert facts is not None
            assert facts.size == len(content)
            assert await r.device(1).pull("/sdcard/a b,c", tmp_path / "back") == len(content)

    asyncio.run(story())
    assert (tmp_path / "back").read_bytes() == content


def test_an_empty_file_is_a_file(rack: RackMaker, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    async def story() -> None:
        async with rack(1) as r:
            await r.device(1).push(tmp_path / "empty", "/sdcard/empty")
            await r.device(1).pull("/sdcard/empty", tmp_path / "back")

    asyncio.run(story())
    assert (tmp_path / "back").read_bytes() == b""


def test_a_full_device_refuses_in_its_own_words(rack: RackMaker, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(8_000_000))

    async def story() -> None:
        async with rack(1) as r:
            r.fleet.fault(1, "storage_full")
            with pytest.raises(StorageError, match="No space left on device") as caught:
                await r.device(1).push(tmp_path / "big", "/sdcard/big")
            assert caught.value.serial == r.fleet.handle(1)
            assert await r.device(1).stat("/sdcard/big") is None
            assert (await r.device(1).shell("echo fine")).text == "fine\n"

    asyncio.run(story())


@pytest.mark.parametrize(("remote", "words"), [("/sdcard/none", "No such file"), ("/sdcard", "director")])
def test_what_cannot_be_pulled_leaves_nothing_behind(rack: RackMaker, tmp_path: Path, remote: str, words: str) -> None:
    async def story() -> None:
        async with rack(1) as r:
            with pytest.raises(SyncError, match=words):
                await r.device(1).pull(remote, tmp_path / "file")

    asyncio.run(story())
    assert list(tmp_path.iterdir()) == []


def test_a_pull_beyond_its_bound_leaves_nothing_behind(rack: RackMaker, tmp_path: Path) -> None:
    async def story() -> None:
        async with rack(1) as r:
            r.sim(1).files.write("/sdcard/big", bytes(500_000))
            with pytest.raises(OutputTooLargeError):
                await r.device(1).pull("/sdcard/big", tmp_path / "file", max_bytes=100_000)

    asyncio.run(story())
    assert list(tmp_path.iterdir()) == []


def test_an_app_is_installed(rack: RackMaker, tmp_path: Path) -> None:
    (tmp_path / "app.apk").write_bytes(make_apk("org.example.kiosk", size=3_000_000))

    async def story() -> None:
        async with rack(1) as r:
            assert "Success" in await r.device(1).install(tmp_path / "app.apk")
            assert "org.example.kiosk" in r.sim(1).packages

    asyncio.run(story())


def test_what_is_no_app_is_refused_with_code_and_hint(rack: RackMaker, tmp_path: Path) -> None:
    (tmp_path / "app.apk").write_bytes(b"this is not an APK" * 100_000)

    async def story() -> None:
        async with rack(1) as r:
            with pytest.raises(InstallError, match="not an APK") as caught:
                await r.device(1).install(tmp_path / "app.apk")
            assert caught.value.code == "INSTALL_PARSE_FAILED_NOT_APK"
            assert caught.value.needs_human

    asyncio.run(story())


@pytest.mark.parametrize("code", ["INSTALL_FAILED_INSUFFICIENT_STORAGE", "INSTALL_FAILED_VERSION_DOWNGRADE"])
def test_the_device_chooses_the_install_code(rack: RackMaker, tmp_path: Path, code: str) -> None:
    (tmp_path / "app.apk").write_bytes(make_apk("org.example.kiosk", size=100_000))

    async def story() -> None:
        async with rack(1) as r:
            r.fleet.fault(1, "install", code=code)
            with pytest.raises(InstallError) as caught:
                await r.device(1).install(tmp_path / "app.apk")
            assert caught.value.code == code

    asyncio.run(story())


def test_a_screen_is_captured_whatever_stands_before_it(rack: RackMaker) -> None:
    async def story() -> None:
        async with rack(1) as r:
            clean = await r.device(1).screencap()
            assert clean.warning == ""
            r.fleet.fault(1, "multi_display")
            assert "isplay" in (await r.device(1).screencap()).warning
            r.fleet.fault(1, "garbage_before_png")
            assert (await r.device(1).screencap()).png.startswith(b"\x89PNG")

    asyncio.run(story())


def test_a_capture_that_is_cut_short_is_no_screenshot(rack: RackMaker) -> None:
    async def story() -> None:
        async with rack(1) as r:
            r.fleet.fault(1, "truncate_mid_stream", bytes=200)
            with pytest.raises((CaptureError, DeviceGoneError)):
                await r.device(1).screencap()

    asyncio.run(story())


def test_a_reboot_gives_the_device_a_new_boot(rack: RackMaker) -> None:
    async def story() -> None:
        async with rack(1) as r:
            r.sim(1).journal.entries.clear()
            await r.device(1).reboot()
            await r.sim(1).journal.wait_for("boot")
            await r.until(1, "device")
            assert r.sim(1).boot_id in (await r.device(1).shell("cat /proc/sys/kernel/random/boot_id")).text

    asyncio.run(story())


def test_a_device_that_does_not_trust_us_says_so(rack: RackMaker) -> None:
    async def story() -> None:
        async with rack(1) as r:
            r.fleet.fault(1, "unauthorized")
            await r.until(1, "unauthorized")
            with pytest.raises(UnauthorizedError):
                await r.device(1).shell("true")

    asyncio.run(story())


def test_a_raw_stream_is_whole_or_nothing(rack: RackMaker) -> None:
    async def story() -> None:
        async with rack(1) as r:
            r.sim(1).files.write("/sdcard/raw", bytes(range(256)) * 1_000)
            assert await r.device(1).exec_out("cat /sdcard/raw") == bytes(range(256)) * 1_000
            with pytest.raises(OutputTooLargeError, match="more than 1000 bytes"):
                await r.device(1).exec_out("cat /sdcard/raw", max_output=1000)

    asyncio.run(story())


def test_an_endpoint_that_does_not_trust_us_is_told_from_one_that_is_away(real_rack: RackMaker) -> None:
    async def story() -> None:
        async with real_rack(1) as r:
            r.fleet.fault(1, "unauthorized")
            await r.until(1, "unauthorized")
            await r.adb.disconnect(r.fleet.handle(1))
            with pytest.raises(UnauthorizedError, match="authenticate"):
                await r.adb.connect(r.fleet.handle(1))

    asyncio.run(story())


def test_an_unknown_device_is_gone(rack: RackMaker) -> None:
    async def story() -> None:
        async with rack(1) as r:
            with pytest.raises(DeviceGoneError, match="not found"):
                await r.adb.device("R5NOBODY").shell("true")

    asyncio.run(story())


def test_the_list_is_followed_as_devices_come_and_go(rack: RackMaker) -> None:
    async def story() -> None:
        async with rack(2) as r:
            assert {e.serial for e in await r.adb.devices()} == {r.fleet.handle(1), r.fleet.handle(2)}
            assert "shell_v2" in await r.device(1).features()
            r.fleet.fault(2, "refuse")
            await r.until(2, "offline")
            r.fleet.clear(2)
            await r.until(2, "device")

    asyncio.run(story())
