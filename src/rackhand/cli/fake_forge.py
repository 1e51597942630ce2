"""For tests: a process that has imported the product once and forks the others, which saves each of them the seconds
that importing takes. Linux only; `python -m rackhand.cli.fake_forge` is that process. Production never imports this.

Belongs here: forking, and telling how a child ended. Must not: what is started, and with which settings.

A client connects once per child and sends a JSON object `{program, words, environment, folder}` with three descriptors
(standard input, output, error). Answers: the child's pid, and its exit code when it has ended (negative: the signal).
"""

import atexit
import gc
import importlib
import json
import os
import platform
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

IMPORTED = ("rackhand.cli.main", "rackhand.server.main", "rackhand.agent.main", "rackhand.cli.sim", "rackhand.sim.rack")
HAS_FORGE = platform.system() == "Linux"
_MAX_REQUEST = 200_000
_START_S = 60.0
_here: "list[Forge]" = []


class Child:
    """A forked process, with what `subprocess.Popen` has of it."""

    def __init__(self, line: socket.socket, leash: int) -> None:
        self._line = line
        self._leash: int | None = leash
        self.pid = int(line.recv(100))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self._line.settimeout(0)
            try:
                self._take()
            except BlockingIOError:
                return None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; subprocess.TimeoutExpired."""
        if self.returncode is None:
            self._line.settimeout(timeout)
            try:
                self._take()
            except TimeoutError:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0) from None
        assert self.returncode is not None
        return self.returncode

    def _take(self) -> None:
        said = self._line.recv(100)
        self.returncode = int(said) if said else 255  # the forge itself has ended

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def close(self) -> None:
        """Let go of its standard input; again does nothing."""
        self._line.close()
        if self._leash is not None:
            os.close(self._leash)
            self._leash = None


class Forge:
    """The forge of this process, started with its first child; it ends with this process."""

    def __init__(self) -> None:
        self._path = Path(tempfile.mkdtemp(prefix="rh-forge-")) / "forge"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rackhand.cli.fake_forge", str(self._path)],
            stdin=subprocess.PIPE,
            env={**os.environ, "PYTHONUTF8": "1"},
            start_new_session=True,
        )

    def fork(
        self, program: str, words: Sequence[str], environment: Mapping[str, str], folder: Path, out: int, log: int
    ) -> Child:
        """Run the module `program` with these words and exactly this environment."""
        line = self._connect()
        request = {"program": program, "words": list(words), "environment": dict(environment), "folder": str(folder)}
        inner, leash = os.pipe()
        try:
            socket.send_fds(line, [json.dumps(request).encode()], [inner, out, log])
        finally:
            os.close(inner)
        return Child(line, leash)

    def _connect(self) -> socket.socket:
        ends_at = time.monotonic() + _START_S
        while True:
            line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                line.connect(str(self._path))
            except OSError:
                line.close()
                if self._process.poll() is not None or time.monotonic() > ends_at:
                    raise
                time.sleep(0.02)
            else:
                return line

    def close(self) -> None:
        """End the forge; its children end by their own leashes."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        shutil.rmtree(self._path.parent, ignore_errors=True)


def forge() -> Forge:
    """The one of this process."""
    if not _here:
        _here.append(Forge())
        atexit.register(_here[0].close)
    return _here[0]


# -- the forge itself


def _serve(path: str) -> tuple[str, list[str]]:
    """Fork as asked until the standard input closes. Returns in each child, with what that one is to run."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen(64)
    lines: dict[int, socket.socket] = {}
    selector = selectors.DefaultSelector()
    for source in (0, woken, listener):
        selector.register(source, selectors.EVENT_READ)
    while True:
        ready = [key.fd for key, _ in selector.select()]
        if 0 in ready:
            os._exit(0)
        if woken in ready:
            os.read(woken, 1_000)
            _tell_ended(lines)
        if listener.fileno() in ready:
            line, _ = listener.accept()
            message, descriptors, _, _ = socket.recv_fds(line, _MAX_REQUEST, 3)
            request = json.loads(message)
            pid = os.fork()
            if pid == 0:
                return _become(request, descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            lines[pid] = line
            line.send(str(pid).encode())


def _tell_ended(lines: dict[int, socket.socket]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        with lines.pop(pid) as line, suppress(OSError):  # nobody may ask any more
            line.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(request: dict[str, Any], descriptors: list[int]) -> tuple[str, list[str]]:
    """Turn the fork into a process as `python -m` would have made it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.closerange(3, 4_096)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    for path in reversed(os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if path and path not in sys.path:
            sys.path.insert(0, path)
    return request["program"], [request["program"], *request["words"]]


if __name__ == "__main__":
    chosen, sys.argv = _serve(sys.argv[1])
    runpy.run_module(chosen, run_name="__main__", alter_sys=True)
