"""A fleet starts, plays its scenario and stops without a trace."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from rackhand.sim.device import LIVELY, SimDevice
from rackhand.sim.fleet import Fleet
from rackhand.sim.scenario import Rule, Scenario, State, default_scenario

Ask = Callable[..., Awaitable[bytes]]


async def shell(ask: Ask, fleet: Fleet, index: int, script: str) -> bytes:
    """Run a script through the simulated server of the device's node."""
    device = fleet.device(index)
    node = next(n for n, group in enumerate(fleet.groups) if device in group)
    return await ask(fleet.server_ports[node], f"host:transport:{device.serial}", f"exec:{script}")


def test_addresses() -> None:
    async def story() -> None:
        async with Fleet(5, nodes=2) as fleet:
            assert [len(group) for group in fleet.groups] == [3, 2]
            assert len(set(fleet.server_ports)) == 2
            assert fleet.handle(5) == "SIM00005"
        async with Fleet(3, nodes=2, front="transport") as fleet:
            assert fleet.endpoints_of(0) + fleet.endpoints_of(1) == fleet.endpoints
            assert fleet.handle("SIM00002") == fleet.endpoints[1]
            with pytest.raises(KeyError, match="no simulated device 9"):
                fleet.device(9)

    asyncio.run(story())


def test_the_same_seed_gives_the_same_devices() -> None:
    def look(seed: int) -> list[tuple[str, int, int]]:
        devices = [SimDevice(n, seed=seed, now=lambda: 0) for n in range(1, 6)]
        return [(d.boot_id, d.battery.level, d.files.free_bytes) for d in devices]

    assert look(7) == look(7)
    assert look(7) != look(8)


def test_a_taken_port_is_an_error_and_nothing_stays_open() -> None:
    async def story() -> None:
        async with Fleet(1) as fleet:
            with pytest.raises(OSError, match="in use"):
                await Fleet(2, server_port=fleet.server_port).start()

    asyncio.run(story())


def test_the_default_scenario(ask: Ask) -> None:
    async def story() -> None:
        async with Fleet(4, nodes=2, scenario=default_scenario(4)) as fleet:
            devices = await ask(fleet.server_ports[0], "host:devices")
            assert devices.count(b"\tdevice\n") == 2
            await shell(ask, fleet, 4, "id; id")
            fleet.apply_scenario_start()
            fleet.apply_scenario_start()
            await fleet.device(3).journal.wait_for("fault", name="refuse", on=True)
            await shell(ask, fleet, 4, "echo probe")
            assert await shell(ask, fleet, 4, "whoami") == b"shell\n"
            assert not fleet.device(4).faults.is_on("mute")
            hung = asyncio.create_task(shell(ask, fleet, 4, "whoami"))
            await fleet.device(4).journal.wait_for("fault", name="mute", on=True)
            assert (await asyncio.wait({hung}, timeout=0.05))[0] == set()
            assert await shell(ask, fleet, 1, "whoami") == b"shell\n"
            assert b"SIM00003\toffline" in await ask(fleet.server_ports[1], "host:devices")
            assert b"SIM00004\tdevice" in await ask(fleet.server_ports[1], "host:devices")
            hung.cancel()
            await asyncio.gather(hung, return_exceptions=True)

    asyncio.run(story())


def test_states_times_and_temporary_faults(ask: Ask) -> None:
    scenario = Scenario(
        "mixed",
        (State((1,), 9, 500, {"x.y": "z"}, ("com.example.kiosk",), {"global/wifi_on": "0"}),),
        (
            Rule("storage_full", (2,)),
            Rule("overheat", (3,), {"temperature": 510}, when="time", after_ms=10),
            Rule("black_screen", (1,), when="start", for_ms=20),
        ),
    )

    async def story() -> None:
        async with Fleet(3, scenario=scenario) as fleet:
            first = fleet.device(1)
            assert b"level: 9" in await shell(ask, fleet, 1, "dumpsys battery")
            assert await shell(ask, fleet, 1, "getprop x.y; settings get global wifi_on") == b"z\n0\n"
            assert "com.example.kiosk" in first.packages
            assert b"100%" in await shell(ask, fleet, 2, "df /data")
            fleet.apply_scenario_start()
            assert first.faults.is_on("black_screen")
            await first.journal.wait_for("fault", name="black_screen", on=False)
            await fleet.device(3).journal.wait_for("fault", name="overheat", on=True)
            assert b"Thermal Status: 4" in await shell(ask, fleet, 3, "dumpsys thermalservice")

    asyncio.run(story())


def test_the_journal_is_copied_to_a_file(ask: Ask, tmp_path: Path) -> None:
    async def story() -> None:
        async with Fleet(2, journal_path=tmp_path / "deep" / "journal.jsonl") as fleet:
            await shell(ask, fleet, 2, "echo 'two words'")

    asyncio.run(story())
    lines = (tmp_path / "deep" / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    commands = [entry for entry in map(json.loads, lines) if entry["kind"] == "command"]
    assert [(entry["serial"], entry["text"]) for entry in commands] == [("SIM00002", "echo 'two words'")]


def test_a_hub_drops_as_a_whole(ask: Ask) -> None:
    async def story() -> None:
        async with Fleet(9) as fleet:
            fleet.drop_hub(3, ms=60_000)
            listing = (await ask(fleet.server_port, "host:devices")).decode()
            assert listing[4:] == "SIM00008\tdevice\nSIM00009\tdevice\n"

    asyncio.run(story())


def test_a_reboot_and_flapping(ask: Ask) -> None:
    async def story() -> None:
        async with Fleet(2) as fleet:
            device = fleet.device(1)
            before = device.boot_id
            fleet.fault(1, "reboot", down_ms=20, boot_ms=20)
            await device.journal.wait_for("booted", after=device.journal.last_seq)
            assert device.boot_id != before
            assert await shell(ask, fleet, 1, "getprop sys.boot_completed") == b"1\n"
            fleet.fault(2, "flap", period_ms=10)
            states: set[bytes] = set()
            while len(states) < 2:
                states.add(await ask(fleet.server_port, "host:devices"))
            fleet.clear(2)
            await fleet.device(2).journal.wait_for("fault", name="flap", on=False)
            assert b"offline" not in await ask(fleet.server_port, "host:devices")

    asyncio.run(story())


def test_stopping_is_quick_whatever_runs(ask: Ask) -> None:
    async def story() -> float:
        fleet = Fleet(20, profile=LIVELY)
        await fleet.start()
        calls = [asyncio.create_task(shell(ask, fleet, n, "sleep 900 & yes")) for n in range(1, 21)]
        for device in fleet.devices:
            await device.processes.appearance("sleep")
        fleet.fault(1, "freeze")
        fleet.fault(2, "flap")
        fleet.fault(3, "reboot")
        started = time.monotonic()
        await fleet.stop()
        await asyncio.gather(*calls, return_exceptions=True)
        assert all(not device.processes.live for device in fleet.devices)
        return time.monotonic() - started

    assert asyncio.run(story()) < 10
