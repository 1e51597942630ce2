"""Devices that go away on purpose: a step that reboots or reconnects one is no flapping, and no loss of a hub."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rackhand.agent.servertime import monotonic_ms


class Excuses:
    """An excuse holds while its block runs, and `linger_ms` longer: until the probes have seen the device again."""

    def __init__(self, linger_ms: int) -> None:
        self._linger_ms = linger_ms
        self._held: Counter[str] = Counter()
        self._until: dict[str, int] = {}

    @contextmanager
    def hold(self, serial: str) -> Iterator[None]:
        self._held[serial] += 1
        try:
            yield
        finally:
            self._held[serial] -= 1
            self._until[serial] = monotonic_ms() + self._linger_ms

    def covers(self, serial: str) -> bool:
        return self._held[serial] > 0 or monotonic_ms() < self._until.get(serial, 0)
