"""How long it takes until something is up: `python -m bench.startup [--short]`.

Medians of fresh processes, wall time and CPU seconds, in turn: a Python that does nothing (the floor), `rackhand
--help`, an agent until its first heartbeat arrives (at a socket of this script, with an adb server of its own to start
at the same time), `rackhand serve` until it says Ready, on a new folder and on one that is already migrated. Then what
each of them imports; the agent must import neither the database library nor the web framework.

Compiled modules are there (the first start after an installation compiles for some seconds), and files are in the
system's cache. What it does not show: a cold disk.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.bed import QUIET, RACKHAND, START_S, Program, in_turn
from bench.measure import ROOT, ROUNDS, cpu_s, machine, report
from rackhand.cli.fake import BOOTSTRAP
from rackhand.sim.ports import free_port

PROMISED_S = {"help": 0.2, "agent": 1.0}
FORBIDDEN = ("sqlalchemy", "litestar")
MODULES = {
    "python": "",
    "help": "rackhand.cli.main",
    "agent": "rackhand.cli.main, rackhand.cli.agent, rackhand.cli.traced, rackhand.agent.main",
    "serve": "rackhand.cli.main, rackhand.cli.serve, rackhand.server.main",
}
"""What each of them imports, at the least."""


def to_its_end(words: Sequence[str]) -> dict[str, float]:
    """A command that ends by itself."""
    began = time.perf_counter()
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, env={**os.environ, **QUIET}, cwd=ROOT)
    _, status, usage = os.wait4(child.pid, 0)
    wall_s = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, words
    return {"s": wall_s, "cpu_s": usage.ru_utime + usage.ru_stime}


def agent() -> dict[str, float]:
    """Until the first bytes of its first heartbeat are here; it gets no answer to it."""
    with tempfile.TemporaryDirectory(prefix="rh-bench-") as folder, socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(START_S)
        url = f"http://127.0.0.1:{door.getsockname()[1]}"
        words = ["agent", "--server", url, "--node-id", "PC-01", "--token", "t" * 40]
        words += ["--data", folder, "--adb-port", str(free_port())]
        began = time.perf_counter()
        program = Program("agent", [*RACKHAND, *words], Path(folder), {"RACKHAND_AGENT_FLUSH_MS": "1"})
        try:
            wall_s = until_posted(door, b"POST /api/nodes/callback", began)
            return {"s": wall_s, "cpu_s": cpu_s(program.pid)}
        finally:
            program.close()


def until_posted(door: socket.socket, wanted: bytes, began: float) -> float:
    """Seconds since `began` when a request of that kind arrives; others (a poll) are left open meanwhile."""
    others = []
    try:
        while True:
            line, _ = door.accept()
            others.append(line)
            line.settimeout(START_S)
            if line.recv(4_096).startswith(wanted):
                return time.perf_counter() - began
    finally:
        for line in others:
            line.close()


def serve(folder: Path) -> dict[str, float]:
    """Until it says that it is ready."""
    words = [*RACKHAND, "serve", "--port", "0", "--data", str(folder / "data")]
    began = time.perf_counter()
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **QUIET, "RACKHAND_BOOTSTRAP_TOKEN": BOOTSTRAP},
        cwd=ROOT,
    ) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        found = {"s": time.perf_counter() - began, "cpu_s": cpu_s(child.pid)}
        child.terminate()
        child.stdout.read()
    assert line.startswith(b"Ready"), line
    return found


def serve_anew() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="rh-bench-") as folder:
        return serve(Path(folder))


def imports_of(what: str) -> dict[str, Any]:
    """How many modules, and which of the forbidden ones."""
    lines = f"import {MODULES[what]}\n" if MODULES[what] else ""
    code = f"{lines}import sys; print(*sys.modules)"
    words = [sys.executable, "-c", code]
    found = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
    return {"modules": len(found), "forbidden": sorted(set(found).intersection(FORBIDDEN))}


def measure(rounds: int) -> Mapping[str, Mapping[str, float]]:
    with tempfile.TemporaryDirectory(prefix="rh-bench-") as folder:
        cases = {
            "python": lambda: to_its_end([sys.executable, "-c", ""]),
            "help": lambda: to_its_end([*RACKHAND, "--help"]),
            "agent": agent,
            "serve": lambda: serve(Path(folder)),
            "serve, new folder": serve_anew,
        }
        return in_turn(cases, rounds)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true")
    is_short = parser.parse_args().short
    where, rows = machine(), []
    for what, figures in measure(2 if is_short else 2 * ROUNDS + 1).items():
        row: dict[str, Any] = {"what": what, **figures}
        if what in PROMISED_S:
            row["promised_s"] = PROMISED_S[what]
        found = imports_of(what.partition(",")[0])
        rows.append(row | {"modules": found["modules"], "forbidden": " ".join(found["forbidden"])})
    report("startup", rows, where=where)
    return 1 if any(row["what"] == "agent" and row["forbidden"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
