"""In-process wake-ups of long polls: a hint, never the truth. A waiter looks into the database again when woken."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable


class Wakeups:
    """One event per waiting poll, by node. After `close` nobody waits any more."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """True while the server shuts down: a long poll must answer now."""
        return self._is_closed

    @property
    def waiting(self) -> int:
        """Polls that are open now."""
        return sum(map(len, self._waiting.values()))

    def ticket(self, node_id: str) -> "Ticket":
        """Take it before looking into the database, so that no wake-up between look and wait is missed."""
        return Ticket(self._waiting, node_id, is_open=not self._is_closed)

    async def wait(self, node_id: str, timeout_s: float) -> bool:
        """True if woken, False after `timeout_s`; for callers that need no ticket."""
        with self.ticket(node_id) as ticket:
            return await ticket.wait(timeout_s)

    def wake(self, node_id: str) -> None:
        """End the waiting of all polls of one node."""
        for event in self._waiting.get(node_id, ()):
            event.set()

    def wake_all(self, node_ids: Iterable[str]) -> None:
        for node_id in set(node_ids):
            self.wake(node_id)

    def close(self) -> None:
        """End all waiting, for good."""
        self._is_closed = True
        for node_id in list(self._waiting):
            self.wake(node_id)


class Ticket:
    """A place in the queue of one node: `with wakeups.ticket(node_id) as ticket: ... await ticket.wait(s)`."""

    def __init__(self, waiting: dict[str, set[asyncio.Event]], node_id: str, *, is_open: bool) -> None:
        self._waiting, self._node_id = waiting, node_id
        self._event = asyncio.Event()
        if not is_open:
            self._event.set()

    def __enter__(self) -> "Ticket":
        self._waiting[self._node_id].add(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        events = self._waiting[self._node_id]
        events.discard(self._event)
        if not events:
            del self._waiting[self._node_id]

    async def wait(self, timeout_s: float) -> bool:
        """True if woken since the ticket was taken, else False after `timeout_s`. May be called again."""
        try:
            await asyncio.wait_for(self._event.wait(), timeout_s)
        except TimeoutError:
            return False
        self._event.clear()
        return True
