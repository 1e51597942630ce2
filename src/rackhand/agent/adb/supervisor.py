"""The one adb server of a node: start it, watch it, restart it within a breaker; use a foreign one, never kill it.

A restart is for a server that does not answer, never for a device that does not (restart storms leave phones
offline until they are replugged). Its state is a value that anybody may read.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from rackhand.agent.adb.binary import find_binary
from rackhand.agent.adb.claim import Claim, Heir
from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.errors import AdbError, ServerUnusableError
from rackhand.agent.adb.foreign import Foreign, examine
from rackhand.agent.adb.process import ServerProcess


class Mode(StrEnum):
    """`own` and `foreign` can be worked with; `down` is being mended; `halted` waits for the breaker."""

    STARTING = "starting"
    OWN = "own"
    FOREIGN = "foreign"
    DOWN = "down"
    HALTED = "halted"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ServerState:
    """`generation` counts servers: when it moves, every TCP device must be connected again."""

    mode: Mode = Mode.STARTING
    release: str = ""
    pid: int | None = None
    generation: int = 0
    restart_count: int = 0
    message: str = ""

    @property
    def is_usable(self) -> bool:
        return self.mode in (Mode.OWN, Mode.FOREIGN)


@dataclass(frozen=True, slots=True)
class Periods:
    """Every period of the supervision; tests shorten them. A server may be mute for 3 s while it looks at USB."""

    check_ms: int = 5_000
    answer_ms: int = 2_000
    examine_ms: int = 5_000
    max_misses: int = 3
    start_ms: int = 10_000
    stop_ms: int = 5_000
    drain_ms: int = 10_000
    restart_gap_ms: int = 60_000
    window_ms: int = 3_600_000
    max_restarts: int = 5


def restart_wait_ms(restarts_at: Sequence[int], now: int, periods: Periods) -> int:
    """How long the next restart must wait (0: go): one per gap, `max_restarts` per window. Monotonic ms."""
    recent = [at for at in restarts_at if now - at < periods.window_ms]
    if not recent:
        return 0
    free_at = recent[-1] + periods.restart_gap_ms
    if len(recent) >= periods.max_restarts:
        free_at = max(free_at, recent[-periods.max_restarts] + periods.window_ms)
    return max(0, free_at - now)


def monotonic_ms() -> int:
    """The default clock: monotonic milliseconds."""
    return time.monotonic_ns() // 1_000_000


class Supervisor:
    """Owner of `adb nodaemon server` on `adb.port`. `start` once, `run` as a task, `close` at the end.

    `claim_path` is where it remembers its server, for the next life of an agent that is killed.
    """

    def __init__(
        self,
        adb: Adb,
        *,
        binary_path: Path | None = None,
        log_path: Path | None = None,
        claim_path: Path | None = None,
        has_usb: bool = True,
        periods: Periods | None = None,
        clock: Callable[[], int] = monotonic_ms,
        on_change: Callable[[ServerState], None] | None = None,
    ) -> None:
        self._adb = adb
        self._binary_path = binary_path
        self._log_path = log_path
        self._has_usb = has_usb
        self._periods = periods or Periods()
        self._clock = clock
        self._on_change = on_change
        self._restarts_at: list[int] = []
        self._claim = Claim(claim_path)
        self._process: ServerProcess | Heir | None = None
        self.state = ServerState()

    async def start(self) -> ServerState:
        """Use the server that is there, or start one; ServerUnusableError if neither is possible."""
        heir = await self._claim.heir(self._adb.port)
        foreign = await self._look(is_ours=heir is not None)
        if heir is not None and foreign is not None:
            self._process = heir
            return self._own(foreign.release, heir.pid)
        if heir is not None:
            await heir.end(self._periods.stop_ms)
        return self._adopt(foreign) if foreign is not None else await self._start_own()

    async def _look(self, *, is_ours: bool) -> Foreign | None:
        """The server that is there; one of ours that cannot be used counts as none."""
        try:
            return await examine(self._adb, self._periods.examine_ms)
        except ServerUnusableError:
            if is_ours:
                return None
            raise

    async def _start_own(self) -> ServerState:
        binary = await find_binary(self._binary_path)
        process = await ServerProcess.spawn(binary.path, self._adb.port, self._log_path, has_usb=self._has_usb)
        self._process = process
        await self._claim.note(process.pid, self._adb.port)
        try:
            foreign = await self._wait_until_up(process)
        except AdbError:
            await self._end_process()
            raise
        return self._adopt(foreign) if foreign is not None else self._own(binary.release, process.pid)

    def _adopt(self, foreign: Foreign) -> ServerState:
        return self._set(
            mode=Mode.FOREIGN,
            release=foreign.release,
            pid=None,
            generation=self.state.generation + 1,
            message=foreign.warning or f"using the adb server {foreign.release} that somebody else started",
        )

    def _own(self, release: str, pid: int) -> ServerState:
        generation = self.state.generation + 1
        return self._set(mode=Mode.OWN, release=release, pid=pid, generation=generation, message="")

    async def _wait_until_up(self, process: ServerProcess) -> Foreign | None:
        """None when our child answers; the other server if it was faster than our child."""
        deadline = self._clock() + self._periods.start_ms
        while self._clock() < deadline:
            if process.is_ended:
                await self._end_process()
                return await self._rival(process)
            if await self._answers():
                return None
            await process.wait(50)
        raise ServerUnusableError(f"the adb server did not answer within {self._periods.start_ms} ms", phase="start")

    async def _rival(self, process: ServerProcess) -> Foreign:
        foreign = await examine(self._adb, self._periods.examine_ms)
        if foreign is None:
            where = f"; see {self._log_path}" if self._log_path else ""
            raise ServerUnusableError(
                f"the adb server ended at once with exit code {process.exit_code}{where}", phase="start"
            )
        return foreign

    async def _answers(self) -> bool:
        try:
            await self._adb.version(self._periods.answer_ms)
        except AdbError:
            return False
        return True

    async def run(self) -> None:
        """Watch for ever: a dead child is noticed at once, a mute server after `max_misses` checks."""
        misses = 0
        while True:
            await self._pause(self._periods.check_ms)
            is_dead = self._process is not None and self._process.is_ended
            misses = 0 if not is_dead and await self._answers() else misses + 1
            if misses == 0 and self.state.is_usable:
                continue
            if is_dead or misses == 0 or misses >= self._periods.max_misses:
                misses = 0
                await self._recover("ended" if is_dead else "does not answer")

    async def _pause(self, wait_ms: int) -> None:
        if self._process is not None and not self._process.is_ended:
            await self._process.wait(wait_ms)
        else:
            await asyncio.sleep(wait_ms / 1000)

    async def _recover(self, what: str) -> None:
        """One restart, as soon as the breaker allows it; a failure is the state's message and the next round's job."""
        wait_ms = restart_wait_ms(self._restarts_at, self._clock(), self._periods)
        if wait_ms:
            message = (
                f"the adb server {what}; {len(self._restarts_at)} restarts so far, the next in {wait_ms // 1000} s"
            )
            self._set(mode=Mode.HALTED, pid=None, message=message)
            await asyncio.sleep(wait_ms / 1000)
        self._set(mode=Mode.DOWN, message=f"the adb server {what}; restarting it")
        if self._process is not None and not self._process.is_ended:
            async with self._adb.budgets.quiet_transfers(self._periods.drain_ms):
                await self._end_process()
        else:
            await self._end_process()
        self._restarts_at = [*self._restarts_at[-self._periods.max_restarts :], self._clock()]
        try:
            await self.start()
        except AdbError as error:
            self._set(mode=Mode.DOWN, pid=None, message=str(error))
        self._set(restart_count=self.state.restart_count + 1)

    async def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await process.end(self._periods.stop_ms)
            self._claim.drop()

    async def close(self) -> None:
        """End our own child; a foreign server is left running."""
        await self._end_process()
        self._set(mode=Mode.STOPPED, pid=None)

    def _set(self, **changes: object) -> ServerState:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]
        if self._on_change is not None:
            self._on_change(self.state)
        return self.state
