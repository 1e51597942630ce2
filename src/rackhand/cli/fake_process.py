"""For tests: one child process with short periods: start, first line, kill, end. Production never imports this."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from rackhand.cli.fake_forge import HAS_FORGE, Child, forge
from rackhand.cli.leash import VARIABLE

Found = TypeVar("Found")
WAIT_S = 40.0
PERIODS = {
    "RACKHAND_LEASE_MS": "4000",
    "RACKHAND_BEAT_MS": "400",
    "RACKHAND_NODE_GONE_MS": "5000",
    "RACKHAND_SWEEP_MS": "250",
    "RACKHAND_SWEEP_GAP_MS": "1000",
    "RACKHAND_PULL_WAIT_MS": "3000",
    "RACKHAND_AGENT_BEAT_MS": "400",
    "RACKHAND_AGENT_FULL_BEAT_MS": "2000",
    "RACKHAND_AGENT_COALESCE_MS": "20",
    "RACKHAND_AGENT_PULL_WAIT_MS": "3000",
    "RACKHAND_AGENT_REQUEST_MS": "2000",
    "RACKHAND_AGENT_RETRY_MIN_MS": "50",
    "RACKHAND_AGENT_RETRY_MAX_MS": "300",
    "RACKHAND_AGENT_POLL_MS": "1000",
    "RACKHAND_AGENT_PROBE_MS": "1200",
    "RACKHAND_AGENT_PROBE_DEADLINE_MS": "1500",
    "RACKHAND_AGENT_WAIT_PROBE_MS": "100",
    "RACKHAND_AGENT_PROGRESS_MS": "200",
    "RACKHAND_AGENT_POLL_ACTION_MS": "50",
    "RACKHAND_AGENT_CLEANUP_MS": "1000",
    "RACKHAND_AGENT_FLUSH_MS": "1000",
    "RACKHAND_AGENT_DRAIN_MS": "1",
    "RACKHAND_AGENT_RESTART_MIN_MS": "50",
    "RACKHAND_AGENT_RESTART_MAX_MS": "500",
}


class Process:
    """`rackhand WORDS`, or the module `program`; what it says goes to files. It ends with this process at the latest,
    by its leash."""

    def __init__(
        self,
        name: str,
        words: list[str],
        environment: Mapping[str, str],
        folder: Path,
        program: str = "rackhand",
        periods: Mapping[str, str] = PERIODS,
    ) -> None:
        self.name = name
        self.out, self.log = folder / f"{name}.out", folder / f"{name}.log"
        self._orphans: set[int] = set()
        with self.out.open("wb") as out, self.log.open("ab") as log:
            said = {**os.environ, **periods, "PYTHONUTF8": "1", VARIABLE: "1", **environment}
            self._child = _start(program, words, said, folder, out.fileno(), log.fileno())

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def is_running(self) -> bool:
        return self._child.poll() is None

    def first_line(self, timeout_s: float = WAIT_S) -> str:
        """The first line of its stdout, once it is whole; AssertionError if it ends before."""

        def line() -> str:
            text = self.out.read_text(encoding="utf-8")
            assert self.is_running, f"{self.name} ended with code {self._child.returncode}:\n{self.tail()}"
            return text.partition("\n")[0] if "\n" in text else ""

        return until(line, f"{self.name} said nothing", timeout_s)

    def tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-3_000:]

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9; its children live on until `close`."""
        self._orphans |= set(children_of(self.pid))
        self._child.kill()
        self._child.wait()

    def end(self) -> int:
        """Ask it to end; its exit code."""
        self._orphans |= set(children_of(self.pid))
        self._child.terminate()
        return self._child.wait(WAIT_S)

    def close(self) -> None:
        """Whatever state it is in: over afterwards."""
        if self.is_running:
            if os.name != "nt":
                self.send(signal.SIGCONT)
            self._orphans |= set(children_of(self.pid))
            self._child.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(10)
            self._child.kill()
            self._child.wait()
        for pid in self._orphans:
            with suppress(OSError):
                os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        self._orphans.clear()
        if isinstance(self._child, Child):
            self._child.close()
        elif self._child.stdin is not None:
            self._child.stdin.close()


def _start(
    program: str, words: list[str], environment: dict[str, str], folder: Path, out: int, log: int
) -> "subprocess.Popen[bytes] | Child":
    """By the forge where there is one, else as anybody would start it."""
    if HAS_FORGE:
        return forge().fork(program, words, environment, folder, out, log)
    return subprocess.Popen(
        [sys.executable, "-m", program, *words],
        stdin=subprocess.PIPE,
        stdout=out,
        stderr=log,
        env=environment,
        cwd=folder,
        start_new_session=os.name != "nt",
    )


def children_of(pid: int) -> list[int]:
    """Processes that a process started and that still run (Linux; elsewhere none are found)."""
    with suppress(OSError):
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        return [int(word) for word in found]
    return []


def until(look: Callable[[], Found], why: str | Callable[[], str], timeout_s: float = WAIT_S) -> Found:
    """The first answer of `look` that is true; AssertionError says `why` when the time is over."""
    ends_at = time.monotonic() + timeout_s
    while not (found := look()):
        if time.monotonic() > ends_at:
            raise AssertionError(f"not within {timeout_s:g} s: {why if isinstance(why, str) else why()}")
        time.sleep(0.06)
    return found
