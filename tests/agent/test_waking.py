"""Waking and waiting: no wake-up is lost between a look and the wait, and pauses grow to their bound."""

import asyncio
import random

from rackhand.agent.fake import FAST
from rackhand.agent.waking import Backoff, Wake


def test_all_who_wait_are_woken_and_nothing_is_remembered() -> None:
    async def story() -> None:
        wake = Wake()
        waiters = [asyncio.create_task(wake.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        wake.notify()
        await asyncio.gather(*waiters)
        await wake.wait(timeout_ms=1)

    asyncio.run(story())


def test_pauses_double_with_jitter_up_to_the_maximum_and_begin_again() -> None:
    backoff = Backoff(FAST, random.Random(1))
    pauses = [backoff.next_ms() for _ in range(8)]

    assert 5 <= pauses[0] <= 10
    assert all(20 <= pause <= 40 for pause in pauses[3:])
    assert backoff.next_ms(at_least_ms=5_000) == 5_000
    backoff.reset()
    assert backoff.next_ms() <= 10
