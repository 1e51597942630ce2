"""What strangers may send, a million times: `python -m bench.fuzz [--inputs 1000000] [--seed 0] [--only NAME]`.

Everything that reads bytes from a device, an adb server, an agent or a person's file gets inputs made by Hypothesis:
arbitrary bytes, and good messages of which pieces were cut, repeated or replaced. A parser may answer or refuse by its
own errors; any other exception, and an input that takes over SLOW_S, is a finding: Hypothesis prints the smallest one,
and the exit code is 1. What Hypothesis drew is read in VARIANTS - 1 further variants, made by a random generator that
it seeds: thinking of an input takes it ten times as long as reading one. Rounds of ROUND draws with seeds that follow
from --seed: what was found is found again.
"""

import argparse
import asyncio
import json
import os
import random
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from tests.wire.test_codec import PAYLOADS, event

from rackhand.agent import parse
from rackhand.agent.adb import install, protocol, screen, shell, sync
from rackhand.agent.adb.errors import AdbError
from rackhand.agent.adb.stream import Deadlines, Stream
from rackhand.core import target
from rackhand.core.errors import Invalid, Malformed
from rackhand.engine import portable
from rackhand.wire import codec
from rackhand.wire.codec import InvalidEvent

ROOT = Path(__file__).resolve().parents[1]
FACTS = ROOT / "tests" / "agent" / "facts"
ROUND = 1_000
VARIANTS = 20
SLOW_S = 2
NOW = 1_795_341_600_123


# -- inputs


def mangled(*good: bytes) -> st.SearchStrategy[bytes]:
    """Good messages with a few pieces cut out, repeated or replaced; and bytes that never were a message."""

    @st.composite
    def draw_one(draw: st.DrawFn) -> bytes:
        text = bytearray(draw(st.sampled_from(good)))
        for _ in range(draw(st.integers(0, 4))):
            start = draw(st.integers(0, len(text)))
            end = min(len(text), start + draw(st.integers(0, 12)))
            piece = draw(st.sampled_from((b"", bytes(text[start:end]) * 2)) | st.binary(max_size=12))
            text[start:end] = piece
        return bytes(text)

    return st.one_of(draw_one(), draw_one(), draw_one(), st.binary(max_size=200))


def vary(value: Any, chance: random.Random) -> Any:
    """The same with some pieces replaced, repeated, dropped or flipped."""
    text: Any = bytearray(value) if isinstance(value, bytes) else list(value)
    for _ in range(chance.randint(1, 4)):
        start = chance.randint(0, len(text))
        end = min(len(text), start + chance.randint(0, 12))
        noise = chance.randbytes(chance.randint(0, 8))
        fresh = noise if isinstance(value, bytes) else list(noise.decode("latin-1"))
        text[start:end] = chance.choice((text[start:end] * 2, fresh, text[:0]))
    return bytes(text) if isinstance(value, bytes) else "".join(text)


def shell_packets(*packets: tuple[int, bytes]) -> bytes:
    return b"".join(protocol.encode_shell(channel, data) for channel, data in packets)


def block(text: bytes) -> bytes:
    return b"%04x" % len(text) + text


SHELL = (
    shell_packets((1, b"4711\n"), (1, b"hello\n"), (2, b"oops\xff"), (3, b"\x00")),
    shell_packets((1, b"47"), (1, b"11\nx"), (3, b"\x01")),
    shell_packets((3, b"\xff")),
)
PULL = (
    b"DATA" + struct.pack("<I", 5) + b"hello" + b"DONE" + bytes(4),
    b"FAIL" + struct.pack("<I", 9) + b"no access",
    b"DONE" + bytes(4),
)
VERDICT = (b"OKAY" + bytes(4), b"FAIL" + struct.pack("<I", 4) + b"full")
REQUEST = (b"OKAY", b"FAIL" + block(b"device 'R5' not found"), b"OKAY" + bytes(8))
INSTALL = (
    b"Success\n",
    b"Failure [INSTALL_FAILED_INSUFFICIENT_STORAGE: Failed to override installation location]\n",
    b"Failure [INSTALL_FAILED_VERSION_DOWNGRADE]\nException occurred while executing 'install':\n",
)
PNG = screen.PNG_SIGNATURE + b"pixels" + screen.PNG_END
DEVICES = (
    b"R58M1234567            device usb:1-4.2 product:a52q model:SM_A525F device:a52q transport_id:3\n",
    b"192.168.0.12:5555      offline transport_id:7\nR5  unauthorized usb:1-1 transport_id:9\n",
    b"R5\tno permissions (missing udev rules? user is in the plugdev group); see [url]\n",
)
STATUS = (bytes([0x0A, 4]) + b"1.41" + bytes([0x12, 6]) + b"35.0.2",)
EVENTS = tuple(event(kind) for kind in sorted(PAYLOADS))
BATCH = (b'{"events":[' + b",".join(EVENTS) + b"]}", *EVENTS)
PLAYBOOK = (
    b"title: Health\nsteps:\n  - title: Look\n    kind: shell\n    params: {command: 'id'}\n    probability: 0.5\n",
    b"rackhand: 1\ntitle: 'x'\nsteps:\n- kind: wait\n  params:\n    duration_ms: 5\n  retry_count: 2\n",
)


# -- what reads them


class _Writer:
    """A writer that swallows."""

    transport = SimpleNamespace(abort=lambda: None)

    def write(self, _data: bytes) -> None:
        """Nothing listens."""

    async def drain(self) -> None:
        """Nothing is full."""


def said(answer: bytes) -> Stream:
    """A stream of a device that says this and hangs up."""
    stream = Stream("R5", "shell")
    reader = asyncio.StreamReader()
    reader.feed_data(answer)
    reader.feed_eof()
    stream._reader, stream._writer = reader, _Writer()  # type: ignore[assignment]
    return stream


class Streams:
    """Operations on streams, on one event loop."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._folder = folder
        (folder / "source").write_bytes(b"PK content")

    def close(self) -> None:
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _finish(self, operation: Awaitable[Any]) -> None:
        with suppress(AdbError, asyncio.IncompleteReadError):
            self._loop.run_until_complete(asyncio.wait_for(operation, SLOW_S))

    def shell(self, answer: bytes) -> None:
        output = shell.Output(1_000, None)
        self._finish(shell._converse(said(answer), b"in", output))
        output.finish()
        assert all(len(kept) <= 1_000 for kept in output.kept.values())

    def request(self, answer: bytes) -> None:
        self._finish(said(answer).request("host:tport:serial:R5", "open", Deadlines()))

    def pull(self, answer: bytes) -> None:
        file = self._folder / "pulled"
        self._finish(sync.pull(said(answer), "R5", "/sdcard/x", file, 10_000))
        file.unlink(missing_ok=True)
        assert [path.name for path in self._folder.iterdir()] == ["source"]

    def verdict(self, answer: bytes) -> None:
        self._finish(sync._verdict(said(answer), "R5", "/sdcard/x"))

    def stat(self, answer: bytes) -> None:
        self._finish(sync.stat(said(answer), "/sdcard/x"))

    def install(self, answer: bytes) -> None:
        self._finish(install.install(said(answer), "R5", self._folder / "source"))


def read_event(raw: bytes) -> None:
    parts = [raw]
    with suppress(Malformed):
        parts += codec.split(raw)[0]
    for part in parts:
        with suppress(InvalidEvent):
            envelope, payload = codec.decode_event(part)
            if envelope.type in codec.LEASED:
                codec.to_fact(envelope, payload, NOW)


def read_devices(raw: bytes) -> None:
    with suppress(AdbError):
        protocol.decode_devices(protocol.decode_text(raw))


def read_status(raw: bytes) -> None:
    with suppress(AdbError):
        protocol.decode_server_version(raw)


def read_png(raw: bytes) -> None:
    with suppress(AdbError):
        assert screen.extract_png(raw, "R5").png.startswith(screen.PNG_SIGNATURE)


def read_facts(raw: bytes) -> None:
    text = protocol.decode_text(raw)
    parse.parse_battery(text)
    parse.parse_storage(text)
    parse.parse_properties(text)
    parse.parse_focused_app(text)
    parse.is_media_playing(text)


def read_playbook(raw: bytes) -> None:
    with suppress(Malformed, Invalid):
        portable.parse(raw)


def read_indexes(text: str) -> None:
    with suppress(Invalid):
        ranges = target.parse_indexes(text)
        assert all(1 <= low <= high for low, high in ranges)


@dataclass(frozen=True, slots=True)
class Reader:
    """One thing that reads, its share of the inputs, and what it gets."""

    name: str
    share: int
    read: Callable[[Any], None]
    inputs: st.SearchStrategy[Any]


def readers(streams: Streams) -> tuple[Reader, ...]:
    facts = tuple(path.read_bytes()[:2_000] for path in sorted(FACTS.glob("*.txt")))
    spans = st.text("0123456789-, ;all", max_size=30) | st.text(max_size=20)
    return (
        Reader("callback: bodies and events", 30, read_event, mangled(*BATCH)),
        Reader("adb: shell v2 packets", 14, streams.shell, mangled(*SHELL)),
        Reader("adb: answer to a service", 10, streams.request, mangled(*REQUEST)),
        Reader("adb: sync, pulling a file", 8, streams.pull, mangled(*PULL)),
        Reader("adb: sync, verdict of a push", 6, streams.verdict, mangled(*VERDICT)),
        Reader("adb: sync, stat", 4, streams.stat, mangled(b"STAT" + bytes(12))),
        Reader("adb: answer to an install", 4, streams.install, mangled(*INSTALL)),
        Reader("adb: list of devices", 6, read_devices, mangled(*DEVICES)),
        Reader("adb: server status", 4, read_status, mangled(*STATUS)),
        Reader("device: screen capture", 4, read_png, mangled(PNG, b"[Warning] 2 displays\n" + PNG)),
        Reader("device: dumpsys, df, getprop", 4, read_facts, mangled(*facts)),
        Reader("person: playbook in YAML", 4, read_playbook, mangled(*PLAYBOOK)),
        Reader("person: list of indexes", 2, read_indexes, spans),
    )


def feed(reader: Reader, inputs: int, first_seed: int) -> tuple[int, str]:
    """How many inputs it got, and what was found."""
    count = 0
    while count < inputs:
        wanted = min(ROUND, -(-(inputs - count) // VARIANTS))
        begun = count

        @seed(f"{reader.name} {first_seed} {begun}")
        @settings(
            max_examples=wanted,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            derandomize=False,
        )
        @given(reader.inputs, st.integers(0, 2**32))
        def read(value: Any, number: int) -> None:
            nonlocal count
            chance = random.Random(number)
            for at in range(VARIANTS):
                count += 1
                variant = vary(value, chance) if at else value
                began = time.perf_counter()
                try:
                    reader.read(variant)
                except Exception as error:
                    error.add_note(f"the input was {variant!r}")
                    raise
                assert time.perf_counter() - began < SLOW_S, f"it took over {SLOW_S} s to read {variant!r}"

        try:
            read()
        except Exception:  # noqa: BLE001 - whatever it is, it is what was looked for
            return count, traceback.format_exc()
        if count == begun:
            break
    return count, ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="readers with this in their name")
    words = parser.parse_args()
    rows, findings = list[dict[str, Any]](), list[str]()
    with tempfile.TemporaryDirectory(prefix="rh-fuzz-") as folder:
        streams = Streams(Path(folder))
        chosen = [reader for reader in readers(streams) if words.only in reader.name]
        shares = sum(reader.share for reader in chosen)
        for reader in chosen:
            began = time.perf_counter()
            wanted = -(-words.inputs * reader.share // shares)
            count, found = feed(reader, wanted, words.seed)
            took_s = time.perf_counter() - began
            rows.append({"reader": reader.name, "inputs": count, "seconds": round(took_s, 1), "found": bool(found)})
            print(f"{reader.name:32} {count:>9,} inputs  {took_s:6.1f} s  {'FOUND' if found else 'ok'}", flush=True)
            if found:
                findings.append(found)
        streams.close()
    print(*findings, sep="\n")
    total = sum(row["inputs"] for row in rows)
    print(f"{total:,} inputs, {len(findings)} findings")
    figures = {"date": time.strftime("%Y-%m-%d"), "seed": words.seed, "cpus": os.cpu_count(), "readers": rows}
    if not words.only:
        path = ROOT / "bench" / "results" / "fuzz.json"
        path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
