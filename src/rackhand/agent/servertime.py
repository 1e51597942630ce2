"""The server's time as the agent knows it: an offset to the monotonic clock, learnt from each answer.

A wrong or jumping clock of this PC then moves no fact. Until the first answer the wall clock stands in.
"""

import os
import time

from rackhand.core.clock import Millis, from_rfc3339, to_rfc3339
from rackhand.core.ids import uuid7

_JUMP_MS = 1_000


def monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class ServerTime:
    """`now` in the server's UTC milliseconds."""

    def __init__(self) -> None:
        self._offset = time.time_ns() // 1_000_000 - monotonic_ms()
        self._is_learnt = False

    def now(self) -> Millis:
        return monotonic_ms() + self._offset

    @property
    def skew_ms(self) -> int:
        """How far this PC's wall clock is ahead of the server's; 0 until the server has told its own."""
        return time.time_ns() // 1_000_000 - self.now() if self._is_learnt else 0

    def stamp(self) -> str:
        """`now` as RFC 3339."""
        return to_rfc3339(self.now())

    def observe(self, server_time: object) -> None:
        """Learn from `server_time` of an answer that came just now; anything else is ignored."""
        if isinstance(server_time, str) and server_time:
            try:
                self._learn(from_rfc3339(server_time) - monotonic_ms())
            except ValueError:
                return

    def _learn(self, offset: int) -> None:
        """An answer is late, never early: the largest offset is the truest. A jump is a clock that was set."""
        is_jump = abs(offset - self._offset) > _JUMP_MS or not self._is_learnt
        self._offset = offset if is_jump else max(self._offset, offset)
        self._is_learnt = True

    def mint(self) -> str:
        """A new id that sorts by time."""
        return uuid7(self.now(), os.urandom(10))
