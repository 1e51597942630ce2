"""Stories of one device run: what the operator's steps do on a device, and what the server hears of it."""

import asyncio
from typing import Any

from rackhand.agent.fake import make_step
from rackhand.core import dice

ECHO = {"command": "echo hello"}


def shell(command: str, **fields: Any) -> dict[str, Any]:
    return make_step("shell", params={"command": command}, **fields)


def test_a_run_succeeds_and_every_step_is_told(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("echo hello; echo world"), make_step("screenshot"))
            end = await r.server.finished(job)
            await r.server.until(lambda: len(r.server.uploads) == 2)

            assert (end.status, end.error_message) == ("succeeded", None)
            assert r.server.steps(job) == [(0, 1, "succeeded"), (1, 1, "succeeded")]
            first = next(u for u in r.server.of("run_step_update") if u.status == "succeeded")
            assert (first.exit_code, first.output_tail, first.output_lines) == (0, "hello\nworld\n", 2)
            assert first.started_at is not None
            assert first.finished_at is not None
            kinds = {a.kind: r.server.uploads[a.artifact_id] for a in r.server.of("artifact_created")}
            assert kinds["log"] == b"hello\nworld\n"
            assert kinds["screenshot"].startswith(b"\x89PNG")

    asyncio.run(story())


def test_events_of_a_lease_are_numbered_from_one(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("echo 1"), shell("echo 2"))
            await r.server.finished(job)

            seqs = [s.event.seq for s in r.server.events if s.event.lease_token == job.lease.token]
            assert seqs == list(range(1, len(seqs) + 1))
            assert next(s.type for s in r.server.events) == "task_started"

    asyncio.run(story())


def test_the_device_is_not_touched_before_the_start_was_acknowledged(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            r.server.judge = lambda event: "stale" if event.lease_token == "lease-1" else ""
            job = r.server.give("SIM00001", shell("touch /sdcard/mark"))
            await r.server.until(lambda: r.server.jobs.pop(job.lease.token, None) if r.server.refused else None)
            other = r.server.give("SIM00001", shell("echo other"))
            await r.server.finished(other)

            assert not any("touch" in command for command in r.device().journal.commands())
            assert r.server.of("run_step_update", job.lease.token) == []

    asyncio.run(story())


def test_the_dice_say_no_and_say_it_in_every_event(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("echo never", probability=0.0), shell("echo yes"), seed=42)
            await r.server.finished(job)

            skipped = r.server.of("run_step_update")[0]
            assert (skipped.status, skipped.decision, skipped.probability) == ("skipped", "skipped", 0.0)
            assert skipped.draw == dice.draw(42, job.dice_index, 0)
            assert r.server.steps(job) == [(0, 1, "skipped"), (1, 1, "succeeded")]
            assert not any("never" in command for command in r.device().journal.commands())

    asyncio.run(story())


def test_a_failed_step_is_retried_within_its_budget(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            command = "if [ -f /sdcard/mark ]; then echo ok; else touch /sdcard/mark; exit 3; fi"
            job = r.server.give("SIM00001", shell(command, retry_count=1))
            end = await r.server.finished(job)

            assert end.status == "succeeded"
            assert r.server.steps(job) == [(0, 1, "failed"), (0, 2, "succeeded")]

    asyncio.run(story())


def test_a_failed_step_ends_the_device_run_in_words(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("exit 3", title="Do it"), shell("echo next"))
            end = await r.server.finished(job)

            assert end.status == "failed"
            assert end.error_message == "step 1 (Do it) failed: exit code 3"
            assert r.server.steps(job) == [(0, 1, "failed")]
            assert r.server.of("task_progress") == []

    asyncio.run(story())


def test_a_failed_step_that_may_continue_is_a_warning(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("exit 3", on_failure="continue"), shell("echo next"))

            assert (await r.server.finished(job)).status == "succeeded"
            assert r.server.steps(job) == [(0, 1, "failed"), (1, 1, "succeeded")]

    asyncio.run(story())


def test_stop_run_fails_the_device_run(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("exit 3", on_failure="stop_run"), shell("echo next"))

            assert (await r.server.finished(job)).status == "failed"
            assert r.server.steps(job) == [(0, 1, "failed")]

    asyncio.run(story())


def test_a_step_past_its_deadline_is_killed_on_the_device(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("sleep 600; echo late", timeout_ms=300), shell("echo next"))
            end = await r.server.finished(job)

            assert r.server.steps(job) == [(0, 1, "timed_out")]
            assert end.status == "failed"
            assert r.device().journal.of("killed")[0].facts["pids"]

    asyncio.run(story())


def test_bad_steps_of_a_job_are_refused_in_words(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            unreadable = r.server.give("SIM00001", {"title": "no kind"})
            unknown = r.server.give("SIM00001", {**shell("echo"), "kind": "teleport"})

            assert "step 1 of the job cannot be read" in (await r.server.finished(unreadable)).error_message
            assert "does not know the command kind 'teleport'" in (await r.server.finished(unknown)).error_message

    asyncio.run(story())


def test_running_output_is_told_while_it_comes(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("echo early; sleep 600", timeout_ms=60_000))

            def running() -> list[Any]:
                return [u for u in r.server.of("run_step_update") if u.status == "running" and u.output_tail]

            await r.server.until(running)
            r.server.cancel(job.lease.token)
            end = await r.server.finished(job)

            assert running()[0].output_tail == "early\n"
            assert end.status == "stopped"
            assert r.server.steps(job) == [(0, 1, "aborted")]
            assert r.device().journal.of("killed")

    asyncio.run(story())


def test_a_wait_may_be_longer_than_its_timeout(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", make_step("wait", params={"duration_ms": 60}, timeout_ms=20))

            assert (await r.server.finished(job)).status == "succeeded"

    asyncio.run(story())
