"""Stories of getting work: redelivery, lost answers, cancellation, capacity, contact lost and found."""

import asyncio
from dataclasses import replace
from typing import Any

from rackhand.agent.fake import FAST, make_step


def shell(command: str, **fields: Any) -> dict[str, Any]:
    return make_step("shell", params={"command": command}, **{"timeout_ms": 60_000, **fields})


def marks(r: Any, number: int = 1) -> int:
    return sum("mark" in command for command in r.device(number).journal.commands())


def test_a_job_whose_answer_was_lost_is_delivered_again_and_runs_once(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            r.server.lost_answers = 2
            job = r.server.give("SIM00001", shell("echo mark"))

            assert (await r.server.finished(job)).status == "succeeded"
            assert marks(r) == 1

    asyncio.run(story())


def test_a_job_that_comes_twice_is_recognised(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("echo mark; sleep 600"))
            await r.server.until(lambda: marks(r) == 1)
            r.server.jobs[job.lease.token] = job
            pulls = r.server.requests.count("POST /api/nodes/pull")
            await r.server.until(lambda: r.server.requests.count("POST /api/nodes/pull") > pulls + 2)
            r.server.cancel(job.lease.token)
            await r.server.finished(job)

            assert marks(r) == 1
            assert len(r.server.of("task_started")) == 1

    asyncio.run(story())


def test_two_devices_work_at_the_same_time(rack: Any) -> None:
    async def story() -> None:
        async with rack(devices=2) as r:
            jobs = [r.server.give(f"SIM0000{n}", shell("echo mark; sleep 600")) for n in (1, 2)]
            await r.server.until(lambda: marks(r, 1) and marks(r, 2))
            r.server.cancel(*(job.lease.token for job in jobs))

            assert [(await r.server.finished(job)).status for job in jobs] == ["stopped", "stopped"]

    asyncio.run(story())


def test_capacity_bounds_the_jobs_and_a_freed_slot_is_used_at_once(rack: Any) -> None:
    async def story() -> None:
        periods = replace(FAST, pull_wait_ms=30_000)
        async with rack(devices=2, capacity=1, periods=periods) as r:
            first = r.server.give("SIM00001", shell("echo mark; sleep 600"))
            await r.server.until(lambda: marks(r, 1))
            second = r.server.give("SIM00002", shell("echo mark"))
            assert second.lease.token in r.server.jobs
            r.server.cancel(first.lease.token)

            assert (await r.server.finished(second)).status == "succeeded"

    asyncio.run(story())


def test_a_cancelled_lease_ends_the_step_on_the_device(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("echo mark; sleep 600", retry_count=3, effect="repeatable"))
            await r.server.until(lambda: marks(r))
            r.server.cancel(job.lease.token)
            end = await r.server.finished(job)

            assert (end.status, end.error_message) == ("stopped", "stopped at step 1 (Run a shell command)")
            assert r.server.steps(job) == [(0, 1, "aborted")]
            assert r.device().journal.of("killed")

    asyncio.run(story())


def test_a_cancelled_lease_ends_the_wait_for_a_device(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("echo mark; sleep 600"), policy={"grace_wait_ms": 60_000})
            await r.server.until(lambda: marks(r))
            r.fleet.fault(1, "refuse")
            await r.server.until(lambda: r.server.of("task_progress"))
            r.server.cancel(job.lease.token)

            assert (await r.server.finished(job)).status == "stopped"

    asyncio.run(story())


def test_out_of_contact_the_step_ends_and_goes_on_when_the_lease_is_renewed(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            r.server.ttl_ms = 300
            command = "echo mark >> /sdcard/m; if [ ! -f /sdcard/go ]; then sleep 600; fi"
            job = r.server.give("SIM00001", shell(command, effect="repeatable"), policy={"grace_wait_ms": 200})
            await r.server.until(lambda: marks(r))
            r.server.answer_status = 503
            await r.device().journal.wait_for("killed")
            assert marks(r) == 1
            r.device().files.write("/sdcard/go", b"")
            r.server.ttl_ms = 60_000
            r.server.answer_status = 0

            assert (await r.server.finished(job)).status == "succeeded"
            assert r.server.steps(job) == [(0, 1, "aborted"), (0, 2, "succeeded")]
            aborted = next(u for u in r.server.of("run_step_update") if u.status == "aborted")
            assert aborted.error_message == "ended by the agent: it has no contact with the server"

    asyncio.run(story())


def test_results_survive_a_server_that_is_away(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("echo mark; while [ ! -f /sdcard/go ]; do sleep 0.02; done"))
            await r.server.until(lambda: marks(r))
            r.server.answer_status = 500
            r.device().files.write("/sdcard/go", b"")
            await r.device().journal.wait_for("exit", rc=0)
            asked = len(r.server.requests)
            await r.server.until(lambda: len(r.server.requests) > asked + 5)
            assert r.server.of("task_finished") == []
            r.server.answer_status = 0

            assert (await r.server.finished(job)).status == "succeeded"

    asyncio.run(story())


def test_a_cancelled_lease_that_takes_long_to_end_is_not_asked_about_again(rack: Any) -> None:
    async def story() -> None:
        async with rack(periods=replace(FAST, cleanup_ms=1_000, pull_wait_ms=30_000)) as r:
            job = r.server.give("SIM00001", shell("echo mark; sleep 600"))
            await r.server.until(lambda: marks(r))
            r.fleet.fault(1, "mute")
            r.server.cancel(job.lease.token)
            pulls = r.server.requests.count("POST /api/nodes/pull")
            await r.server.finished(job)

            assert r.server.requests.count("POST /api/nodes/pull") <= pulls + 3

    asyncio.run(story())


def test_a_cancelled_lease_ends_the_back_off(rack: Any) -> None:
    async def story() -> None:
        async with rack(periods=replace(FAST, backoff_ms=lambda _: 600_000)) as r:
            job = r.server.give("SIM00001", shell("exit 1", retry_count=1))
            await r.server.until(lambda: r.server.steps(job))
            r.server.cancel(job.lease.token)

            assert (await r.server.finished(job)).status == "stopped"

    asyncio.run(story())


def test_an_agent_that_ends_takes_no_new_work(rack: Any) -> None:
    async def story() -> None:
        async with rack(periods=replace(FAST, cleanup_ms=1_000)) as r:
            slow = r.server.give("SIM00001", shell("echo mark; sleep 600"))
            await r.server.until(lambda: marks(r))
            r.fleet.fault(1, "mute")  # its end takes a while
            ending = asyncio.create_task(r.stop())
            await r.server.pause(20)
            late = r.server.give("SIM00001", shell("echo late"))
            await ending

            assert late.lease.token in r.server.jobs
            assert r.server.of("task_started", late.lease.token) == []
            assert r.server.of("task_finished", slow.lease.token) == []

    asyncio.run(story())
