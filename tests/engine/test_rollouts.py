"""Stories of rollouts: waves open one after the other, bad news halt them, an operator decides, nothing hangs."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import pytest

from rackhand.core.errors import Conflict
from rackhand.core.schema import parse
from rackhand.engine import dashboard, exports, reruns, rollouts, runs
from rackhand.engine.fake import Lab, phone
from rackhand.engine.run_requests import RUN_REQUEST
from rackhand.engine.run_views import RunDetail
from rackhand.wire.messages import Job

Tell = Callable[[Callable[[Lab], Awaitable[None]]], None]
AT_ONCE = {"concurrency": 10}


async def roll(lab: Lab, phones: int = 10, *, policy: dict[str, Any] = AT_ONCE, **rollout: Any) -> str:
    """A run in waves of 1, 3 more and the rest, over the phones of one node."""
    await lab.node("PC-01", phones)
    asked = {"waves": [1, 4, "100%"]} | rollout
    run = await lab.run(await lab.playbook(), policy=policy, rollout=asked, seed=7)
    await lab.sweep()
    return run.view.id


async def work(lab: Lab, *, failing: int = 0, node: str = "PC-01") -> list[Job]:
    """The node does all it gets, the first `failing` of it badly, and the servers look at it."""
    jobs = (await lab.pull(node)).jobs
    for number, job in enumerate(jobs):
        await lab.execute(node, job, "failed" if number < failing else "succeeded")
    await lab.sweep(after_ms=1_000)
    return jobs


def state(view: RunDetail) -> tuple[str, str | None, int | None]:
    return view.run.status, view.run.rollout_state, view.run.rollout.open_wave if view.run.rollout else None


def test_the_next_wave_opens_when_the_one_before_is_final(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id = await roll(lab)
        planned = {cell.index: cell.wave for cell in (await lab.view(run_id)).heatmap.devices}
        assert sorted(planned.values()) == [1, 2, 2, 2, 3, 3, 3, 3, 3, 3]
        for number in (1, 2):
            assert {planned[job.device.index] for job in await work(lab)} == {number}
            assert state(await lab.view(run_id)) == ("running", "rolling", number + 1)
        jobs = (await lab.pull("PC-01")).jobs
        assert {planned[job.device.index] for job in jobs} == {3}
        for job in jobs:
            await lab.execute("PC-01", job)
        view = await lab.view(run_id)
        assert state(view) == ("succeeded", "done", 3)
        assert [(wave.wave, wave.is_open, wave.counts["succeeded"]) for wave in view.waves] == [
            (1, True, 1),
            (2, True, 3),
            (3, True, 6),
        ]

    in_lab(story)


def test_opening_a_wave_takes_a_rev_and_wakes_its_nodes_alone(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        for node in ("PC-01", "PC-02", "PC-03"):
            await lab.node(node, 1)
        asked = {"waves": [1, 2, 3]}
        run = await lab.run(await lab.playbook(), rollout=asked, seed=7)
        cells = (await lab.view(run.view.id)).heatmap.devices
        first, second = (next(c.node_id for c in cells if c.wave == n) or "" for n in (1, 2))
        assert run.wake == {first}
        await lab.execute(first, (await lab.pull(first)).jobs[0])
        before = (await lab.view(run.view.id)).rev
        assert (await lab.sweep()).wake == {second}
        assert (await lab.view(run.view.id)).rev == before + 1
        assert (await lab.sweep(after_ms=1_000)).wake == frozenset()

    in_lab(story)


def test_a_failed_canary_halts_it_and_a_resume_accepts_that(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id = await roll(lab)
        await work(lab, failing=1)
        view = await lab.view(run_id)
        assert state(view) == ("running", "halted", 1)
        assert view.run.rollout
        assert view.run.rollout.reason == "1 of 1 devices of the open waves failed; at most 20 % may"
        assert await work(lab) == []
        entry = next(e for e in (await lab.db.read(dashboard.read)).todo if e.kind == "rollout_halted")
        assert (entry.subject, "1 of 1 devices" in entry.message) == (f"run:{run_id}", True)

        moved = await lab.db.write(rollouts.resume, run_id)
        assert (moved.view.rollout_state, moved.view.open_wave, moved.wake) == ("rolling", 2, frozenset({"PC-01"}))
        again = await lab.db.write(rollouts.resume, run_id)
        assert (again.view, again.wake) == (moved.view, frozenset())
        await work(lab)
        assert state(await lab.view(run_id)) == ("running", "rolling", 3)
        assert not [e for e in (await lab.db.read(dashboard.read)).todo if e.kind == "rollout_halted"]
        await work(lab)
        assert state(await lab.view(run_id)) == ("partial", "done", 3)
        with pytest.raises(Conflict, match="is done, nothing of it is left"):
            await lab.db.write(rollouts.resume, run_id)

    in_lab(story)


def test_amid_a_wave_it_halts_when_the_limit_is_lost_and_goes_on_there(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id = await roll(lab, policy={"concurrency": 1})
        await work(lab)
        await work(lab, failing=1)
        assert state(await lab.view(run_id)) == ("running", "halted", 2)
        assert (await lab.pull("PC-01")).jobs == []
        await lab.db.write(rollouts.resume, run_id)
        await work(lab)
        await work(lab)
        assert state(await lab.view(run_id)) == ("running", "rolling", 3)

    in_lab(story)


def test_an_abort_stops_what_is_queued_and_the_run_with_it(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id = await roll(lab)
        await work(lab, failing=1)
        moved = await lab.db.write(rollouts.abort, run_id, lab.periods)
        assert (moved.view.status, moved.view.rollout_state, moved.view.counts["stopped"]) == ("stopped", "aborted", 9)
        view = await lab.view(run_id)
        assert view.run.rollout
        assert view.run.rollout.reason == "aborted by an operator"
        assert (await lab.db.write(rollouts.abort, run_id, lab.periods)).view == moved.view

    in_lab(story)


@pytest.mark.parametrize("halted", [True, False])
def test_a_stop_of_the_run_aborts_its_rollout(in_lab: Tell, halted: bool) -> None:
    async def story(lab: Lab) -> None:
        run_id = await roll(lab)
        if halted:
            await work(lab, failing=1)
        else:
            job = (await lab.pull("PC-01")).jobs[0]
            await lab.report(lab.started("PC-01", job))
        stopped = await lab.db.write(runs.stop_run, run_id, lab.periods)
        assert stopped.view.status == ("stopped" if halted else "stopping")
        assert (await lab.view(run_id)).run.rollout_state == "aborted"
        await lab.sweep(after_ms=16_000)
        assert state(await lab.view(run_id)) == ("stopped", "aborted", 1)

    in_lab(story)


def test_the_deadline_ends_a_halted_rollout(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id = await roll(lab, policy={"deadline_s": 20})
        await work(lab, failing=1)
        await lab.sweep(after_ms=21_000)
        view = await lab.view(run_id)
        assert state(view) == ("failed", "aborted", 1)
        assert view.counts["failed"] == 10
        assert view.run.rollout
        assert view.run.rollout.reason == "1 of 1 devices of the open waves failed; at most 20 % may"

    in_lab(story)


def test_a_step_that_stops_the_run_stops_the_waves_that_are_not_open(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 3)
        playbook = await lab.playbook({"kind": "shell", "params": {"command": "x"}, "on_failure": "stop_run"})
        run = await lab.run(playbook, rollout={"waves": [1], "max_failed_ratio": 1})
        await work(lab, failing=1)
        view = await lab.view(run.view.id)
        assert state(view) == ("failed", "aborted", 1)
        assert (view.counts["failed"], view.counts["stopped"]) == (1, 2)
        assert view.run.rollout
        assert view.run.rollout.reason == "the run ended before all of its waves were done"

    in_lab(story)


def test_a_node_that_falls_silent_costs_its_open_wave_alone(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id = await roll(lab, policy={"concurrency": 1})
        job = (await lab.pull("PC-01")).jobs[0]
        await lab.report(lab.started("PC-01", job), lab.step("PC-01", job, 2, 0, "running"))
        await lab.sweep(after_ms=120_000)
        view = await lab.view(run_id)
        assert state(view) == ("running", "halted", 1)
        assert (view.counts["lost"], view.counts["skipped_offline"], view.counts["queued"]) == (1, 0, 9)
        await lab.db.write(rollouts.resume, run_id)
        await lab.sweep(after_ms=1_000)
        view = await lab.view(run_id)
        assert (view.counts["skipped_offline"], view.counts["queued"]) == (3, 6)
        await lab.sweep(after_ms=1_000)
        view = await lab.view(run_id)
        assert state(view) == ("running", "halted", 2)
        assert view.run.rollout
        assert view.run.rollout.reason == "no device of wave 2 ran: all of them were left out or stopped"
        await lab.beat("PC-01", [phone(f"PC-01-S{number:03d}") for number in range(1, 11)])
        await lab.db.write(rollouts.resume, run_id)
        for _ in range(6):
            await work(lab)
        assert state(await lab.view(run_id)) == ("partial", "done", 3)

    in_lab(story)


def test_an_offline_device_is_waited_for_when_its_wave_opens(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        phones = await lab.node("PC-01", 4)
        await lab.beat("PC-01", [phone(one.serial, online=False, adb_state="offline") for one in phones])
        policy = {"offline": {"wait_s": 20}, "concurrency": 4}
        run = await lab.run(await lab.playbook(), policy=policy, rollout={"waves": [2]}, seed=7)
        waves = {c.index: c.wave for c in (await lab.view(run.view.id)).heatmap.devices}
        await lab.beat("PC-01", [one for i, one in enumerate(phones, start=1) if waves[i] == 1])
        for _ in range(3):
            await lab.beat("PC-01")
            await lab.sweep(after_ms=9_000)
        assert (await lab.view(run.view.id)).counts["queued"] == 4
        assert {waves[job.device.index] for job in await work(lab)} == {1}
        await lab.beat("PC-01", phones)
        assert {waves[job.device.index] for job in await work(lab)} == {2}
        assert state(await lab.view(run.view.id)) == ("succeeded", "done", 2)

    in_lab(story)


def test_of_nothing_but_offline_devices_it_is_done_at_once(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        phones = await lab.node("PC-01", 2)
        await lab.beat("PC-01", [phone(one.serial, online=False, adb_state="offline") for one in phones])
        run = await lab.run(await lab.playbook(), rollout={})
        view = await lab.view(run.view.id)
        assert state(view) == ("failed", "done", 0)
        assert [(wave.wave, wave.counts["skipped_offline"]) for wave in view.waves] == [(0, 2)]

    in_lab(story)


def test_over_one_device_it_is_one_wave(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id = await roll(lab, 1)
        await work(lab, failing=1)
        assert state(await lab.view(run_id)) == ("failed", "done", 1)

    in_lab(story)


def test_by_hand_each_wave_waits_for_its_resume(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id = await roll(lab, auto=False)
        for number in (1, 2):
            await work(lab)
            assert state(await lab.view(run_id)) == ("running", "halted", number)
            await lab.db.write(rollouts.resume, run_id)
        await work(lab)
        assert state(await lab.view(run_id)) == ("succeeded", "done", 3)

    in_lab(story)


def test_the_plan_of_a_seed_is_what_its_run_does(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 4)
        await lab.node("PC-02", 4)
        playbook = await lab.playbook()
        asked = {"playbook_id": playbook, "target": {"scope": "all"}, "rollout": {"waves": [2, "50%"]}}
        plan = await lab.db.read(runs.plan_run, parse(RUN_REQUEST, asked))
        assert [(wave.wave, wave.size) for wave in plan.waves] == [(1, 2), (2, 2), (3, 4)]
        run = await lab.run(playbook, rollout=asked["rollout"], seed=plan.seed)
        cells = (await lab.view(run.view.id)).heatmap.devices
        first = [c for c in cells if c.wave == 1]
        assert ",".join(str(c.index) for c in first) == plan.waves[0].indexes.replace("-", ",")
        assert {c.node_id for c in first} == {"PC-01", "PC-02"}

    in_lab(story)


def test_a_rerun_is_in_waves_only_if_asked_and_the_export_has_them(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id = await roll(lab, 2, max_failed_ratio=1)
        await work(lab, failing=1)
        await work(lab, failing=1)
        exported = exports.to_json(await lab.db.read(exports.load, run_id))
        assert (exported["run"]["rollout_state"], exported["run"]["rollout"]["sizes"]) == ("done", [1, 1])
        assert sorted(device["wave"] for device in exported["devices"]) == [1, 2]
        plain = await lab.db.write(reruns.rerun, run_id, parse(reruns.RERUN, {}), None)
        asked = await lab.db.write(reruns.rerun, run_id, parse(reruns.RERUN, {"rollout": {}}), None)
        assert asdict(await lab.view(plain.view.id))["run"]["rollout"] is None
        assert state(await lab.view(asked.view.id)) == ("queued", "rolling", 1)
        with pytest.raises(Conflict, match="has no rollout"):
            await lab.db.write(rollouts.abort, plain.view.id, lab.periods)

    in_lab(story)
