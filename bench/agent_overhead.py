"""What a step costs beyond the bare adb round trip: `python -m bench.agent_overhead [--short]`.

The same shell command, many times on each simulated device through the same real adb server, in turn (A B C, A B C):
by a raw socket, by the agent's own adb client, and as the steps of a run by server and agent. Each works on
`concurrency` devices at once. A figure is milliseconds per step of one device: wall time x concurrency / steps, so
that the request, the dispatch and the reports of a run are in it. Once with devices that answer at once, where two
cores are the limit and every microsecond of CPU counts, and once with devices that take 50 ms, as phones do.

`fsync_ms` is the physical limit beside it: a step is on disk before and after it touched the device. `steps_only_ms`
is the time between the first step's start and the last one's end by the agent's own stamps: without the dispatch.
What it does not show: real phones on USB, and a network between agent and server.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bench.bed import Bed, fsync_ms, in_turn, open_bed
from bench.measure import ROUNDS, machine, report
from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.errors import PID_PREFIX
from rackhand.agent.adb.protocol import EXIT, SHELL_HEADER, decode_shell_header, encode_service

COMMAND = "true"
PROMISED_MS = 5.0
Call = Callable[[str], Awaitable[None]]


def steps_of(concurrency: int, latency_ms: int, is_short: bool) -> int:
    """How many a device does: a second or two of work."""
    return 20 if is_short or latency_ms or concurrency > 1 else 100


async def drive(call: Call, serials: list[str], steps: int, concurrency: int) -> float:
    """Milliseconds per step: each device does its steps one after the other, `concurrency` devices at once."""
    slots = asyncio.Semaphore(concurrency)

    async def one(serial: str) -> None:
        async with slots:
            for _ in range(steps):
                await call(serial)

    began = time.perf_counter()
    await asyncio.gather(*(one(serial) for serial in serials))
    return (time.perf_counter() - began) * 1000 * concurrency / (steps * len(serials))


def raw_call(port: int) -> Call:
    """The least that a shell command with an exit code takes: one connection, two requests, packets until the exit."""

    async def call(serial: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(encode_service(f"host:tport:serial:{serial}"))
            assert (await reader.readexactly(12))[:4] == b"OKAY"
            writer.write(encode_service(f"{PID_PREFIX}{COMMAND}"))
            assert await reader.readexactly(4) == b"OKAY"
            channel, body = -1, b""
            while channel != EXIT:
                channel, size = decode_shell_header(await reader.readexactly(SHELL_HEADER.size))
                body = await reader.readexactly(size)
            assert body == b"\0"
        finally:
            writer.close()

    return call


def client_call(port: int) -> Call:
    adb = Adb(port=port)

    async def call(serial: str) -> None:
        await adb.device(serial).shell(COMMAND, check=True)

    return call


def by_rackhand(bed: Bed, step: Mapping[str, Any], steps: int, concurrency: int) -> dict[str, float]:
    before = bed.cpu()
    ran = bed.run([step] * steps, concurrency=concurrency)
    after, total = bed.cpu(), steps * len(bed.handles)
    spans = bed.query(
        "SELECT max(finished_at) - min(started_at) FROM run_steps WHERE run_id = ? GROUP BY device_index", ran.id
    )
    figures = {"ms": ran.wall_s * 1000 * concurrency / total, "steps_only_ms": sum(s for (s,) in spans) / total}
    return figures | {f"{name}_cpu_ms": (after[name] - before[name]) * 1000 / total for name in after}


def measure(bed: Bed, latency_ms: int, concurrency: int, is_short: bool) -> dict[str, Any]:
    steps = steps_of(concurrency, latency_ms, is_short)
    serials = bed.handles if concurrency > 1 else bed.handles[:1]
    step = bed.steps(("shell", {"command": COMMAND}))[0]
    port = bed.ports[0]
    cases = {
        "raw": lambda: {"ms": asyncio.run(drive(raw_call(port), serials, steps, concurrency))},
        "client": lambda: {"ms": asyncio.run(drive(client_call(port), serials, steps, concurrency))},
        "rackhand": lambda: by_rackhand(bed, step, steps, concurrency),
    }
    found = in_turn(cases, 2 if is_short else ROUNDS)
    raw_ms, ours = found["raw"]["ms"], found["rackhand"]
    rackhand_ms = ours.pop("ms")
    return {
        "latency_ms": latency_ms,
        "concurrency": concurrency,
        "steps": steps * len(serials),
        "raw_ms": raw_ms,
        "client_ms": found["client"]["ms"],
        "rackhand_ms": rackhand_ms,
        "overhead_ms": rackhand_ms - raw_ms,
        "promised_overhead_ms": PROMISED_MS,
        "fsync_ms": fsync_ms(bed.folder),
        **ours,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true")
    is_short = parser.parse_args().short
    where, rows = machine(), []
    for latency_ms in (0, 50):
        for concurrency in (1, 10):
            with open_bed(concurrency, latency_ms=latency_ms) as bed:
                rows.append(measure(bed, latency_ms, concurrency, is_short))
    report("agent_overhead", rows, where=where)
    return 0


if __name__ == "__main__":
    sys.exit(main())
