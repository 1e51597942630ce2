"""Rackhand beside what people use today, on the same work: `python -m bench.compare [--short]`.

The playbook: read a property, press a key, open a URL, read the battery, take a screenshot into a file on this PC;
the exit code of every command is checked and every screenshot must be a PNG. The same simulated devices, through the
same real adb server, in turn in one session:

- `adb loop`     a shell loop over the devices, one `adb` process a step: what most people start with
- `xargs -P 10`  the same commands by device, ten devices at once
- `adbutils 10`  a thread pool of ten over the library adbutils, one process, nothing to start
- `rackhand 10`  server and agent, concurrency 10; here every step is also written to disk on both before and after
                 it touched the device, and each screenshot and output is uploaded, hashed and stored

`wall_s` is from the request to the last step's end. For Rackhand that is from POST /api/runs until the run is final;
`stored_s` until the last file is on its server as well, which the others do not do. CPU seconds are those of the
clients, of server and agent, and of the adb server until `stored_s`; the simulator's are told apart, for phones
compute by themselves. `overhead_ms` is per step: wall x (devices at once) / steps, minus the latency of the device.

At 300 ms a command (what `am start` or a screenshot takes on a phone) the promise is `of_fastest` <= 1.05. At 0 ms
two cores are the limit, and the figures are what they are. The loop is measured once where it takes minutes. What it
does not show: phones, and what happens when one of them does not answer, of which only Rackhand knows what to do.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import adbutils

from bench.bed import Bed, in_turn, open_bed
from bench.measure import ROUNDS, machine, report

AT_ONCE = 10
URL = "https://example.org/"
COMMANDS = (
    "getprop ro.product.model",
    "input keyevent HOME",
    f"am start -a android.intent.action.VIEW -d {URL}",
    "dumpsys battery",
)
STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("shell", {"command": COMMANDS[0]}),
    ("input", {"action": "key", "key": "HOME"}),
    ("open_url", {"url": URL}),
    ("shell", {"command": COMMANDS[3]}),
    ("screenshot", {}),
)
PROMISED = 1.05
PROMISED_AT_MS = 300
LONG_S = 45.0
"""A loop that would take longer is measured once."""
PNG = b"\x89PNG\r\n\x1a\n"
SCRIPT = "\n".join(
    (
        "set -e",
        *(f'"$ADB" -P "$ADB_PORT" -s "$1" shell "{command}" > /dev/null' for command in COMMANDS),
        '"$ADB" -P "$ADB_PORT" -s "$1" exec-out screencap -p > "$SHOTS/$1.png"',
        'test -s "$SHOTS/$1.png"',
    )
)
Tool = Callable[[Bed], Mapping[str, float]]


class Shots:
    """A folder that must hold one screenshot of each device afterwards."""

    def __init__(self, bed: Bed) -> None:
        self._count = len(bed.handles)
        self.path = bed.folder / "shots"
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir()

    def check(self) -> None:
        shots = [path.read_bytes() for path in self.path.iterdir()]
        assert len(shots) == self._count, (len(shots), self._count)
        assert all(shot.startswith(PNG) for shot in shots)


def by_shell(line: str, bed: Bed) -> dict[str, float]:
    """`line` reads the devices' serials from its standard input and runs ./one for each."""
    shots = Shots(bed)
    one = bed.folder / "one"
    one.write_text(SCRIPT, encoding="ascii")
    settings = {"ADB": str(bed.adb_path), "ADB_PORT": str(bed.ports[0]), "SHOTS": str(shots.path)}
    settings |= {"PATH": "/usr/bin:/bin", "HOME": str(Path.home())}
    before, began = _children_cpu_s(), time.perf_counter()
    serials = "\n".join(bed.handles) + "\n"
    subprocess.run(["sh", "-c", line], input=serials, text=True, check=True, cwd=bed.folder, env=settings)
    wall_s = time.perf_counter() - began
    shots.check()
    return {"wall_s": wall_s, "clients_cpu_s": _children_cpu_s() - before}


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def by_adbutils(bed: Bed) -> dict[str, float]:
    shots = Shots(bed)
    client = adbutils.AdbClient(port=bed.ports[0])

    def one(serial: str) -> None:
        device = client.device(serial)
        for command in COMMANDS:
            assert device.shell2(command, v2=True).returncode == 0
        (shots.path / f"{serial}.png").write_bytes(device.shell("screencap -p", encoding=None))

    before, began = time.process_time(), time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for each in [pool.submit(one, serial) for serial in bed.handles]:
            each.result()
    wall_s, cpu = time.perf_counter() - began, time.process_time() - before
    shots.check()
    return {"wall_s": wall_s, "clients_cpu_s": cpu}


def by_rackhand(steps: list[dict[str, Any]], bed: Bed) -> dict[str, float]:
    ran = bed.run(steps, concurrency=AT_ONCE)
    found = bed.query("SELECT count(*) FROM artifacts WHERE run_id = ? AND kind = 'screenshot'", ran.id)
    assert found == [(len(bed.handles),)], found
    return {"wall_s": ran.wall_s, "clients_cpu_s": 0.0, "stored_s": ran.stored_s}


def counted(tool: Tool, bed: Bed) -> dict[str, float]:
    """What one use of a tool took, with the CPU seconds of everything that was up anyway."""
    before = bed.cpu()
    figures = tool(bed)
    spent = {name: now - before[name] for name, now in bed.cpu().items()}
    return {
        "wall_s": figures["wall_s"],
        "stored_s": figures.get("stored_s", 0.0),
        "cpu_s": figures["clients_cpu_s"] + spent["server"] + spent["agents"] + spent["adb"],
        "adb_cpu_s": spent["adb"],
        "sim_cpu_s": spent["sim"],
    }


def measure(devices: int, latency_ms: int, rounds: int, has_loop: bool) -> list[dict[str, Any]]:
    with open_bed(devices, latency_ms=latency_ms) as bed:
        tools: dict[str, Tool] = {
            "adb loop": partial(by_shell, "while read -r serial; do sh ./one $serial < /dev/null; done"),
            f"xargs -P {AT_ONCE}": partial(by_shell, f"xargs -P {AT_ONCE} -n 1 sh ./one"),
            f"adbutils {AT_ONCE}": by_adbutils,
            f"rackhand {AT_ONCE}": partial(by_rackhand, bed.steps(*STEPS)),
        }
        cases = {name: partial(counted, tool, bed) for name, tool in tools.items()}
        found, loop = {}, cases.pop("adb loop")
        if has_loop:
            found["adb loop"] = loop()
            if found["adb loop"]["wall_s"] < LONG_S and rounds > 1:
                cases = {"adb loop": loop, **cases}
        found |= in_turn(cases, rounds)
    fastest_s = min(figures["wall_s"] for name, figures in found.items() if not name.startswith("rackhand"))
    return [_row(name, figures, devices, latency_ms, fastest_s) for name, figures in found.items()]


def _row(tool: str, figures: Mapping[str, float], devices: int, latency_ms: int, fastest_s: float) -> dict[str, Any]:
    at_once = 1 if tool == "adb loop" else AT_ONCE
    step_ms = figures["wall_s"] * 1000 * at_once / (devices * len(STEPS))
    row = {"latency_ms": latency_ms, "devices": devices, "tool": tool, **figures}
    row |= {"overhead_ms": step_ms - latency_ms, "of_fastest": figures["wall_s"] / fastest_s}
    if tool.startswith("rackhand") and latency_ms == PROMISED_AT_MS:
        row["promised_of_fastest"] = PROMISED
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true")
    is_short = parser.parse_args().short
    where, rows = machine(), []
    for latency_ms in (0, PROMISED_AT_MS):
        for devices in (20,) if is_short else (20, 100):
            has_loop = not is_short or latency_ms == 0
            rows += measure(devices, latency_ms, 1 if is_short else ROUNDS, has_loop)
    report("compare", rows, where=where, steps=len(STEPS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
