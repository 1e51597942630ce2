"""What passed between nodes and servers: which event was sent, how it was answered, and when. It decides nothing."""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

ACKNOWLEDGED = frozenset({"accepted", "duplicate"})


def now_ms() -> int:
    """The machine's wall clock, which no fault moves for this process."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Heard:
    """One event and every answer that a server gave to it, in order, with the time of the first."""

    node: str
    event: Mapping[str, Any]
    answers: list[str] = field(default_factory=list)
    at: int = 0

    @property
    def type(self) -> str:
        return str(self.event.get("type"))

    @property
    def is_acknowledged(self) -> bool:
        return not ACKNOWLEDGED.isdisjoint(self.answers)


@dataclass(frozen=True, slots=True)
class Beat:
    """An answered heartbeat and the leases that it listed."""

    at: int
    leases: tuple[str, ...]


@dataclass(slots=True)
class Ledger:
    """Written by the proxies, read by the checks; `clear` between schedules."""

    heard: dict[tuple[str, str], Heard] = field(default_factory=dict)
    beats: dict[str, list[Beat]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, node: str, event: Mapping[str, Any], answer: str) -> None:
        with self._lock:
            heard = self.heard.setdefault((node, str(event.get("event_id"))), Heard(node, event))
            heard.at = heard.at or now_ms()
            heard.answers.append(answer)

    def note_beat(self, node: str, leases: Sequence[str]) -> None:
        with self._lock:
            self.beats[node].append(Beat(now_ms(), tuple(leases)))

    def is_idle_since(self, node: str, at: int) -> bool:
        """Has the node said twice since then that it holds nothing, and owes nothing?"""
        with self._lock:
            recent = [beat for beat in self.beats[node] if beat.at > at]
        return len(recent) >= 2 and not any(beat.leases for beat in recent[-2:])

    def longest_silence_ms(self, node: str) -> int:
        """Between two answered heartbeats of a node, since the last `take`."""
        with self._lock:
            times = [beat.at for beat in self.beats[node]]
        return max((later - earlier for earlier, later in pairwise(times)), default=0)

    def take(self) -> list[Heard]:
        """Everything heard since the last time."""
        with self._lock:
            heard, self.heard = self.heard, {}
            self.beats.clear()
        return list(heard.values())
