"""Wake-ups of long polls: a hint, never the truth. A waiter looks into the database again when woken.

Polls of this process wake at once; what is to wake is also passed on to the other servers on the database (`connect`).
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable

from rackhand.store.hints import Hints

LOOK_AGAIN_S = 3.0
"""How often a poll looks by itself while hints of other servers cannot come."""


class Wakeups:
    """One event per waiting poll, by node. After `close` nobody waits any more."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._is_closed = False
        self._hints: Hints | None = None
        self.heard = 0

    def connect(self, hints: Hints | None) -> None:
        """Pass wake-ups on to the other servers; None if there are none."""
        self._hints = hints

    @property
    def is_closed(self) -> bool:
        """True while the server shuts down: a long poll must answer now."""
        return self._is_closed

    @property
    def waiting(self) -> int:
        """Polls that are open now."""
        return sum(map(len, self._waiting.values()))

    @property
    def is_connected(self) -> bool:
        """Whether hints of other servers, if there can be any, arrive."""
        return self._hints is None or self._hints.is_connected

    @property
    def patience_s(self) -> float:
        """The longest that a poll may wait before it looks by itself."""
        return math.inf if self.is_connected else LOOK_AGAIN_S

    def ticket(self, node_id: str) -> "Ticket":
        """Take it before looking into the database, so that no wake-up between look and wait is missed."""
        return Ticket(self._waiting, node_id, is_open=not self._is_closed)

    async def wait(self, node_id: str, timeout_s: float) -> bool:
        """True if woken, False after `timeout_s`; for callers that need no ticket."""
        with self.ticket(node_id) as ticket:
            return await ticket.wait(timeout_s)

    def wake(self, node_id: str) -> None:
        """End the waiting of all polls of one node, on every server. To be called after the commit."""
        self.wake_all((node_id,))

    def wake_all(self, node_ids: Iterable[str]) -> None:
        found = set(node_ids)
        self._wake_here(found)
        if found and self._hints is not None:
            self._hints.send(found)

    def hear(self, node_ids: Iterable[str]) -> None:
        """Another server says so: not passed on."""
        self.heard += 1
        self._wake_here(node_ids)

    def hear_all(self) -> None:
        """Everybody looks once: hints may have been missed."""
        self._wake_here(list(self._waiting))

    def close(self) -> None:
        """End all waiting, for good."""
        self._is_closed = True
        self.hear_all()

    def _wake_here(self, node_ids: Iterable[str]) -> None:
        for node_id in node_ids:
            for event in self._waiting.get(node_id, ()):
                event.set()


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
