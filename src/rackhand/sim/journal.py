"""What a simulated device saw, as append-only events that tests read.

Belongs here: recording, reading back, waiting for an event, a JSON-lines copy for other processes. Must not:
anything that changes a device. Kinds: see `KINDS`.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

KINDS = {
    "connected": "a transport was opened (front transport)",
    "disconnected": "a transport ended (front transport)",
    "opened": "a stream was opened; `service`, `stream`",
    "command": "a shell received a script; `text`, `pid`, `stream`",
    "exit": "a shell's process ended; `rc`, `pid`",
    "closed": "a stream ended by the device; `bytes_in`, `bytes_out`",
    "aborted": "a stream was ended by the caller or the transport; `bytes_in`, `bytes_out`",
    "not_simulated": "a command or service that the simulator does not know; answered 127 or refused; `name`",
    "killed": "a signal was sent; `target`, `signal`, `pids`",
    "pushed": "a file arrived; `path`, `size`",
    "pulled": "a file was read; `path`, `size`",
    "installed": "an install ended; `package`, `outcome`",
    "fault": "a fault was switched; `name`, `on`",
    "boot": "the device came up; `boot_id`",
    "booted": "boot_completed is 1; `boot_id`",
    "reachable": "the link went up or down; `up`",
    "key": "an adb key was offered, accepted or refused; `outcome`",
    "crash": "the simulator itself failed in a command (a bug to report); `error`",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One event; `at` in UTC milliseconds, `seq` from 1 per device."""

    seq: int
    at: int
    serial: str
    kind: str
    facts: dict[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        return {"seq": self.seq, "at": self.at, "serial": self.serial, "kind": self.kind, **self.facts}


class JournalFile:
    """A JSON-lines copy of all events of a fleet; each line is flushed, so another process can follow it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("a", encoding="utf-8", newline="\n")

    def write(self, entry: Entry) -> None:
        self._file.write(json.dumps(entry.to_json(), ensure_ascii=True) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class Journal:
    """The events of one device, newest last; the oldest are dropped beyond `limit`."""

    def __init__(
        self, serial: str, now: Callable[[], int], copy: JournalFile | None = None, limit: int = 10_000
    ) -> None:
        self._serial = serial
        self._now = now
        self._copy = copy
        self._limit = limit
        self._seq = 0
        self._watchers: set[asyncio.Event] = set()
        self.entries: list[Entry] = []

    def add(self, kind: str, **facts: object) -> Entry:
        """Record an event of a known kind."""
        if kind not in KINDS:
            raise ValueError(f"unknown journal kind {kind!r}; add it to KINDS with its meaning")
        self._seq += 1
        entry = Entry(self._seq, self._now(), self._serial, kind, facts)
        self.entries.append(entry)
        if len(self.entries) > self._limit:
            del self.entries[: self._limit // 10]
        if self._copy is not None:
            self._copy.write(entry)
        for watcher in self._watchers:
            watcher.set()
        return entry

    def of(self, kind: str) -> list[Entry]:
        """All events of one kind."""
        return [entry for entry in self.entries if entry.kind == kind]

    def commands(self) -> list[str]:
        """The scripts that shells received, in order, without the `echo $$` line that agents put first."""
        return [str(entry.facts["text"]).removeprefix("echo $$\n") for entry in self.of("command")]

    @property
    def last_seq(self) -> int:
        """The number of the newest event; 0 if there is none."""
        return self._seq

    async def wait_for(self, kind: str, timeout_s: float = 10.0, *, after: int = 0, **facts: object) -> Entry:
        """The first event beyond seq `after` of a kind with these facts; TimeoutError after `timeout_s`."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    for entry in self.of(kind):
                        if entry.seq > after and all(entry.facts.get(name) == value for name, value in facts.items()):
                            return entry
                    changed.clear()
                    await changed.wait()
        finally:
            self._watchers.discard(changed)
