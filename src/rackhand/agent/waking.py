"""Waking waiters, and waiting no longer than a time. No meaning of its own: callers look at the state again."""

import asyncio
import random
from contextlib import suppress

from rackhand.agent.settings import AgentPeriods


class Wake:
    """Something may have changed: `notify` wakes all who wait now; nothing is remembered for later ones."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self, timeout_ms: float | None = None) -> None:
        """Until the next `notify`, at most so long."""
        await wait_event(self._event, timeout_ms)


async def wait_event(event: asyncio.Event, timeout_ms: float | None) -> None:
    """Until the event is set, at most so long; who wants to know which looks at the event."""
    with suppress(TimeoutError):
        async with asyncio.timeout(None if timeout_ms is None else max(0.0, timeout_ms) / 1000):
            await event.wait()


class Backoff:
    """Growing pauses between tries of the same thing: doubling, with jitter, up to a maximum."""

    def __init__(self, periods: AgentPeriods, rng: random.Random | None = None) -> None:
        self._min_ms = periods.retry_min_ms
        self._max_ms = periods.retry_max_ms
        self._rng = rng or random.Random()
        self.failures = 0

    def next_ms(self, at_least_ms: int = 0) -> float:
        """The pause after one more failure; `at_least_ms` is what the server asked for."""
        full = min(self._max_ms, self._min_ms << min(self.failures, 16))
        self.failures += 1
        return max(at_least_ms, full * (0.5 + 0.5 * self._rng.random()))

    def reset(self) -> None:
        self.failures = 0
