"""Tasks that must not end: a crash is kept for the heartbeat, and the task goes on; the others never notice."""

import asyncio

from rackhand.agent.crew import Crew
from rackhand.agent.fake import FAST


def test_a_task_that_fails_is_started_again_and_reported() -> None:
    async def story() -> None:
        crew, lives, is_up = Crew(FAST), iter(range(3)), asyncio.Event()

        async def work() -> None:
            if next(lives) < 2:
                raise ValueError("odd")
            is_up.set()
            await asyncio.Event().wait()

        crew.add("worker", work)
        async with asyncio.timeout(20):
            await is_up.wait()
        await crew.close()

        assert crew.trouble.text == "task worker failed: ValueError: odd"

    asyncio.run(story())


def test_a_task_that_ends_is_started_again() -> None:
    async def story() -> None:
        crew, count, is_enough = Crew(FAST), [0], asyncio.Event()

        async def work() -> None:
            count[0] += 1
            if count[0] == 2:
                is_enough.set()

        crew.add("worker", work)
        async with asyncio.timeout(20):
            await is_enough.wait()
        await crew.close()

        assert crew.trouble.text == "task worker ended by itself"

    asyncio.run(story())
