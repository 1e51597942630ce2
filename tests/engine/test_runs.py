"""Stories of runs: plan, create, rerun, export."""

import csv
import io
from collections.abc import Awaitable, Callable
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from rackhand.core.errors import Conflict, Invalid, NotFound
from rackhand.core.schema import parse
from rackhand.engine import exports, reruns, run_views, runs
from rackhand.engine.fake import Lab, phone
from rackhand.engine.run_requests import RUN_REQUEST
from rackhand.store import tiles

Tell = Callable[[Callable[[Lab], Awaitable[None]]], None]


async def rerun(lab: Lab, run_id: str, **request: Any) -> runs.Created:
    lab.clock.advance(1)
    return await lab.db.write(reruns.rerun, run_id, parse(reruns.RERUN, request), "kim")


async def plan(lab: Lab, playbook_id: str, **request: Any) -> runs.PlanView:
    body = {"playbook_id": playbook_id, "target": {"scope": "all"}} | request
    return await lab.db.read(runs.plan_run, parse(RUN_REQUEST, body))


def test_a_plan_names_devices_exclusions_and_expected_executions(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        phones = await lab.node("PC-01", 4)
        await lab.beat("PC-01", [*phones[:3], phone(phones[3].serial, online=False, adb_state="offline")])
        playbook = await lab.playbook({"kind": "screenshot", "probability": 0.5})
        view = await plan(lab, playbook)
        assert [d.device_index for d in view.devices] == [1, 2, 3]
        assert [(e.device_index, e.reason) for e in view.exclusions] == [(4, "offline")]
        assert (view.steps[0].expected, view.eta_ms) == (1.5, None)

    in_lab(story)


def test_a_plan_knows_how_long_such_steps_took(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 2)
        playbook = await lab.playbook()
        await lab.run(playbook)
        job = (await lab.pull("PC-01")).jobs[0]
        await lab.report(lab.started("PC-01", job), lab.step("PC-01", job, 2, 0, "running"))
        begun = lab.step("PC-01", job, 3, 0, "succeeded")
        lab.clock.advance(4_000)
        begun["payload"]["finished_at"] = lab.step("PC-01", job, 3, 0, "succeeded")["payload"]["finished_at"]
        await lab.report(begun)
        assert (await plan(lab, playbook)).eta_ms == 8_000

    in_lab(story)


def test_a_run_of_nothing_but_offline_devices_is_final_at_once(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        phones = await lab.node("PC-01", 2)
        await lab.beat("PC-01", [phone(p.serial, online=False, adb_state="offline") for p in phones])
        created = await lab.run(await lab.playbook())
        assert (created.view.status, created.view.counts["skipped_offline"], created.wake) == ("failed", 2, frozenset())
        assert (await lab.view(created.view.id)).run.finished_at is not None

    in_lab(story)


def test_a_target_without_devices_makes_no_run(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 2)
        playbook = await lab.playbook()
        with pytest.raises(Invalid) as refused:
            await lab.run(playbook, {"scope": "indexes", "indexes": "50-60"})
        assert [e.path for e in refused.value.errors] == ["/target"]
        with pytest.raises(Invalid) as unknown:
            await lab.run("no-such-playbook")
        assert [e.path for e in unknown.value.errors] == ["/playbook_id"]
        assert await lab.db.read(run_views.list_runs, limit=9, after=None, filters={}) == []

    in_lab(story)


def test_every_placeholder_needs_a_value(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        playbook = await lab.playbook({"kind": "open_url", "params": {"url": "{{ params.url }}"}})
        with pytest.raises(Invalid) as refused:
            await lab.run(playbook)
        assert [e.path for e in refused.value.errors] == ["/steps/0/params/url"]
        assert (await lab.run(playbook, params={"url": "about:blank"})).view.status == "queued"

    in_lab(story)


def test_the_same_seed_rolls_the_same_dice(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 8)
        playbook = await lab.playbook({"kind": "screenshot", "probability": 0.5})
        decisions = []
        for _ in range(2):
            run = await lab.run(playbook, seed=42)
            decisions.append([(await lab.device(run.view.id, i)).steps[0].decision for i in range(1, 9)])
        assert decisions[0] == decisions[1]
        assert set(decisions[0]) == {"executed", "skipped"}

    in_lab(story)


async def failed_run(lab: Lab) -> str:
    """Device 1 succeeds, device 2 fails at its second step, device 3 is offline."""
    phones = await lab.node("PC-01", 3)
    await lab.beat("PC-01", [*phones[:2], phone(phones[2].serial, online=False, adb_state="offline")])
    run = await lab.run(await lab.playbook({"kind": "screenshot"}, {"kind": "reboot"}), seed=7)
    await lab.execute("PC-01", (await lab.pull("PC-01")).jobs[0])
    job = (await lab.pull("PC-01")).jobs[0]
    await lab.report(
        lab.started("PC-01", job),
        lab.step("PC-01", job, 2, 0, "succeeded"),
        lab.step("PC-01", job, 3, 1, "timed_out", error_message="no answer"),
        lab.event("PC-01", job, "task_finished", 4, status="failed", error_message="no answer at step 2"),
    )
    await lab.beat("PC-01", phones)
    assert (await lab.view(run.view.id)).run.status == "partial"
    return run.view.id


def test_a_rerun_does_only_what_is_left(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        parent = await failed_run(lab)
        created = await rerun(lab, parent, **{"from": "failed_step", "repeat_unknown": True})
        view = await lab.view(created.view.id)
        assert (view.run.parent_run_id, view.run.trigger, view.run.seed) == (parent, "rerun", 7)
        assert [(d.index, d.current_step_index) for d in view.heatmap.devices] == [(2, 1), (3, 0)]
        job = (await lab.pull("PC-01")).jobs[0]
        assert (job.device.index, job.first_step_index, job.dice_index) == (2, 1, 2)
        await lab.execute("PC-01", job)
        assert [s.status for s in (await lab.device(created.view.id, 2)).steps] == ["queued", "succeeded"]

    in_lab(story)


def test_a_once_step_of_unknown_outcome_is_left_out(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        created = await rerun(lab, await failed_run(lab), **{"from": "failed_step"})
        assert [d.index for d in (await lab.view(created.view.id)).heatmap.devices] == [3]

    in_lab(story)


def test_a_rerun_by_outcome_with_new_dice(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        created = await rerun(lab, await failed_run(lab), outcomes=["failed"], dice="new")
        view = await lab.view(created.view.id)
        assert [d.index for d in view.heatmap.devices] == [2]
        assert view.run.seed != 7

    in_lab(story)


def test_what_cannot_be_rerun_is_refused(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        parent = await failed_run(lab)
        with pytest.raises(Invalid):
            await rerun(lab, parent, outcomes=["lost"])
        open_run = await lab.run(await lab.playbook())
        with pytest.raises(Conflict):
            await rerun(lab, open_run.view.id)
        with pytest.raises(NotFound):
            await rerun(lab, "no-such-run")

    in_lab(story)


def test_a_once_step_that_a_lost_node_may_have_begun_is_left_out(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        run = await lab.run(await lab.playbook({"kind": "screenshot"}, {"kind": "reboot"}))
        job = (await lab.pull("PC-01")).jobs[0]
        await lab.report(lab.started("PC-01", job), lab.step("PC-01", job, 2, 0, "succeeded"))
        await lab.sweep()
        await lab.sweep(after_ms=50_000)
        with pytest.raises(Invalid):
            await rerun(lab, run.view.id, **{"from": "failed_step"})
        made = await rerun(lab, run.view.id, **{"from": "failed_step", "repeat_unknown": True})
        assert (await lab.view(made.view.id)).heatmap.devices[0].current_step_index == 1

    in_lab(story)


def test_a_late_success_is_not_repeated_unless_asked(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        run = await lab.run(await lab.playbook())
        job = (await lab.pull("PC-01")).jobs[0]
        await lab.report(lab.started("PC-01", job))
        await lab.sweep()
        await lab.sweep(after_ms=50_000)
        await lab.report(lab.event("PC-01", job, "task_finished", 2, status="succeeded"))
        with pytest.raises(Invalid):
            await rerun(lab, run.view.id)
        assert (await rerun(lab, run.view.id, include_late=True)).view.counts["total"] == 1

    in_lab(story)


def test_since_gives_only_what_changed(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 3)
        run = await lab.run(await lab.playbook())
        before = (await lab.view(run.view.id)).rev
        assert await lab.db.read(run_views.get_run, run.view.id, before) is None
        await lab.report(lab.started("PC-01", (await lab.pull("PC-01")).jobs[0]))
        changed = await lab.db.read(run_views.get_run, run.view.id, before)
        assert changed is not None
        assert ([d.index for d in changed.heatmap.devices], changed.full) == ([1], False)
        future = await lab.db.read(run_views.get_run, run.view.id, before + 999)
        assert future is not None
        assert (len(future.heatmap.devices), future.full) == (3, True)

    in_lab(story)


def test_the_log_has_numbered_lines(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        run = await lab.run(await lab.playbook())
        job = (await lab.pull("PC-01")).jobs[0]
        await lab.report(lab.step("PC-01", job, 2, 0, "failed", output_tail="one\ntwo", error_message="exit code 1"))
        page = await lab.db.read(run_views.get_log, run.view.id, 1, 1, 10)
        assert [(line.line, line.text) for line in page.lines] == [(2, "two"), (3, "! exit code 1")]
        assert page.last_line == 3

    in_lab(story)


def test_exports_say_the_same_in_three_forms(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        run_id = await failed_run(lab)
        loaded = await lab.db.read(exports.load, run_id)
        rows = list(csv.DictReader(io.StringIO(exports.to_csv(loaded))))
        assert [(r["device_index"], r["step_index"], r["status"]) for r in rows] == [
            ("1", "0", "succeeded"),
            ("1", "1", "succeeded"),
            ("2", "0", "succeeded"),
            ("2", "1", "timed_out"),
            ("3", "", ""),
        ]
        suites = fromstring(exports.to_junit(loaded)).findall("testsuite")
        assert [(s.get("tests"), s.get("errors"), s.get("skipped")) for s in suites] == [
            ("2", "0", "0"),
            ("2", "1", "0"),
            ("2", "0", "2"),
        ]
        devices = exports.to_json(loaded)["devices"]
        assert [len(device["attempts"]) for device in devices] == [2, 2, 0]

    in_lab(story)


def test_a_hostile_label_is_no_formula_and_no_markup(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        run = await lab.run(await lab.playbook(), title="<x>\x1b")
        job = (await lab.pull("PC-01")).jobs[0]
        await lab.report(lab.step("PC-01", job, 2, 0, "failed", error_message="=cmd()", output_tail="\x07</a>"))
        loaded = await lab.db.read(exports.load, run.view.id)
        assert "'=cmd()" in exports.to_csv(loaded)
        assert fromstring(exports.to_junit(loaded)).get("name") == "<x>\ufffd"

    in_lab(story)


def test_a_tile_shows_the_run_that_drives_the_device_not_one_that_queues(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        book = await lab.playbook()
        await lab.run(book)
        job = (await lab.pull("PC-01")).jobs[0]
        await lab.report(lab.started("PC-01", job))
        second = await lab.run(book)
        assert [tile.activity for tile in await lab.db.read(tiles.tiles)] == [1]
        await lab.db.write(runs.stop_run, second.view.id, lab.periods)
        assert [tile.activity for tile in await lab.db.read(tiles.tiles)] == [1]
        await lab.report(lab.event("PC-01", job, "task_finished", 2, status="succeeded"))
        assert [tile.activity for tile in await lab.db.read(tiles.tiles)] == [4]

    in_lab(story)
