"""Stories of an agent that is asked to end: steps in flight come to their end, nothing new begins, and its next life
goes on from there; who asks twice does not wait."""

import asyncio
import signal
import sys
from dataclasses import replace
from typing import Any

import pytest

from rackhand.agent.fake import FAST, make_step
from rackhand.agent.main import disk_trouble, stop_on_signals
from rackhand.agent.servertime import ServerTime
from rackhand.core.clock import to_rfc3339

PATIENT = replace(FAST, drain_ms=60_000)
GATED = "echo x >> /sdcard/count; while [ ! -f /sdcard/go ]; do sleep 0.02; done; echo done"


def shell(command: str, **fields: Any) -> dict[str, Any]:
    return make_step("shell", params={"command": command}, **{"timeout_ms": 60_000, **fields})


def count(r: Any) -> int:
    node = r.device().files.get("/sdcard/count")
    return 0 if node is None else r.device().files.read("/sdcard/count").count(b"x")


async def asked_to_end(r: Any, is_patient: bool = True) -> None:
    """Told to end; it asks for no more jobs."""
    r.stop_event.set()
    polls = len(r.server.requests)
    await r.server.until(lambda: len(r.server.requests) > polls)
    assert r.task is not None
    assert not r.task.done()


def test_a_step_in_flight_ends_and_the_next_life_goes_on(rack: Any) -> None:
    async def story() -> None:
        async with rack(periods=PATIENT) as r:
            job = r.server.give("SIM00001", shell("echo first"), shell(GATED), shell("echo last"))
            await r.server.until(lambda: count(r) == 1)
            await asked_to_end(r)
            other = r.server.give("SIM00001", shell("echo other"))
            r.device().files.write("/sdcard/go", b"")
            assert await r.stop() == 0
            assert r.server.steps(job) == [(0, 1, "succeeded"), (1, 1, "succeeded")]
            await r.start()

            assert (await r.server.finished(job)).status == "succeeded"
            assert r.server.steps(job) == [(0, 1, "succeeded"), (1, 1, "succeeded"), (2, 1, "succeeded")]
            assert count(r) == 1
            assert (await r.server.finished(other)).status == "succeeded"

    asyncio.run(story())


def test_a_retry_is_left_to_the_next_life(rack: Any) -> None:
    async def story() -> None:
        async with rack(periods=replace(PATIENT, backoff_ms=lambda _: 60_000)) as r:
            job = r.server.give("SIM00001", shell("exit 1", retry_count=1, effect="repeatable"))
            await r.server.until(lambda: (0, 1, "failed") in r.server.steps(job))
            r.stop_event.set()
            assert await r.stop() == 0, "it does not wait for the back-off"
            await r.start(periods=FAST)

            assert (await r.server.finished(job)).status == "failed"
            assert r.server.steps(job) == [(0, 1, "failed"), (0, 2, "failed")]

    asyncio.run(story())


def test_who_asks_twice_does_not_wait(rack: Any) -> None:
    async def story() -> None:
        async with rack(periods=PATIENT) as r:
            job = r.server.give("SIM00001", shell(GATED, effect="repeatable"))
            await r.server.until(lambda: count(r) == 1)
            await asked_to_end(r)
            r.hurry_event.set()
            assert await r.stop() == 0
            r.device().files.write("/sdcard/go", b"")
            await r.start()

            assert (await r.server.finished(job)).status == "succeeded"
            assert r.server.steps(job) == [(0, 1, "aborted"), (0, 2, "succeeded")]

    asyncio.run(story())


@pytest.mark.skipif(sys.platform == "win32", reason="signals come another way there")
def test_the_second_signal_is_the_hurry() -> None:
    async def story() -> None:
        stop, hurry = asyncio.Event(), asyncio.Event()
        with stop_on_signals(stop, hurry):
            signal.raise_signal(signal.SIGTERM)
            await stop.wait()
            assert not hurry.is_set()
            signal.raise_signal(signal.SIGINT)
            await hurry.wait()

    asyncio.run(story())


def test_a_low_disk_is_the_nodes_trouble(rack: Any) -> None:
    async def story() -> None:
        async with rack(min_free_mb=1 << 30) as r:
            await r.server.until(lambda: "MB left" in (r.server.beats[-1].node.last_error_message or ""))
            assert disk_trouble(replace(r.settings, min_free_mb=0)) == ""
            assert disk_trouble(replace(r.settings, data_dir=r.settings.data_dir / "gone")) == ""

    asyncio.run(story())


def test_a_clock_that_is_off_is_known_once_the_server_told_its_own() -> None:
    time = ServerTime()
    assert time.skew_ms == 0
    time.observe(to_rfc3339(time.now() - 3_600_000))
    assert time.skew_ms == pytest.approx(3_600_000, abs=60_000)
