"""Tickers of this process, for sweep and retention: a failing pass is logged and counted, and the next one runs."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from rackhand.server.metrics import Metrics

_log = structlog.get_logger("rackhand.server")


class Ticker:
    """Calls `work` every `period_ms` until closed; `is_alive` is what /readyz shows. `metrics` counts the sweeps."""

    def __init__(
        self, work: Callable[[], Awaitable[None]], period_ms: int, metrics: Metrics | None, name: str = "sweep"
    ) -> None:
        self._work, self._period_s, self._metrics, self._name = work, period_ms / 1000, metrics, name
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.failures_in_a_row = 0

    @property
    def is_alive(self) -> bool:
        return self._task is not None and not self._task.done() and self.failures_in_a_row < 3

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"rackhand-{self._name}")

    @property
    def is_closing(self) -> bool:
        """Whether a long pass should come to its end."""
        return self._closing.is_set()

    async def close(self) -> None:
        """End after the pass under way."""
        self._closing.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._closing.is_set():
            await self._pass()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._period_s)

    async def _pass(self) -> None:
        try:
            await self._work()
        except Exception as error:  # noqa: BLE001 - whatever a pass fails of, closing deadlines must go on
            self.failures_in_a_row += 1
            if self._metrics is not None:
                self._metrics.sweeps.labels("failed").inc()
            _log.error(f"{self._name} failed", in_a_row=self.failures_in_a_row, exc_info=error)
        else:
            self.failures_in_a_row = 0
            if self._metrics is not None:
                self._metrics.sweeps.labels("done").inc()
                self._metrics.last_sweep.set_to_current_time()
