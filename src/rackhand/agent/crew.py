"""Tasks that must not end: a crash of one is logged, kept for the heartbeat, and the task is started again."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from rackhand.agent.settings import AgentPeriods
from rackhand.agent.trouble import Trouble

log = logging.getLogger(__name__)


async def failure_of(work: Coroutine[Any, Any, None]) -> Exception | None:
    """Run `work` to its end; what it raised, None if it just ended."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 - a bug in one task must not stop the others: operations go on
        return error
    return None


class Crew:
    """Named endless tasks with growing pauses between their crashes."""

    def __init__(self, periods: AgentPeriods) -> None:
        self._periods = periods
        self._tasks: list[asyncio.Task[None]] = []
        self.trouble = Trouble()

    def add(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._tasks.append(asyncio.create_task(self._keep(name, work), name=name))

    async def _keep(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        pause_ms = self._periods.restart_min_ms
        while True:
            error = await failure_of(work())
            what = "ended by itself" if error is None else f"failed: {type(error).__name__}: {error}"
            self.trouble.say(f"task {name} {what}")
            log.error("task %s %s; starting it again", name, what, exc_info=error)
            await asyncio.sleep(pause_ms / 1000)
            pause_ms = min(pause_ms * 2, self._periods.restart_max_ms)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
