"""The control port: faults, journal and scenario for other processes."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from rackhand.sim.console import run_script
from rackhand.sim.control import Control
from rackhand.sim.fleet import Fleet
from rackhand.sim.scenario import default_scenario

Call = Callable[..., Awaitable[tuple[int, object]]]


async def call(port: int, method: str, path: str, body: object = None, host: str = "127.0.0.1") -> tuple[int, object]:
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    top, _, rest = answer.partition(b"\r\n\r\n")
    return int(top.split()[1]), json.loads(rest)


def with_control(story: Callable[[Fleet, int], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Fleet(3, scenario=default_scenario(3)) as fleet:
            control = Control(fleet)
            await control.start()
            try:
                await story(fleet, control.port)
            finally:
                await control.stop()

    asyncio.run(main())


def test_faults_are_switched_live() -> None:
    async def story(fleet: Fleet, port: int) -> None:
        path = "/devices/SIM00002/faults"
        assert await call(port, "POST", path, {"name": "slow", "params": {"ms": 7}}) == (200, {"slow": {"ms": 7}})
        assert fleet.device(2).faults.is_on("slow")
        assert (await call(port, "DELETE", path + "/slow")) == (200, {})
        await call(port, "POST", path, {"name": "mute"})
        assert await call(port, "DELETE", path) == (200, {})
        status, devices = await call(port, "GET", "/devices")
        assert status == 200
        assert isinstance(devices, list)
        assert [device["serial"] for device in devices] == ["SIM00001", "SIM00002", "SIM00003"]
        assert await call(port, "POST", "/server/faults", {"name": "wedge"}) == (200, ["wedge"])
        assert await call(port, "DELETE", "/server/faults", {"name": "wedge"}) == (200, [])
        assert await call(port, "POST", "/scenario/start") == (200, {"started": True})
        assert fleet.director.has_started

    with_control(story)


def test_the_journal_is_readable() -> None:
    async def story(fleet: Fleet, port: int) -> None:
        before = fleet.device(1).journal.last_seq
        await run_script(fleet.device(1), "frobnicate")
        _, entries = await call(port, "GET", f"/devices/SIM00001/journal?since={before}")
        assert isinstance(entries, list)
        assert [(entry["kind"], entry["name"]) for entry in entries] == [("not_simulated", "frobnicate")]
        assert (await call(port, "GET", "/faults"))[0] == 200

    with_control(story)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/devices/NOBODY/faults", {"name": "mute"}, 404),
        ("GET", "/nowhere", None, 404),
        ("POST", "/devices/SIM00001/faults", b"{", 400),
        ("POST", "/devices/SIM00001/faults", [1], 422),
        ("POST", "/devices/SIM00001/faults", {"name": 3}, 422),
        ("POST", "/devices/SIM00001/faults", {"name": "nonsense"}, 422),
        ("POST", "/devices/SIM00001/faults", {"name": "slow", "params": {"ms": "x"}}, 422),
        ("POST", "/devices/SIM00001/faults", b"x" * 70_000, 413),
        ("GET", "/devices/SIM00001/journal?since=x", None, 422),
        ("POST", "/server/faults", {"name": "nonsense"}, 422),
        ("POST", "/server/faults", {"name": "wedge", "node": 9}, 422),
    ],
)
def test_bad_input(method: str, path: str, body: object, status: int) -> None:
    async def story(fleet: Fleet, port: int) -> None:
        found, answer = await call(port, method, path, body)
        assert found == status
        assert isinstance(answer, dict)
        assert answer["error"]
        assert all(not device.faults.active() for device in fleet.devices)

    with_control(story)


def test_another_host_name_is_refused() -> None:
    async def story(_: Fleet, port: int) -> None:
        assert (await call(port, "GET", "/devices", host="evil.example"))[0] == 400

    with_control(story)
