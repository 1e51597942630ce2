"""The ticker: a failing pass is counted and the next one runs."""

import asyncio

from rackhand.server.background import Ticker
from rackhand.server.metrics import Metrics


def test_it_goes_on_after_a_failure() -> None:
    async def story() -> None:
        metrics, third = Metrics(), asyncio.Event()
        passes: list[int] = []

        async def work() -> None:
            passes.append(len(passes))
            if len(passes) == 3:
                third.set()
            if len(passes) < 3:
                raise RuntimeError("no database")

        ticker = Ticker(work, 1, metrics)
        assert not ticker.is_alive
        ticker.start()
        await asyncio.wait_for(third.wait(), 30)
        await ticker.close()
        text = metrics.text().decode()
        assert 'rackhand_sweeps_total{outcome="failed"} 2.0' in text
        assert not ticker.is_alive

    asyncio.run(story())


def test_three_failures_in_a_row_show_in_readiness() -> None:
    async def story() -> None:
        failed = asyncio.Event()

        async def work() -> None:
            if ticker.failures_in_a_row == 3:
                failed.set()
                await asyncio.Event().wait()
            raise RuntimeError("no database")

        ticker = Ticker(work, 1, Metrics())
        ticker.start()
        await asyncio.wait_for(failed.wait(), 30)
        assert not ticker.is_alive

    asyncio.run(story())
