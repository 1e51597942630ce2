"""Stories of silence: whatever dies, every run ends, and an outage of the servers hurts nobody."""

from collections.abc import Awaitable, Callable

import pytest

from rackhand.core.lease import Periods
from rackhand.engine import closing, runs
from rackhand.engine.fake import Lab, phone
from rackhand.store import leases
from rackhand.store.db import Tx
from rackhand.wire.messages import Job

Tell = Callable[[Callable[[Lab], Awaitable[None]]], None]


async def running(lab: Lab, phones: int = 3) -> tuple[str, Job]:
    await lab.node("PC-01", phones)
    run = await lab.run(await lab.playbook())
    job = (await lab.pull("PC-01")).jobs[0]
    await lab.report(lab.started("PC-01", job), lab.step("PC-01", job, 2, 0, "running"))
    await lab.sweep()
    return run.view.id, job


def test_a_silent_node_loses_what_it_started_and_the_run_ends(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, _ = await running(lab)
        await lab.sweep(after_ms=60_000)
        view = await lab.view(run_id)
        assert (view.run.status, view.counts["lost"], view.counts["skipped_offline"]) == ("failed", 1, 2)
        assert "went silent" in (view.last_error_message or "")
        step = (await lab.device(run_id, 1)).steps[0]
        assert (step.status, step.attempts[0].late) == ("aborted", False)

    in_lab(story)


def test_a_node_that_beats_keeps_its_lease(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await running(lab)
        for _ in range(12):
            await lab.beat("PC-01", leases=[job.lease.token])
            await lab.sweep(after_ms=10_000)
        assert (await lab.view(run_id)).counts["running"] == 1

    in_lab(story)


def test_an_unstarted_lease_goes_back_three_times_then_is_lost(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        run = await lab.run(await lab.playbook())
        await lab.sweep()
        for epoch in (1, 2, 3, 4):
            job = (await lab.pull("PC-01")).jobs[0]
            assert job.lease.epoch == epoch
            for _ in range(4):
                await lab.beat("PC-01")
                await lab.sweep(after_ms=9_000)
        view = await lab.view(run.view.id)
        assert (view.run.status, view.counts["lost"]) == ("failed", 1)
        assert "4 times" in (view.last_error_message or "")

    in_lab(story)


def test_an_outage_of_all_servers_fails_no_lease(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await running(lab)
        lab.clock.advance(600_000)
        swept = await lab.sweep()
        assert swept.gap_ms == 600_000
        counts = (await lab.view(run_id)).counts
        assert (counts["running"], counts["queued"]) == (1, 2)
        await lab.beat("PC-01", leases=[job.lease.token])
        await lab.sweep(after_ms=20_000)
        assert (await lab.view(run_id)).counts == counts

    in_lab(story)


def test_after_an_outage_a_node_that_stays_silent_is_given_up_in_time(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, _ = await running(lab)
        lab.clock.advance(600_000)
        await lab.sweep()
        await lab.sweep(after_ms=60_000)
        assert (await lab.view(run_id)).run.status == "failed"

    in_lab(story)


def test_a_clock_that_is_set_back_closes_nothing(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await running(lab)
        lab.clock.advance(-3_600_000)
        assert (await lab.sweep()).gap_ms == -3_600_000
        await lab.beat("PC-01", leases=[job.lease.token])
        await lab.sweep(after_ms=8_000)
        assert (await lab.view(run_id)).counts["running"] == 1

    in_lab(story)


def test_a_run_past_its_deadline_ends(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 2)
        run = await lab.run(await lab.playbook(), policy={"deadline_s": 30})
        job = (await lab.pull("PC-01")).jobs[0]
        await lab.report(lab.started("PC-01", job))
        await lab.sweep()
        for _ in range(4):
            await lab.beat("PC-01", leases=[job.lease.token])
            await lab.sweep(after_ms=9_000)
        view = await lab.view(run.view.id)
        assert (view.run.status, view.counts["failed"]) == ("failed", 2)
        assert "deadline" in (view.last_error_message or "")

    in_lab(story)


def test_stop_ends_a_run_even_if_the_agent_is_gone(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await running(lab)
        stopped = await lab.db.write(runs.stop_run, run_id, Periods())
        assert (stopped.view.status, stopped.view.counts["stopped"]) == ("stopping", 2)
        assert "PC-01" in stopped.wake
        assert (await lab.pull("PC-01", held=[job.lease.token])).cancelled == [job.lease.token]
        await lab.sweep(after_ms=16_000)
        view = await lab.view(run_id)
        assert (view.run.status, view.counts["stopped"]) == ("stopped", 3)
        again = await lab.db.write(runs.stop_run, run_id, Periods())
        assert again.view.status == "stopped"

    in_lab(story)


def test_stop_that_the_agent_confirms_ends_at_once(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await running(lab)
        await lab.db.write(runs.stop_run, run_id, Periods())
        await lab.report(
            lab.step("PC-01", job, 3, 0, "aborted"),
            lab.event("PC-01", job, "task_finished", 4, status="stopped", error_message="stopped by an operator"),
        )
        assert (await lab.view(run_id)).run.status == "stopped"

    in_lab(story)


def test_a_pass_with_nothing_due_changes_nothing(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await running(lab)
        rev = (await lab.view(run_id)).rev
        await lab.beat("PC-01", leases=[job.lease.token])
        swept = await lab.sweep(after_ms=1_000)
        assert (swept.closed, (await lab.view(run_id)).rev) == (0, rev)

    in_lab(story)


def test_a_run_that_breaks_the_sweep_holds_up_no_other_and_is_mended(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 2)
        book = await lab.playbook()
        bad, good = await lab.run(book), await lab.run(book)
        await lab.report(*(lab.started("PC-01", job) for job in (await lab.pull("PC-01")).jobs))
        await lab.sweep()
        await lab.db.write(spoil, bad.view.id)
        swept = await lab.sweep(after_ms=60_000)
        assert (await lab.view(good.view.id)).run.status == "failed"
        assert (await lab.view(bad.view.id)).run.status == "failed"
        assert (await lab.view(bad.view.id)).counts["lost"] == 1
        assert (swept.gap_ms, swept.failures) == (None, 0)

    in_lab(story)


def spoil(tx: Tx, run_id: str) -> None:
    """Counts that no transaction of ours would leave."""
    tx.conn.exec_driver_sql(f"UPDATE runs SET count_running = 0, count_queued = count_total WHERE id = '{run_id}'")


def test_a_run_that_cannot_be_closed_is_pushed_away_and_tried_again(
    in_lab: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise LookupError("a row that nobody expected")

    async def story(lab: Lab) -> None:
        run_id, _ = await running(lab, 1)
        with monkeypatch.context() as broken:
            broken.setattr(closing, "settle", refuse)
            await lab.sweep(after_ms=44_000)
            swept = await lab.sweep(after_ms=2_000)
            assert (swept.failures, swept.closed) == (3, 0)
            assert (await lab.sweep(after_ms=1_000)).failures == 0
        assert (await lab.view(run_id)).run.status == "running"
        await lab.sweep(after_ms=80_000)
        assert (await lab.view(run_id)).run.status == "failed"

    in_lab(story)


def test_a_run_past_its_deadline_with_nothing_open_ends(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id, job = await running(lab, 1)
        await lab.execute("PC-01", job)
        await lab.db.write(reopen, run_id)
        assert (await lab.view(run_id)).run.status == "running"
        await lab.sweep(after_ms=4_000)
        view = await lab.view(run_id)
        assert (view.run.status, view.counts["succeeded"], view.counts["running"]) == ("succeeded", 1, 0)

    in_lab(story)


def reopen(tx: Tx, run_id: str) -> None:
    """What a crash of another program could leave: a run that waits for nothing."""
    values = "status = 'running', finished_at = NULL, deadline_at = 1, count_running = 1, count_succeeded = 0"
    tx.conn.exec_driver_sql(f"UPDATE runs SET {values} WHERE id = '{run_id}'")


def test_with_a_wait_the_queue_outlives_a_silent_node(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        phones = await lab.node("PC-01", 2)
        await lab.sweep()
        waiting = {"offline": {"wait_s": 600}}
        early = await lab.run(await lab.playbook(), policy=waiting)
        await lab.sweep(after_ms=60_000)
        late = await lab.run(await lab.playbook(), policy=waiting)
        await lab.sweep(after_ms=4_000)
        for run in (early, late):
            assert (await lab.view(run.view.id)).counts["queued"] == 2
        await lab.beat("PC-01", phones)
        assert len((await lab.pull("PC-01")).jobs) == 2
        await lab.sweep(after_ms=700_000)
        for run in (early, late):
            assert (await lab.view(run.view.id)).counts["skipped_offline"] == 2

    in_lab(story)


def test_a_device_that_is_back_waits_for_its_turn_and_not_for_a_deadline(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        phones = await lab.node("PC-01", 1)
        await lab.beat("PC-01", [*phones, phone("B", online=False)])
        await lab.beat("PC-01", [*phones, phone("B")])
        await lab.beat("PC-01", [*phones, phone("B", online=False)])
        run = await lab.run(await lab.playbook(), policy={"offline": {"wait_s": 60}})
        job = (await lab.pull("PC-01")).jobs[0]
        await lab.report(lab.started("PC-01", job))
        await lab.beat("PC-01", [*phones, phone("B")], [job.lease.token])
        await lab.sweep()
        for _ in range(16):
            await lab.beat("PC-01", leases=[job.lease.token])
            await lab.sweep(after_ms=5_000)
        counts = (await lab.view(run.view.id)).counts
        assert (counts["running"], counts["queued"]) == (1, 1)

    in_lab(story)


def test_long_graces_of_many_do_not_hide_the_others(in_lab: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 3)
        book = await lab.playbook()
        long = {"grace_wait_ms": 3_600_000, "concurrency": 2}
        patient = await lab.run(book, {"scope": "indexes", "indexes": "1-2"}, policy=long)
        hasty = await lab.run(book, {"scope": "indexes", "indexes": "3"})
        await lab.report(*(lab.started("PC-01", job) for job in (await lab.pull("PC-01")).jobs))
        await lab.sweep()
        monkeypatch.setattr(leases, "SWEEP_LIMIT", 1)
        await lab.sweep(after_ms=50_000)
        assert (await lab.view(hasty.view.id)).counts["lost"] == 1
        assert (await lab.view(patient.view.id)).counts["running"] == 2

    in_lab(story)
