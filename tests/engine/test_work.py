"""Stories of pulling: who gets which device, in which order, and what a lost answer costs."""

from collections.abc import Awaitable, Callable

from rackhand.engine import enrolment, runs
from rackhand.engine.access import SYSTEM
from rackhand.engine.fake import Lab, phone
from rackhand.store import leases
from rackhand.wire.messages import PullAnswer

Tell = Callable[[Callable[[Lab], Awaitable[None]]], None]


def indexes(answer: PullAnswer) -> list[int]:
    return [job.device.index for job in answer.jobs]


def test_by_default_a_run_drives_one_device_of_a_node_at_a_time(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 3)
        await lab.run(await lab.playbook())
        first = await lab.pull("PC-01")
        assert indexes(first) == [1]
        held = [first.jobs[0].lease.token]
        assert indexes(await lab.pull("PC-01", held=held)) == []
        await lab.execute("PC-01", first.jobs[0])
        assert indexes(await lab.pull("PC-01")) == [2]

    in_lab(story)


def test_concurrency_takes_devices_by_index(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 5)
        await lab.run(await lab.playbook(), policy={"concurrency": 3})
        assert indexes(await lab.pull("PC-01")) == [1, 2, 3]

    in_lab(story)


def test_two_runs_drive_two_phones_of_one_node(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 3)
        playbook = await lab.playbook()
        first, second = await lab.run(playbook), await lab.run(playbook)
        jobs = (await lab.pull("PC-01")).jobs
        assert [(job.run_id, job.device.index) for job in jobs] == [(first.view.id, 1), (second.view.id, 2)]

    in_lab(story)


def test_capacity_of_the_node_bounds_all_runs(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        phones = await lab.node("PC-01", 6)
        await lab.beat("PC-01", phones, concurrency=2)
        await lab.run(await lab.playbook(), policy={"concurrency": 6})
        assert indexes(await lab.pull("PC-01")) == [1, 2]

    in_lab(story)


def test_a_lost_pull_answer_costs_nothing(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 2)
        await lab.run(await lab.playbook())
        lost = await lab.pull("PC-01")
        again = await lab.pull("PC-01")
        assert again.jobs[0].lease.token == lost.jobs[0].lease.token
        assert again.jobs[0].lease.epoch == 1

    in_lab(story)


def test_max_jobs_zero_hands_out_no_job(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 2)
        await lab.run(await lab.playbook())
        assert (await lab.pull("PC-01", max_jobs=0)).jobs == []

    in_lab(story)


def test_a_device_that_is_offline_when_its_turn_comes_is_skipped(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        phones = await lab.node("PC-01", 3)
        run = await lab.run(await lab.playbook())
        gone = [phone(phones[0].serial, online=False, adb_state="offline"), *phones[1:]]
        await lab.beat("PC-01", gone)
        assert indexes(await lab.pull("PC-01")) == [2]
        view = await lab.view(run.view.id)
        assert view.counts["skipped_offline"] == 1
        assert view.heatmap.devices[0].last_error_message == "offline when its turn came"

    in_lab(story)


def test_with_a_wait_an_offline_device_keeps_its_place_until_it_is_back(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        phones = await lab.node("PC-01", 2)
        gone = [phone(phones[0].serial, online=False, adb_state="offline"), phones[1]]
        await lab.beat("PC-01", gone)
        run = await lab.run(await lab.playbook(), policy={"offline": {"wait_s": 20}, "concurrency": 2})
        assert indexes(await lab.pull("PC-01")) == [2]
        await lab.beat("PC-01", phones)
        assert 1 in indexes(await lab.pull("PC-01"))
        assert (await lab.view(run.view.id)).counts["skipped_offline"] == 0

    in_lab(story)


def test_with_a_wait_an_offline_device_is_skipped_when_it_is_over(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        phones = await lab.node("PC-01", 1)
        await lab.beat("PC-01", [phone(phones[0].serial, online=False, adb_state="offline")])
        run = await lab.run(await lab.playbook(), policy={"offline": {"wait_s": 20}})
        await lab.sweep(after_ms=19_000)
        await lab.beat("PC-01")
        assert (await lab.view(run.view.id)).counts["queued"] == 1
        await lab.sweep(after_ms=2_000)
        view = await lab.view(run.view.id)
        assert (view.run.status, view.counts["skipped_offline"]) == ("failed", 1)

    in_lab(story)


def test_a_draining_node_claims_nothing_new(in_lab: Tell) -> None:

    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 2)
        await lab.run(await lab.playbook())
        await lab.db.write(enrolment.drain, SYSTEM, "PC-01", {"drain": True})
        assert (await lab.pull("PC-01")).jobs == []
        await lab.db.write(enrolment.drain, SYSTEM, "PC-01", {"drain": False})
        assert indexes(await lab.pull("PC-01")) == [1]

    in_lab(story)


def test_a_new_run_leaves_the_devices_of_a_draining_node_out(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        await lab.node("PC-02", 1)
        await lab.db.write(enrolment.drain, SYSTEM, "PC-01", {"drain": True})
        run = await lab.run(await lab.playbook())
        devices = (await lab.view(run.view.id)).heatmap.devices
        assert [(d.status, d.last_error_message) for d in devices] == [
            ("skipped_offline", "the device was left out: its node is draining"),
            ("queued", None),
        ]

    in_lab(story)


def test_a_queued_device_that_moves_is_claimed_by_its_new_node(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        phones = await lab.node("PC-01", 2)
        await lab.node("PC-02", 0)
        await lab.run(await lab.playbook())
        await lab.beat("PC-01", phones[:1])
        await lab.beat("PC-02", phones[1:])
        assert indexes(await lab.pull("PC-02")) == [2]

    in_lab(story)


def test_after_an_outage_the_first_pull_skips_nobody(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 2)
        run = await lab.run(await lab.playbook())
        await lab.sweep()
        lab.clock.advance(600_000)
        assert indexes(await lab.pull("PC-01")) == [1]
        assert (await lab.view(run.view.id)).counts["queued"] == 2

    in_lab(story)


def test_a_device_run_that_someone_else_closed_is_not_skipped_too(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        phones = await lab.node("PC-01", 2)
        run = await lab.run(await lab.playbook())
        ids = [row.id for row in await lab.db.write(leases.open_of_run, run.view.id)]
        await lab.beat("PC-01", [phone(one.serial, online=False) for one in phones])
        await lab.db.write(runs.stop_run, run.view.id, lab.periods)
        assert await lab.db.write(leases.unclaimed, ids) == []
        assert (await lab.pull("PC-01")).jobs == []
        assert (await lab.view(run.view.id)).counts["stopped"] == 2

    in_lab(story)


def test_an_unstarted_device_run_goes_back_to_where_its_device_is_now(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        phones = await lab.node("PC-01", 1)
        await lab.node("PC-02", 0)
        await lab.run(await lab.playbook())
        assert indexes(await lab.pull("PC-01")) == [1]
        await lab.beat("PC-01", [])
        await lab.beat("PC-02", phones)
        await lab.sweep()
        for _ in range(8):
            await lab.beat("PC-01")
            await lab.beat("PC-02")
            await lab.sweep(after_ms=4_000)
        assert indexes(await lab.pull("PC-01")) == []
        assert indexes(await lab.pull("PC-02")) == [1]

    in_lab(story)
