"""Commands of this program as child processes: start, lines, end. Knows nothing of what they do."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rackhand.cli.leash import VARIABLE
from rackhand.core.errors import RackhandError

TAIL_BYTES = 3000


class ChildEnded(RackhandError):
    """A child process ended, or did not start in time."""

    code = "child_ended"


class Child:
    """`rackhand WORDS` in a process of its own, which the terminal's Ctrl-C does not reach; stderr goes to a file."""

    def __init__(self, name: str, words: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        apart: dict[str, Any] = {"start_new_session": True}
        if os.name == "nt":
            apart = {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rackhand", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**environment, VARIABLE: "1", "PYTHONUTF8": "1"},
                **apart,
            )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, name=f"{name} stdout", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_ended(self) -> bool:
        return self._process.poll() is not None

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.decode("utf-8", "replace").rstrip())

    def next_line(self, timeout_s: float) -> str:
        """What it says next on stdout; ChildEnded with the end of its log if it says nothing in time."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            with suppress(queue.Empty):
                return self._lines.get(timeout=0.1)
            self.check()
        raise ChildEnded(
            "{name} did not start within {timeout_s:.0f} s\n{tail}",
            name=self.name,
            timeout_s=timeout_s,
            tail=self.tail(),
        )

    def check(self) -> None:
        """ChildEnded if it has ended."""
        code = self._process.poll()
        if code is not None and self._lines.empty():
            raise ChildEnded(
                "{name} ended with code {exit_code}\n{tail}", name=self.name, exit_code=code, tail=self.tail()
            )

    def tail(self) -> str:
        """The end of its log."""
        with suppress(OSError):
            return self._log.read_bytes()[-TAIL_BYTES:].decode("utf-8", "replace").strip()
        return ""

    def ask_to_end(self) -> None:
        """Tell it to end; does not wait."""
        with suppress(OSError):
            self._process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))

    def let_go(self) -> None:
        """Close its leash, as the end of this process would; it ends by itself."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def await_end(self, deadline: float) -> bool:
        """Wait until the monotonic second `deadline`; then it is killed with its group. True if it ended by itself."""
        is_tidy = True
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            is_tidy = False
            self._kill()
            self._process.wait()
        self._reader.join(1.0)
        self.let_go()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return is_tidy

    def _kill(self) -> None:
        with suppress(OSError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
