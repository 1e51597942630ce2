"""The last thing that went wrong in one part of the agent, for the heartbeat. It is told for a while, not for ever."""

from collections.abc import Callable

from rackhand.agent.servertime import monotonic_ms

TOLD_MS = 600_000


class Trouble:
    """`text` is empty when nothing was said lately."""

    def __init__(self, told_ms: int = TOLD_MS, clock: Callable[[], int] = monotonic_ms) -> None:
        self._told_ms = told_ms
        self._clock = clock
        self._text = ""
        self._at = 0

    def say(self, text: str) -> None:
        self._text, self._at = text, self._clock()

    @property
    def text(self) -> str:
        return self._text if self._clock() - self._at < self._told_ms else ""
