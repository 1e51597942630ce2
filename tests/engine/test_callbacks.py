"""Stories of callbacks: duplicates, stale leases, late results, poison, and the group commit."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from rackhand.core.errors import Busy
from rackhand.core.lease import Periods
from rackhand.engine.callbacks import CallbackWriter, Request
from rackhand.engine.fake import Lab, item
from rackhand.engine.folding import Item
from rackhand.store.fake import DatabasePlace
from rackhand.wire.messages import Job

Tell = Callable[[Callable[[Lab], Awaitable[None]]], None]


async def claimed(lab: Lab, *steps: dict[str, object], phones: int = 1) -> tuple[str, Job]:
    await lab.node("PC-01", phones)
    run = await lab.run(await lab.playbook(*steps))
    return run.view.id, (await lab.pull("PC-01")).jobs[0]


def test_a_whole_history_makes_a_succeeded_run(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await claimed(lab, {"kind": "screenshot"}, {"kind": "wait", "params": {"duration_ms": 1}})
        results = await lab.execute("PC-01", job)
        assert {result.status for result in results} == {"accepted"}
        view = await lab.view(run_id)
        assert (view.run.status, view.counts["succeeded"], view.heatmap.packed) == ("succeeded", 1, "4")
        device = await lab.device(run_id, 1)
        assert [(s.status, s.decision, s.is_draw_flagged) for s in device.steps] == [
            ("succeeded", "executed", False)
        ] * 2

    in_lab(story)


def test_a_repeated_event_is_a_duplicate_and_changes_nothing(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await claimed(lab)
        event = lab.started("PC-01", job)
        assert [r.status for r in await lab.report(event, event)] == ["accepted", "duplicate"]
        rev = (await lab.view(run_id)).rev
        assert [r.status for r in await lab.report(event)] == ["duplicate"]
        assert (await lab.view(run_id)).rev == rev

    in_lab(story)


def test_a_duplicate_is_checked_before_the_lease(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        _, job = await claimed(lab)
        event = lab.started("PC-01", job)
        await lab.report(event)
        assert [r.status for r in await lab.report(event | {"lease_token": "another"})] == ["duplicate"]

    in_lab(story)


def test_an_unknown_lease_is_stale_and_stays_so(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await claimed(lab)
        event = lab.started("PC-01", job) | {"lease_token": "nobodys"}
        assert [r.status for r in await lab.report(event)] == ["stale"]
        assert [r.status for r in await lab.report(event | {"lease_token": job.lease.token})] == ["stale"]
        assert (await lab.view(run_id)).counts["queued"] == 1

    in_lab(story)


def test_a_node_cannot_use_the_lease_of_another(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await claimed(lab)
        await lab.node("PC-02", 1)
        assert [r.status for r in await lab.report(lab.started("PC-02", job))] == ["stale"]
        assert (await lab.view(run_id)).counts["running"] == 0

    in_lab(story)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"run_id": "other"}, "the lease is of device"),
        ({"device_index": 7}, "the lease is of device"),
        ({"step_index": 9}, "step_index must be below 1"),
        ({"attempt": 0}, "attempt must be from 1"),
        ({"probability": 1.5}, "probability and draw"),
        ({"status": "queued"}, "payload of run_step_update"),
    ],
)
def test_an_event_that_does_not_fit_its_lease_is_invalid(in_lab: Tell, change: dict[str, object], reason: str) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await claimed(lab)
        event = lab.step("PC-01", job, 2, 0, "succeeded")
        event["payload"] = event["payload"] | change
        bad, good = await lab.report(event, lab.started("PC-01", job))
        assert (bad.status, good.status) == ("invalid", "accepted")
        assert reason in (bad.error or "")
        assert (await lab.device(run_id, 1)).steps[0].attempts == []

    in_lab(story)


def test_a_wrong_draw_is_kept_and_flagged(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await claimed(lab)
        await lab.report(lab.step("PC-01", job, 2, 0, "succeeded", draw=0.125))
        step = (await lab.device(run_id, 1)).steps[0]
        assert (step.draw, step.is_draw_flagged) == (0.125, True)

    in_lab(story)


def test_failed_steps_that_say_continue_are_warnings(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await claimed(
            lab, {"kind": "screenshot", "on_failure": "continue"}, {"kind": "screenshot", "on_failure": "continue"}
        )
        await lab.report(
            lab.started("PC-01", job),
            lab.step("PC-01", job, 2, 0, "failed", error_message="black screen"),
            lab.step("PC-01", job, 3, 1, "failed"),
            lab.step("PC-01", job, 4, 1, "succeeded", attempt=2),
            lab.event("PC-01", job, "task_finished", 5, status="succeeded"),
        )
        view = await lab.view(run_id)
        assert (view.run.status, view.heatmap.devices[0].warning_count) == ("succeeded", 1)

    in_lab(story)


def test_a_step_that_asks_to_stop_the_run_stops_what_is_queued(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await claimed(lab, {"kind": "screenshot", "on_failure": "stop_run"}, phones=3)
        await lab.execute("PC-01", job, "failed")
        view = await lab.view(run_id)
        assert (view.run.status, view.counts["failed"], view.counts["stopped"]) == ("failed", 1, 2)
        assert "asks to stop the run" in (view.heatmap.devices[2].last_error_message or "")

    in_lab(story)


def test_device_trouble_does_not_stop_the_run(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await claimed(lab, {"kind": "screenshot", "on_failure": "stop_run"}, phones=2)
        await lab.report(
            lab.started("PC-01", job),
            lab.step("PC-01", job, 2, 0, "timed_out"),
            lab.event("PC-01", job, "task_finished", 3, status="failed", error_message="device stopped answering"),
        )
        assert (await lab.view(run_id)).counts["queued"] == 1

    in_lab(story)


def test_results_of_a_lost_lease_are_kept_as_late(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await claimed(lab)
        await lab.report(lab.started("PC-01", job), lab.step("PC-01", job, 2, 0, "running"))
        await lab.sweep(after_ms=50_000)
        assert (await lab.view(run_id)).counts["lost"] == 1
        results = await lab.report(
            lab.step("PC-01", job, 3, 0, "succeeded", output_tail="done"),
            lab.event("PC-01", job, "task_finished", 4, status="succeeded"),
        )
        assert [r.status for r in results] == ["stale", "stale"]
        view = await lab.view(run_id)
        assert (view.run.status, view.counts["lost"]) == ("failed", 1)
        assert (view.heatmap.devices[0].status, view.heatmap.devices[0].late_status) == ("lost", "succeeded")
        attempt = (await lab.device(run_id, 1)).steps[0].attempts[0]
        assert (attempt.status, attempt.late, attempt.late_status, attempt.output_tail) == (
            "aborted",
            True,
            "succeeded",
            "done",
        )

    in_lab(story)


def test_events_that_come_after_the_end_of_their_lease_fill_in_steps(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await claimed(lab)
        end = lab.event("PC-01", job, "task_finished", 3, status="succeeded")
        assert [r.status for r in await lab.report(end)] == ["accepted"]
        late = await lab.report(lab.step("PC-01", job, 2, 0, "succeeded"), lab.started("PC-01", job))
        assert [r.status for r in late] == ["accepted", "accepted"]
        assert [r.status for r in await lab.report(lab.step("PC-01", job, 4, 0, "failed"))] == ["stale"]
        assert (await lab.device(run_id, 1)).steps[0].status == "succeeded"

    in_lab(story)


def test_nul_and_broken_characters_are_replaced(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await claimed(lab)
        await lab.report(lab.step("PC-01", job, 2, 0, "failed", error_message="a\x00b"))
        assert (await lab.device(run_id, 1)).steps[0].attempts[0].error_message == "a\ufffdb"

    in_lab(story)


def test_a_beat_renews_live_leases_and_cancels_the_others(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        _, job = await claimed(lab)
        reply = await lab.beat("PC-01", leases=[job.lease.token, "gone"])
        assert [r.token for r in reply.renewed] == [job.lease.token]
        assert reply.cancelled == ("gone",)

    in_lab(story)


def writer(lab: Lab, woken: list[str]) -> CallbackWriter:
    return CallbackWriter(lab.db, Periods(), woken.append)


def test_the_writer_answers_each_request_after_one_group_commit(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await claimed(lab, phones=2)
        woken: list[str] = []
        queue = writer(lab, woken)
        events = [lab.started("PC-01", job), lab.event("PC-01", job, "task_finished", 2, status="succeeded")]
        waiting = [asyncio.create_task(queue.submit(Request("PC-01", (item(event),)))) for event in events]
        await asyncio.sleep(0)
        await queue.start()
        replies = await asyncio.gather(*waiting)
        assert [reply.results[0].status for reply in replies] == ["accepted", "accepted"]
        assert woken == ["PC-01"]
        await queue.close()
        assert (await lab.view(run_id)).counts["succeeded"] == 1
        with pytest.raises(Busy):
            await queue.submit(Request("PC-01", (item(events[0]),)))

    in_lab(story)


def test_a_request_that_breaks_the_commit_hurts_nobody_else(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await claimed(lab)
        good = item(lab.started("PC-01", job))
        poison = item(lab.step("PC-01", job, 2, 0, "succeeded"))
        assert poison.event is not None
        poison = replace(poison, payload=None)  # a fault of ours: the fold will raise on it
        queue = writer(lab, [])
        first = asyncio.create_task(queue.submit(Request("PC-01", (good,))))
        second = asyncio.create_task(queue.submit(Request("PC-01", (poison,))))
        await asyncio.sleep(0)
        await queue.start()
        assert (await first).results[0].status == "accepted"
        with pytest.raises(AttributeError):
            await second
        await queue.close()
        assert (await lab.view(run_id)).counts["running"] == 1

    in_lab(story)


def test_a_full_queue_is_busy(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            queue = CallbackWriter(db, Periods(), lambda _: None)
            with pytest.raises(Busy):
                await queue.submit(Request("PC-01", (Item("x"),) * 50_001))

    asyncio.run(story())
