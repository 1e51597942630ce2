"""The process table of one simulated device: pids, process groups, signals.

Belongs here: who runs, who is whose parent, what a signal does. Must not: what a process does. The SIGHUP rule of
adbd follows from it: a closed stream signals the shell alone, so children live on until their group is killed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

SIGNALS = {"HUP": 1, "INT": 2, "QUIT": 3, "KILL": 9, "USR1": 10, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15,
           "CHLD": 17, "CONT": 18, "STOP": 19}  # fmt: skip
NAMES = {number: name for name, number in SIGNALS.items()}
HARMLESS = frozenset({0, 17, 18})


def parse_signal(text: str) -> int | None:
    """The number of `9`, `KILL` or `SIGKILL`; None if there is no such signal."""
    if text.isdigit():
        return int(text) if int(text) < 65 else None
    return SIGNALS.get(text.upper().removeprefix("SIG"))


@dataclass(eq=False, slots=True)
class Process:
    """One process; `ignored` is inherited by children, `traps` are not."""

    pid: int
    ppid: int
    pgid: int
    args: str
    started_at: int
    exited: asyncio.Future[int]
    task: asyncio.Task[int] | None = None
    ignored: set[int] = field(default_factory=set)
    traps: dict[int, str] = field(default_factory=dict)
    pending: list[int] = field(default_factory=list)
    fatal_signal: int = 9
    terminal: object | None = None

    @property
    def name(self) -> str:
        return self.args.split(" ", 1)[0].rsplit("/", 1)[-1]

    async def wait(self) -> int:
        """The exit status; the caller may be cancelled without any effect on this process."""
        return await asyncio.shield(self.exited)


class ProcessTable:
    """Every process of one device; pids start at 2000 and never repeat before a reboot."""

    def __init__(self, now: Callable[[], int], on_crash: Callable[[str], object]) -> None:
        self._now = now
        self._on_crash = on_crash
        self._next_pid = 2000
        self._watchers: set[asyncio.Future[None]] = set()
        self.live: dict[int, Process] = {}

    def spawn(
        self,
        args: str,
        body: Callable[[Process], Awaitable[int]],
        *,
        parent: Process | None = None,
        terminal: object | None = None,
    ) -> Process:
        """Start a process; without a parent it leads a new session, as adbd's shells do."""
        self._next_pid += 1
        pid = self._next_pid
        exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        process = Process(pid, parent.pid if parent else 1, parent.pgid if parent else pid, args, self._now(), exited)
        process.terminal = terminal
        if parent is not None:
            process.ignored = set(parent.ignored)
        self.live[pid] = process
        for watcher in self._watchers:
            if not watcher.done():
                watcher.set_result(None)

        async def main() -> int:
            return await body(process)

        process.task = asyncio.create_task(main(), name=f"sim {args[:40]}")
        process.task.add_done_callback(lambda task: self._reap(process, task))
        return process

    def _reap(self, process: Process, task: asyncio.Task[int]) -> None:
        self.live.pop(process.pid, None)
        for child in self.live.values():
            if child.ppid == process.pid:
                child.ppid = 1
        if task.cancelled():
            status = 128 + process.fatal_signal
        elif (error := task.exception()) is not None:
            status = 141 if isinstance(error, ConnectionError) else 139
            if status == 139:
                self._on_crash(f"{process.args[:200]}: {error!r}")
        else:
            status = task.result()
        if not process.exited.done():
            process.exited.set_result(status)

    async def appearance(self, name: str, timeout_s: float = 10.0) -> Process:
        """The process of this name, as soon as there is one; TimeoutError after `timeout_s`."""
        async with asyncio.timeout(timeout_s):
            while True:
                for process in self.live.values():
                    if process.name == name:
                        return process
                watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._watchers.add(watcher)
                try:
                    await watcher
                finally:
                    self._watchers.discard(watcher)

    def targets(self, target: int) -> list[Process]:
        """Processes that `kill target` means: one pid, or with a negative number a whole group."""
        if target > 0:
            return [self.live[target]] if target in self.live else []
        return [process for process in self.live.values() if process.pgid == -target]

    def kill(self, target: int, signal: int) -> list[int]:
        """Send a signal; the pids it reached, none if there is no such process or group."""
        reached = self.targets(target)
        for process in reached:
            self.deliver(process, signal)
        return [process.pid for process in reached]

    def deliver(self, process: Process, signal: int) -> None:
        """What one signal does to one process: ignored, kept for its trap, or the end."""
        if signal in HARMLESS or (signal != SIGNALS["KILL"] and signal in process.ignored):
            return
        if signal != SIGNALS["KILL"] and signal in process.traps:
            process.pending.append(signal)
            return
        process.fatal_signal = signal
        if process.task is not None:
            process.task.cancel()

    async def stop(self) -> None:
        """End every process (reboot, end of the simulation)."""
        tasks = [process.task for process in list(self.live.values()) if process.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
