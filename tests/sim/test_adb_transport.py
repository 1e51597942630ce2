"""Front A: a real adb server sees simulated devices as phones on the network."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from rackhand.sim.fleet import Fleet
from rackhand.sim.install import make_apk

Adb = Callable[..., Coroutine[Any, Any, tuple[int, str, str]]]


def test_connect_list_and_shell(adb: Adb) -> None:
    async def story() -> None:
        async with Fleet(2, front="transport") as fleet:
            first, second = fleet.endpoints
            assert (await adb("connect", first))[1].startswith("connected to")
            assert (await adb("connect", second))[1].startswith("connected to")
            listing = (await adb("devices", "-l"))[1]
            assert f"{first}        device product:sim model:Sim_Beta" in listing.replace("\t", " ")
            rc, out, err = await adb("-s", first, "shell", "echo out; echo err >&2; exit 7")
            assert (rc, out, err) == (7, "out\n", "err\n")
            assert await adb("-s", second, "shell", "getprop ro.serialno") == (0, "SIM00002\n", "")
            assert (await adb("-s", first, "exec-out", "screencap -p"))[1].startswith("\x89PNG")
            assert await adb("-s", first, "shell", "cat", stdin=b"hello\nworld") == (0, "hello\nworld", "")
            assert fleet.device(1).journal.commands()[0] == "echo out; echo err >&2; exit 7"

    asyncio.run(story())


def test_push_and_pull(adb: Adb, tmp_path: Path) -> None:
    async def story() -> None:
        async with Fleet(1, front="transport") as fleet:
            await adb("connect", fleet.handle(1))
            (tmp_path / "a").write_bytes(os.urandom(1_000_000))
            assert (await adb("push", str(tmp_path / "a"), "/sdcard/new/a"))[0] == 0
            assert (await adb("pull", "/sdcard/new/a", str(tmp_path / "b")))[0] == 0
            assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
            rc, _, err = await adb("pull", "/sdcard/none", str(tmp_path / "c"))
            assert rc == 1
            assert "No such file or directory" in err
            fleet.fault(1, "storage_full")
            rc, out, err = await adb("push", str(tmp_path / "a"), "/sdcard/b")
            assert rc == 1
            assert "No space left on device" in out + err

    asyncio.run(story())


def test_install(adb: Adb, tmp_path: Path) -> None:
    async def story() -> None:
        async with Fleet(1, front="transport") as fleet:
            await adb("connect", fleet.handle(1))
            good, bad = tmp_path / "good.apk", tmp_path / "bad.apk"
            good.write_bytes(make_apk("com.example.kiosk", size=300_000))
            bad.write_bytes(b"no archive at all")
            assert "Success" in (await adb("install", str(good)))[1]
            assert "com.example.kiosk" in fleet.device(1).packages
            rc, out, err = await adb("install", str(bad))
            assert rc == 1
            assert "INSTALL_PARSE_FAILED_NOT_APK" in out + err
            fleet.fault(1, "install", code="INSTALL_FAILED_USER_RESTRICTED")
            assert "INSTALL_FAILED_USER_RESTRICTED" in "".join((await adb("install", str(good)))[1:])
            assert "Success" in (await adb("uninstall", "com.example.kiosk"))[1]

    asyncio.run(story())


def test_an_unknown_key_waits_for_a_human(adb: Adb) -> None:
    async def story() -> None:
        async with Fleet(1, front="transport") as fleet:
            handle, journal = fleet.handle(1), fleet.device(1).journal
            fleet.fault(1, "unauthorized")
            assert "failed to authenticate" in (await adb("connect", handle))[1]
            assert (await adb("devices"))[1].split()[-1] == "unauthorized"
            assert (await adb("shell", "id"))[0] == 1
            fleet.clear(1, "unauthorized")
            await adb("-s", handle, "wait-for-device")
            assert (await adb("shell", "id"))[0] == 0
            await adb("disconnect", handle)
            await adb("connect", handle)
            await journal.wait_for("key", outcome="accepted")
            assert (await adb("shell", "whoami"))[1] == "shell\n"
            fleet.fault(1, "revoke")
            await adb("disconnect", handle)
            assert "failed to authenticate" in (await adb("connect", handle))[1]

    asyncio.run(story())


def test_a_cut_device_comes_back_by_itself(adb: Adb) -> None:
    async def story() -> None:
        async with Fleet(1, front="transport") as fleet:
            handle = fleet.handle(1)
            await adb("connect", handle)
            for name in ("fin", "rst"):
                journal, before = fleet.device(1).journal, fleet.device(1).journal.last_seq
                fleet.fault(1, name)
                await journal.wait_for("connected", after=before)
                await adb("wait-for-device")
                assert (await adb("shell", "echo back"))[1] == "back\n"
            fleet.fault(1, "refuse")
            await adb("wait-for-disconnect")
            assert "offline" in (await adb("devices"))[1]
            fleet.clear(1, "refuse")
            await adb("wait-for-device")
            assert (await adb("shell", "echo again"))[1] == "again\n"

    asyncio.run(story())


def test_a_reboot_changes_the_boot_id(adb: Adb) -> None:
    async def story() -> None:
        async with Fleet(1, front="transport") as fleet:
            device = fleet.device(1)
            await adb("connect", fleet.handle(1))
            before = (await adb("shell", "cat /proc/sys/kernel/random/boot_id"))[1]
            await adb("reboot")
            await adb("wait-for-disconnect")
            await adb("wait-for-device")
            after = (await adb("shell", "cat /proc/sys/kernel/random/boot_id"))[1]
            assert before != after == device.boot_id + "\n"

    asyncio.run(story())


def test_a_mute_device_hangs_but_its_neighbour_does_not(adb: Adb) -> None:
    async def story() -> None:
        async with Fleet(2, front="transport") as fleet:
            first, second = fleet.endpoints
            await adb("connect", first)
            await adb("connect", second)
            for name in ("mute", "freeze", "stall_read", "no_open", "no_output", "black_hole"):
                fleet.fault(1, name)
                hung = asyncio.create_task(adb("-s", first, "shell", "echo hi"))
                assert (await adb("-s", second, "shell", "echo fine"))[1] == "fine\n"
                assert not hung.done()
                assert (await adb("-s", first, "get-state"))[1] == "device\n"
                fleet.clear(1)
                before = fleet.device(1).journal.last_seq
                fleet.fault(1, "rst")
                await hung
                await fleet.device(1).journal.wait_for("connected", after=before)
                await adb("-s", first, "wait-for-device")

    asyncio.run(story())


def test_an_abandoned_command_lives_on_until_its_group_is_killed(adb: Adb) -> None:
    async def story() -> None:
        async with Fleet(1, front="transport") as fleet:
            device = fleet.device(1)
            await adb("connect", fleet.handle(1))
            caller = asyncio.create_task(adb("shell", "echo $$; sleep 900; echo end"))
            child = await device.processes.appearance("sleep")
            caller.cancel()
            before = device.journal.last_seq
            fleet.fault(1, "fin")
            await device.journal.wait_for("aborted")
            await device.journal.wait_for("connected", after=before)
            await adb("wait-for-device")
            assert f" {child.pid} " in (await adb("shell", "ps"))[1]
            assert (await adb("shell", f"kill -9 -{child.pgid}"))[0] == 0
            assert f" {child.pid} " not in (await adb("shell", "ps"))[1]
            await asyncio.gather(caller, return_exceptions=True)

    asyncio.run(story())


def test_nonsense_on_the_port_ends_that_connection_only(adb: Adb) -> None:
    async def story() -> None:
        async with Fleet(1, front="transport") as fleet:
            host, _, port = fleet.handle(1).partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await asyncio.wait_for(reader.read(), 10) == b""
            writer.close()
            await writer.wait_closed()
            assert (await adb("connect", fleet.handle(1)))[1].startswith("connected to")

    asyncio.run(story())
