"""How much one node may ask of its adb server at once. Counting only; no adb here.

An adb server with about 1000 open files aborts on its next `connect` (fd_set), so devices + streams stay
well below 800: 64 streams in all, of these 8 screen captures and 4 file transfers.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Budgets:
    """Three counted gates, shared by every device of a node."""

    def __init__(self, streams: int = 64, screencaps: int = 8, transfers: int = 4) -> None:
        self.streams = asyncio.Semaphore(streams)
        self.screencaps = asyncio.Semaphore(screencaps)
        self.transfers = asyncio.Semaphore(transfers)
        self._transfer_count = transfers

    @asynccontextmanager
    async def quiet_transfers(self, timeout_ms: int) -> AsyncIterator[bool]:
        """Let no new transfer start, wait at most `timeout_ms` for those that run; True if all ended."""
        taken = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_ms / 1000):
                while taken < self._transfer_count:
                    await self.transfers.acquire()
                    taken += 1
        try:
            yield taken == self._transfer_count
        finally:
            for _ in range(taken):
                self.transfers.release()
