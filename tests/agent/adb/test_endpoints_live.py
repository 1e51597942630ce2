"""The reconcile loop against a real adb server: attach, heal a zombie, attach again after a server restart."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from rackhand.agent.adb.endpoints import EndpointPeriods, Endpoints

RackMaker = Callable[[int], AbstractAsyncContextManager[Any]]
QUICK = EndpointPeriods(
    check_ms=50, reach_ms=500, connect_ms=5_000, offline_ms=50, backoff_min_ms=20, backoff_max_ms=100
)


async def until_online(rack: Any, count: int) -> None:
    async with asyncio.timeout(20):
        async for entries in rack.adb.track():
            if sum(entry.state == "device" for entry in entries) == count:
                return


def test_every_wanted_endpoint_is_attached(real_rack: RackMaker) -> None:
    async def story() -> None:
        async with real_rack(12) as r:
            for endpoint in r.fleet.endpoints:
                await r.adb.disconnect(endpoint)
            endpoints = Endpoints(r.adb, r.fleet.endpoints, periods=QUICK)
            await endpoints.reconcile()
            await endpoints.settle()
            assert {e.serial for e in await r.adb.devices()} == set(r.fleet.endpoints)
            assert not any(e.failure_count for e in endpoints.endpoints.values())
            assert not await r.adb.disconnect("127.0.0.1:1")

    asyncio.run(story())


def test_a_zombie_that_adb_calls_already_connected_is_healed(real_rack: RackMaker) -> None:
    async def story() -> None:
        async with real_rack(2) as r:
            r.fleet.fault(1, "no_cnxn")
            await r.until(1, "offline")
            endpoints = Endpoints(r.adb, r.fleet.endpoints, periods=QUICK)
            task = asyncio.create_task(endpoints.run())
            r.fleet.clear(1)
            await until_online(r, 2)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await endpoints.close()

    asyncio.run(story())


def test_a_new_server_gets_all_its_devices_back(real_rack: RackMaker) -> None:
    async def story() -> None:
        async with real_rack(3) as r:
            endpoints = Endpoints(r.adb, r.fleet.endpoints, periods=QUICK)
            task = asyncio.create_task(endpoints.run())
            await r.supervisor.close()
            await r.supervisor.start()
            endpoints.reset()
            await until_online(r, 3)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await endpoints.close()

    asyncio.run(story())


def test_a_transport_is_renewed_by_hand(real_rack: RackMaker) -> None:
    async def story() -> None:
        async with real_rack(1) as r:
            assert "connected to" in await r.device(1).reconnect()
            assert (await r.device(1).shell("echo hi")).text == "hi\n"

    asyncio.run(story())
