"""How much a node may ask at once, and how a restart lets transfers end first."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from rackhand.agent.adb.budgets import Budgets
from rackhand.agent.adb.client import Adb

RackMaker = Callable[[int], AbstractAsyncContextManager[Any]]


def test_a_restart_waits_for_transfers_that_run_and_holds_new_ones_back() -> None:
    async def story() -> None:
        budgets = Budgets(transfers=2)
        await budgets.transfers.acquire()
        asyncio.get_running_loop().call_soon(budgets.transfers.release)
        async with budgets.quiet_transfers(10_000) as is_quiet:
            assert is_quiet
            assert budgets.transfers.locked()
        assert not budgets.transfers.locked()

    asyncio.run(story())


def test_a_restart_does_not_wait_for_ever() -> None:
    async def story() -> None:
        budgets = Budgets(transfers=2)
        await budgets.transfers.acquire()
        async with budgets.quiet_transfers(20) as is_quiet:
            assert not is_quiet
        budgets.transfers.release()
        async with budgets.quiet_transfers(20) as is_quiet:
            assert is_quiet

    asyncio.run(story())


def test_more_calls_than_streams_all_get_their_turn(server_rack: RackMaker) -> None:
    async def story() -> None:
        async with server_rack(2) as r:
            narrow = Adb(port=r.adb.port, budgets=Budgets(streams=2, screencaps=1, transfers=1))
            handles = [r.fleet.handle(1 + n % 2) for n in range(20)]
            shots = await asyncio.gather(*(narrow.device(handle).screencap() for handle in handles))
            assert len(shots) == 20

    asyncio.run(story())
