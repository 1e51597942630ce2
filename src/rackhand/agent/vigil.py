"""Watching over one device during its device run: missed probes while a step is in flight, and the wait for its return.

The wait (`waiting` to the operator) has one grace for one spell of trouble, whether a step is in flight or has ended.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from rackhand.agent.attempt import Attempt
from rackhand.agent.device import MAX_MISSES, DeviceActor
from rackhand.agent.reports import Reporter
from rackhand.agent.servertime import monotonic_ms
from rackhand.agent.settings import AgentPeriods
from rackhand.agent.waking import Wake
from rackhand.core import step_reasons


class Vigil:
    """`find` gives the device's actor now, None while no transport shows it; `wake` tells when that may change."""

    def __init__(
        self,
        find: Callable[[], DeviceActor | None],
        wake: Wake,
        report: Reporter,
        periods: AgentPeriods,
        grace_ms: int,
    ) -> None:
        self._find = find
        self._wake = wake
        self._report = report
        self._periods = periods
        self._grace_ms = grace_ms
        self._ends_at: int | None = None

    async def probe(self, timeout_ms: int | None = None) -> bool:
        """Does it answer now?"""
        actor = self._find()
        return actor is not None and await actor.probe(timeout_ms)

    async def guard(self, attempt: Attempt) -> str:
        """Probe beside a step in flight, for ever; returns the trouble when it did not come back in its grace."""
        while True:
            await self._until_missed()
            if not await self.recover(attempt, step_reasons.STOPPED_ANSWERING):
                return step_reasons.STOPPED_ANSWERING

    async def _until_missed(self) -> None:
        misses = 0
        while misses < MAX_MISSES:
            await self._calm(self._periods.wait_probe_ms if misses else self._periods.probe_ms)
            misses = 0 if await self.probe() else misses + 1

    async def _calm(self, period_ms: int) -> None:
        """Until the next probe is due: after the period, or when the transport is seen to go."""
        due = monotonic_ms() + period_ms
        was_there = self._is_there()
        while (left := due - monotonic_ms()) > 0 and self._is_there() is was_there:
            await self._wake.wait(left)

    def _is_there(self) -> bool:
        actor = self._find()
        return actor is not None and actor.entry.state == "device"

    async def recover(self, attempt: Attempt, trouble: str) -> bool:
        """Report waiting and probe each second; True with the first good probe, False when the grace ends."""
        now = monotonic_ms()
        self._ends_at = now + self._grace_ms if self._ends_at is None else self._ends_at
        reason = f"{trouble} at {attempt.where}"
        await self._report.device_run("waiting", attempt.step_index, self._left_ms(), reason, is_interim=False)
        ticker = asyncio.create_task(self._tick(attempt.step_index, reason))
        try:
            if not await self._until_good():
                return False
        finally:
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)
        await self.resume(attempt)
        return True

    async def resume(self, attempt: Attempt) -> None:
        """The device is back: the next trouble has a whole grace again."""
        if self._ends_at is not None:
            self._ends_at = None
            await self._report.device_run("running", attempt.step_index, None, "", is_interim=False)

    async def _until_good(self) -> bool:
        if await self.probe():
            return True
        while (left := self._left_ms()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, self._periods.wait_probe_ms) / 1000):
                    await self._wake.wait()
            if await self.probe(max(1, min(self._left_ms(), self._periods.probe_deadline_ms))):
                return True
        return False

    async def _tick(self, step_index: int, reason: str) -> None:
        while True:
            await asyncio.sleep(self._periods.progress_ms / 1000)
            await self._report.device_run("waiting", step_index, self._left_ms(), reason, is_interim=True)

    def _left_ms(self) -> int:
        return max(0, (self._ends_at or 0) - monotonic_ms())
