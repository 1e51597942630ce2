"""What an agent costs that has nothing to do: `python -m bench.agent_idle [--short]`.

One agent with 100 simulated devices behind a real adb server, each probed every 10 s, no run; production periods.
After everything is online and settled: its CPU share of one core over a minute, resident memory, threads and
descriptors at the end, and what the server and the adb server spend meanwhile. Beside it the floor: what the same
number of probes costs through the agent's own adb client in a loop of nothing else, and the memory of a Python that
has imported the same modules and does nothing. Smaller fleets show how it grows with devices.

What it does not show: phones on USB, whose adb server spends more.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.bed import START_S, Bed, open_bed
from bench.measure import machine, memory_mb, report
from rackhand.agent.adb.client import Adb
from rackhand.agent.device import _PROBE
from rackhand.agent.settings import AgentPeriods

PROMISED_PERCENT, PROMISED_MB, PROMISED_DEVICES = 10.0, 120.0, 100
IMPORTED = "import rackhand.agent.main, rackhand.cli.agent, sys; print(flush=True); sys.stdin.read()"
PROBES_A_SECOND = 1_000 / AgentPeriods().probe_ms
"""Of one device."""


async def probe_floor_ms(bed: Bed, probes: int) -> float:
    """CPU milliseconds of one probe in this process."""
    adb = Adb(port=bed.ports[0])
    began = time.process_time()
    for number in range(probes):
        await adb.device(bed.handles[number % len(bed.handles)]).shell(_PROBE, check=True)
    return (time.process_time() - began) * 1000 / probes


def import_floor_mb() -> float:
    """Resident memory of a process that has imported what the agent imports."""
    words = [sys.executable, "-c", IMPORTED]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        found = memory_mb(child.pid)
        child.stdin.close()
    return found


def figures_of(pid: int) -> dict[str, float]:
    status = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    threads = next(int(line.split()[1]) for line in status if line.startswith("Threads:"))
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - /proc
    return {"memory_mb": memory_mb(pid), "threads": threads, "descriptors": descriptors}


def settle(bed: Bed) -> None:
    """The first facts and the first whole heartbeat are told."""
    ends_at = time.monotonic() + START_S
    while time.monotonic() < ends_at:
        time.sleep(1)
        devices = list(bed.api.items("/api/devices"))
        if all(each["battery"] is not None for each in devices):
            break
    time.sleep(2)


def measure(devices: int, seconds: float) -> dict[str, Any]:
    with open_bed(devices) as bed:
        settle(bed)
        before, began = bed.cpu(), time.perf_counter()
        time.sleep(seconds)
        took, after = time.perf_counter() - began, bed.cpu()
        share = {name: (after[name] - before[name]) * 100 / took for name in after}
        figures = figures_of(bed.agents[0].pid)
        floor_ms = asyncio.run(probe_floor_ms(bed, 5 * devices))
    row = {"devices": devices, "seconds": took, "cpu_percent": share["agents"], "memory_mb": figures.pop("memory_mb")}
    if devices == PROMISED_DEVICES:
        row |= {"promised_cpu_percent": PROMISED_PERCENT, "promised_memory_mb": PROMISED_MB}
    row |= {"floor_cpu_percent": floor_ms * devices * PROBES_A_SECOND / 10, "floor_memory_mb": import_floor_mb()}
    return row | figures | {"server_percent": share["server"], "adb_percent": share["adb"]}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true")
    is_short = parser.parse_args().short
    where = machine()
    rows = [measure(devices, 20 if is_short else 60) for devices in ((100,) if is_short else (1, 20, 50, 100, 200))]
    report("agent_idle", rows, where=where)
    return 0


if __name__ == "__main__":
    sys.exit(main())
