"""Which devices are there, and what a heartbeat tells of them."""

import asyncio
from typing import Any

from rackhand.agent.fake import make_step


def latest(r: Any, number: int = 1) -> Any:
    lists = [beat.devices for beat in r.server.beats if beat.devices]
    return next((d for d in lists[-1] if d.runtime_handle == r.fleet.handle(number)), None) if lists else None


def test_a_device_tells_who_it_is_and_how_it_is(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            await r.server.until(lambda: latest(r).battery is not None)
            device = latest(r)

            assert (device.serial, device.online, device.health, device.adb_state) == ("SIM00001", True, "ok", "device")
            assert device.simulated
            assert device.model
            assert device.os_version
            assert device.storage_free_mb > 0
            assert device.temperature_c > 0
            assert device.probe_age_ms is not None

    asyncio.run(story())


def test_an_unplugged_device_is_offline_and_comes_back(rack: Any) -> None:
    async def story() -> None:
        async with rack(devices=2) as r:
            r.fleet.fault(1, "refuse")
            await r.server.until(lambda: latest(r) is None or not latest(r).online)
            assert latest(r, 2).online
            r.fleet.clear(1, "refuse")

            await r.server.until(lambda: latest(r) is not None and latest(r).online)

    asyncio.run(story())


def test_a_frozen_device_is_unresponsive_whatever_adb_says_and_slows_nobody(rack: Any) -> None:
    async def story() -> None:
        async with rack(devices=2) as r:
            r.fleet.fault(1, "freeze")
            await r.server.until(lambda: latest(r).health == "unresponsive")

            assert (latest(r).adb_state, latest(r).online, latest(r).serial) == ("device", False, "SIM00001")
            assert latest(r).last_error_message
            assert (await r.server.finished(r.server.give("SIM00002", make_step("screenshot")))).status == "succeeded"
            r.fleet.clear(1, "freeze")
            await r.server.until(lambda: latest(r).online)

    asyncio.run(story())


def test_an_unauthorized_device_waits_for_a_human(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            r.fleet.fault(1, "unauthorized")

            await r.server.until(lambda: latest(r).health == "unauthorized")
            assert not latest(r).online

    asyncio.run(story())


def test_two_phones_with_one_serial_are_both_told(rack: Any) -> None:
    async def story() -> None:
        async with rack(devices=2, is_started=False) as r:
            for number in (1, 2):
                r.fleet.fault(number, "duplicate_serial", serial="0123456789ABCDEF")
            await r.start()

            assert {latest(r, n).serial for n in (1, 2)} == {"0123456789ABCDEF"}

    asyncio.run(story())


def test_a_scan_beats_first_and_is_told_once(rack: Any) -> None:
    async def story() -> None:
        async with rack(devices=2) as r:
            r.server.scans.append("scan-1")
            r.server.wake.notify()
            await r.server.until(lambda: len(r.server.of("scan_progress")) == 2)
            running, done = r.server.of("scan_progress")

            assert (running.scan_job_id, running.status) == ("scan-1", "running")
            assert (done.status, done.total) == ("succeeded", 2)

    asyncio.run(story())


def test_a_scan_without_an_adb_server_failed_and_says_why(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            await r.fleet.servers[0].stop()
            await r.server.until(lambda: r.server.beats[-1].devices == [])
            r.server.scans.append("scan-2")
            r.server.wake.notify()
            await r.server.until(lambda: len(r.server.of("scan_progress")) == 2)

            assert r.server.of("scan_progress")[1].status == "failed"
            assert "no adb server answers" in r.server.of("scan_progress")[1].error_message

    asyncio.run(story())


def test_a_bug_in_a_probe_makes_no_device_look_well(rack: Any, monkeypatch: Any) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    async def story() -> None:
        async with rack() as r:
            with monkeypatch.context() as patch:
                patch.setattr("rackhand.agent.device.AdbDevice.shell", broken)
                await r.server.until(lambda: not latest(r).online)
                assert "a bug" in latest(r).last_error_message
            await r.server.until(lambda: latest(r).online)

    asyncio.run(story())
