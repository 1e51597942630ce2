"""Stories of an agent that ends in the middle of work: what it does when it comes back. Once with a real kill -9."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rackhand.agent.fake import make_step

HERE = Path(__file__).parent
GATED = "echo x >> /sdcard/count; if [ ! -f /sdcard/go ]; then sleep 600; fi; echo done"


def shell(command: str, **fields: Any) -> dict[str, Any]:
    return make_step("shell", params={"command": command}, **{"timeout_ms": 60_000, **fields})


def count(r: Any) -> int:
    node = r.device().files.get("/sdcard/count")
    return 0 if node is None else r.device().files.read("/sdcard/count").count(b"x")


def test_a_repeatable_step_is_taken_up_again_without_charge(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("echo first"), shell(GATED, effect="repeatable"), shell("echo last"))
            await r.server.until(lambda: count(r) == 1)
            assert await r.stop() == 0
            assert r.device().journal.of("killed")
            r.device().files.write("/sdcard/go", b"")
            await r.start()
            end = await r.server.finished(job)

            assert end.status == "succeeded"
            assert r.server.steps(job) == [
                (0, 1, "succeeded"),
                (1, 1, "aborted"),
                (1, 2, "succeeded"),
                (2, 1, "succeeded"),
            ]
            assert len(r.server.of("task_started")) == 1
            seqs = [s.event.seq for s in r.server.events if s.event.lease_token == job.lease.token]
            assert seqs == sorted(set(seqs))

    asyncio.run(story())


def test_a_once_step_is_never_repeated(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell(GATED, retry_count=3, on_failure="continue"), shell("echo last"))
            await r.server.until(lambda: count(r) == 1)
            await r.stop()
            r.device().files.write("/sdcard/go", b"")
            await r.start()

            assert (await r.server.finished(job)).status == "succeeded"
            assert r.server.steps(job) == [(0, 1, "aborted"), (1, 1, "succeeded")]
            assert count(r) == 1

    asyncio.run(story())


def test_of_a_lease_that_ended_meanwhile_only_the_attempt_in_flight_is_reported(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell(GATED, effect="repeatable"))
            await r.server.until(lambda: count(r) == 1)
            await r.stop()
            r.server.cancel(job.lease.token)
            await r.start()
            other = r.server.give("SIM00001", shell("echo other"))
            await r.server.finished(other)

            assert r.server.steps(job) == [(0, 1, "aborted")]
            assert [s for s in r.server.events if s.event.lease_token == job.lease.token][
                -1
            ].event.type != "task_finished"
            assert count(r) == 1

    asyncio.run(story())


def test_nothing_is_done_before_the_lease_is_renewed(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell(GATED, effect="repeatable"))
            await r.server.until(lambda: count(r) == 1)
            await r.stop()
            r.server.answer_status = 503
            restart = asyncio.create_task(r.start())
            asked = len(r.server.requests)
            await r.server.until(lambda: len(r.server.requests) > asked + 10)
            assert count(r) == 1

            r.device().files.write("/sdcard/go", b"")
            r.server.answer_status = 0
            await restart
            assert (await r.server.finished(job)).status == "succeeded"
            assert count(r) == 2

    asyncio.run(story())


@asynccontextmanager
async def process(r: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / "agent_process.py"),
        r.server.url,
        str(r.fleet.server_port),
        str(r.settings.data_dir),
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


def test_kill_9_in_mid_step_loses_nothing_and_repeats_no_once_step(rack: Any) -> None:
    async def story() -> None:
        async with rack(devices=2, is_started=False) as r:
            async with process(r) as child:
                done = r.server.give("SIM00002", shell("echo done"))
                job = r.server.give("SIM00001", shell("echo one"), shell(GATED, on_failure="continue"), shell("echo 3"))
                await r.server.finished(done)
                await r.server.until(lambda: count(r) == 1)
                child.send_signal(signal.SIGKILL)
                await child.wait()
            r.device().files.write("/sdcard/go", b"")
            async with process(r) as child:
                end = await r.server.finished(job)
                child.send_signal(signal.SIGTERM)
                code = await child.wait()

            assert code == 0
            assert end.status == "succeeded"
            assert r.server.steps(job) == [(0, 1, "succeeded"), (1, 1, "aborted"), (2, 1, "succeeded")]
            assert count(r) == 1

    asyncio.run(story())


def test_a_full_disk_is_told_touches_no_device_and_loses_nothing(rack: Any, monkeypatch: Any) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    async def story() -> None:
        async with rack() as r:
            first = shell("echo x >> /sdcard/count; while [ ! -f /sdcard/go ]; do sleep 0.02; done")
            job = r.server.give("SIM00001", first, shell("echo 2"))
            await r.server.until(lambda: count(r) == 1)
            with monkeypatch.context() as patch:
                patch.setattr("os.fsync", full)
                r.device().files.write("/sdcard/go", b"")
                await r.server.until(lambda: "No space left" in (r.server.beats[-1].node.last_error_message or ""))
                assert "echo 2" not in r.device().journal.commands()
            end = await r.server.finished(job)

            assert end.status == "succeeded"
            assert r.server.steps(job) == [(0, 1, "succeeded"), (1, 1, "succeeded")]
            assert count(r) == 1

    asyncio.run(story())


def test_a_device_run_whose_task_fails_is_taken_up_again(rack: Any, monkeypatch: Any) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    async def story() -> None:
        async with rack() as r:
            with monkeypatch.context() as patch:
                patch.setattr("rackhand.agent.executor.dice.decide", broken)
                job = r.server.give("SIM00001", shell("echo fine"))
                await r.server.until(lambda: "a bug" in (r.server.beats[-1].node.last_error_message or ""))

            assert (await r.server.finished(job)).status == "succeeded"

    asyncio.run(story())


def test_an_attempt_that_was_cut_is_not_charged_by_a_second_restart(rack: Any) -> None:
    """Out of contact the agent ends the step; the PC restarts before the contact is back."""

    async def story() -> None:
        async with rack() as r:
            r.server.ttl_ms = 300
            job = r.server.give("SIM00001", shell(GATED, effect="repeatable"), policy={"grace_wait_ms": 200})
            await r.server.until(lambda: count(r) == 1)
            r.server.answer_status = 503
            await r.device().journal.wait_for("killed")
            asked = len(r.server.requests)
            await r.server.until(lambda: len(r.server.requests) > asked + 10)
            await r.stop()
            r.device().files.write("/sdcard/go", b"")
            r.server.ttl_ms = 60_000
            r.server.answer_status = 0
            await r.start()

            assert (await r.server.finished(job)).status == "succeeded"
            assert r.server.steps(job) == [(0, 1, "aborted"), (0, 2, "succeeded")]

    asyncio.run(story())


def test_a_device_run_that_fails_for_ever_ends_in_words(rack: Any, monkeypatch: Any) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("rackhand.agent.executor.dice.decide", broken)

    async def story() -> None:
        async with rack() as r:
            end = await r.server.finished(r.server.give("SIM00001", shell("echo never")))

            assert end.status == "failed"
            assert "a bug" in (end.error_message or "")

    asyncio.run(story())
