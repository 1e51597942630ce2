"""Stories of schedules: each due time is decided once, whoever looks, and its row says what became of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rackhand.core.clock import from_rfc3339
from rackhand.core.errors import Invalid, NotFound
from rackhand.core.schema import parse
from rackhand.engine import firing, playbooks, run_views, runs, schedules
from rackhand.engine.access import SYSTEM
from rackhand.engine.fake import Lab
from rackhand.engine.schedules import SCHEDULE, ScheduleView
from rackhand.store import firings, run_secrets
from rackhand.store.fake import DatabasePlace
from rackhand.store.run_secrets import Sealed

Tell = Callable[[Callable[[Lab], Awaitable[None]]], None]
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
GRACE = 5 * MINUTE
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


async def scheduled(lab: Lab, playbook: str | None = None, **body: Any) -> ScheduleView:
    """An hourly schedule over all devices; the lab's morning is 10:00 UTC."""
    wanted = {"title": "Hourly", "playbook_id": playbook or await lab.playbook(), "cron": "0 * * * *"}
    patient = {"target": {"scope": "all"}, "policy": {"offline": {"wait_s": 86_400}}}
    checked = parse(SCHEDULE, wanted | patient | body)
    return await lab.db.write(schedules.create, SYSTEM, checked, {})


async def look(lab: Lab, refusal: str | None = None) -> list[str]:
    """What a pass of the job does; the runs that it made."""
    made = []
    for each in await lab.db.read(firing.list_due):
        made += (await lab.db.write(firing.fire, each, GRACE, refusal)).runs
    for each in await lab.db.read(firing.list_ready):
        made += (await lab.db.write(firing.start_waiting, each)).runs
    return made


async def after(lab: Lab, ms: int, refusal: str | None = None) -> list[str]:
    lab.clock.advance(ms)
    return await look(lab, refusal)


async def rows(lab: Lab, schedule_id: str) -> list[tuple[str, str, str | None]]:
    """(time of day, state, reason), the newest first."""
    found = await lab.db.read(schedules.history, schedule_id, {"limit": 100, "cursor": None})
    return [(f"{each.due_at % DAY // HOUR:02d}:00", each.state.value, each.reason) for each in found.items]


def test_a_due_time_becomes_one_run_that_says_where_it_is_from(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 2)
        schedule = await scheduled(lab)
        assert [each.local for each in schedule.next_times[:2]] == ["2026-11-22 11:00 UTC", "2026-11-22 12:00 UTC"]
        assert await after(lab, HOUR - 1) == []
        (run_id,) = await after(lab, 1)
        assert await look(lab) == []
        run = await lab.db.read(runs.load_run, run_id)
        assert (run.trigger, run.title, run.created_by) == ("schedule", "Hourly", "schedule:Hourly")
        view = await lab.db.read(schedules.get_schedule, schedule.id)
        assert view.last is not None
        assert (view.last.run_id, view.next_at) == (run_id, from_rfc3339("2026-11-22T12:00:00Z"))

    in_lab(story)


def test_replicas_that_look_at_once_fire_each_time_once(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as one, database.started() as two:
            lab = Lab(one, database.clock)
            await lab.node("PC-01", 1)
            made = [await scheduled(lab, title=name, overlap="allow") for name in "abc"]
            for _ in range(4):
                lab.clock.advance(HOUR)
                tries = [db.write(firing.fire, schedule.id, GRACE) for schedule in made for db in (one, two, one, two)]
                fired = await asyncio.gather(*tries)
                assert sorted(len(each.runs) for each in fired) == [0] * 9 + [1] * 3
            for schedule in made:
                assert [state for _, state, _ in await rows(lab, schedule.id)] == ["started"] * 4
            assert len(await one.read(run_views.list_runs, limit=50, after=None, filters={})) == 12

    asyncio.run(story())


@on_sqlite
def test_what_nobody_was_there_for_is_missed_and_has_its_rows(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        skipping, once = await scheduled(lab), await scheduled(lab, misfire="once")
        made = await after(lab, 3 * HOUR + GRACE + 1)
        missed = "missed: no server was running, or none got to it, within 300 s of it"
        assert await rows(lab, skipping.id) == [(f"{hour}:00", "missed", missed) for hour in (13, 12, 11)]
        assert await rows(lab, once.id) == [
            ("13:00", "started", None),
            ("12:00", "missed", missed),
            ("11:00", "missed", missed),
        ]
        assert len(made) == 1
        assert len(await after(lab, HOUR - GRACE - 1)) == 1, "on time again"

    in_lab(story)


@on_sqlite
def test_after_a_month_away_the_rows_say_that_more_was_missed(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        schedule = await scheduled(lab)
        await after(lab, 30 * DAY + HOUR // 2)
        page = await lab.db.read(schedules.history, schedule.id, {"limit": 500, "cursor": None})
        assert "and every time after it until 2026-12-18" in (page.items[-1].reason or "")
        assert len(page.items) == 101

    in_lab(story)


@on_sqlite
@pytest.mark.parametrize(
    ("overlap", "states", "runs_made"),
    [
        ("skip", ["skipped", "skipped", "started"], 1),
        ("queue", ["skipped", "waiting", "started"], 1),
        ("allow", ["started", "started", "started"], 3),
    ],
)
def test_times_that_come_while_a_run_is_under_way(
    in_lab: Tell, overlap: str, states: list[str], runs_made: int
) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        schedule = await scheduled(lab, overlap=overlap, cron="*/2 * * * *")
        made = [run for _ in range(3) for run in await after(lab, 2 * MINUTE)]
        assert [state for _, state, _ in await rows(lab, schedule.id)] == states
        assert len(made) == runs_made
        await lab.db.write(runs.stop_run, made[0], lab.periods)
        later = await look(lab)
        assert len(later) == (1 if overlap == "queue" else 0), "its turn has come"
        assert await look(lab) == []

    in_lab(story)


def test_a_time_that_waits_is_started_by_one_replica_and_not_after_a_pause(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as one, database.started() as two:
            lab = Lab(one, database.clock)
            await lab.node("PC-01", 1)
            schedule = await scheduled(lab, overlap="queue")
            (first,) = await after(lab, HOUR)
            await after(lab, HOUR)
            await one.write(runs.stop_run, first, lab.periods)
            fired = await asyncio.gather(*(db.write(firing.start_waiting, schedule.id) for db in (one, two, one, two)))
            (second,) = [run for each in fired for run in each.runs]
            await after(lab, HOUR)
            await one.write(schedules.pause, SYSTEM, schedule.id)
            await one.write(runs.stop_run, second, lab.periods)
            assert await look(lab) == []
            assert (await rows(lab, schedule.id))[0] == (
                "13:00",
                "skipped",
                "the schedule was paused before its turn came",
            )

    asyncio.run(story())


@on_sqlite
def test_a_pause_misses_nothing_and_a_resume_begins_with_the_next_time(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        schedule = await scheduled(lab)
        paused = await lab.db.write(schedules.pause, SYSTEM, schedule.id)
        assert (paused.is_enabled, paused.next_at, paused.next_times) == (False, None, ())
        assert await after(lab, 5 * HOUR) == []
        resumed = await lab.db.write(schedules.resume, SYSTEM, schedule.id)
        assert resumed.next_at == lab.clock.at + HOUR
        assert await rows(lab, schedule.id) == []
        assert len(await after(lab, HOUR)) == 1

    in_lab(story)


@on_sqlite
def test_a_run_that_cannot_be_made_is_a_row_that_says_why(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        playbook = await lab.playbook()
        schedule = await scheduled(lab, playbook)
        await after(lab, HOUR)
        await lab.node("PC-01", 1)
        await after(lab, HOUR, "the disk is full")
        await lab.db.write(playbooks.archive_playbook, SYSTEM, playbook)
        await after(lab, HOUR)
        found = await rows(lab, schedule.id)
        assert [state for _, state, _ in found] == ["failed"] * 3
        assert [reason for *_, reason in found][1:] == [
            "the disk is full",
            "/target: matches no device; no run was created",
        ]
        assert "is archived" in (found[0][2] or "")

    in_lab(story)


@on_sqlite
def test_secrets_are_sealed_copied_to_each_run_and_kept_by_a_change(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        step = {"kind": "shell", "params": {"command": "login {{ secrets.pin }} {{ params.user }}"}}
        playbook = await lab.playbook(step)
        body = {"title": "Login", "playbook_id": playbook, "target": {"scope": "all"}, "cron": "@hourly"}
        with pytest.raises(Invalid) as refused:
            await lab.db.write(schedules.create, SYSTEM, parse(SCHEDULE, body), {})
        assert [each.path for each in refused.value.errors] == ["/params/user", "/secrets/pin"]
        checked = parse(SCHEDULE, body | {"params": {"user": "kim"}})
        made = await lab.db.write(schedules.create, SYSTEM, checked, {"pin": Sealed("sealed-1")})
        assert made.secrets == ("pin",)
        (run_id,) = await after(lab, HOUR)
        assert await lab.db.read(run_secrets.get, run_id) == {"pin": "sealed-1"}
        changed = await lab.db.write(schedules.change, SYSTEM, made.id, checked | {"title": "Log in"}, {})
        assert (changed.title, changed.secrets, changed.next_at) == (
            "Log in",
            ("pin",),
            made.next_at and made.next_at + HOUR,
        )
        await lab.db.write(schedules.change, SYSTEM, made.id, checked, {"pin": Sealed("sealed-2")})
        await lab.db.write(runs.stop_run, run_id, lab.periods)
        (run_id,) = await after(lab, HOUR)
        assert await lab.db.read(run_secrets.get, run_id) == {"pin": "sealed-2"}

    in_lab(story)


@on_sqlite
@pytest.mark.parametrize(
    ("change", "path", "said"),
    [
        ({"cron": "61 * * * *"}, "/cron", "the minute cannot be read; like 0 9 * * MON-FRI"),
        ({"cron": "0 0 30 2 *"}, "/cron", "these months have no such day, so it would never come"),
        ({"time_zone": "Asia/Atlantis"}, "/time_zone", "is not a time zone; use a name such as Asia/Seoul or UTC"),
        ({"time_zone": "../etc/passwd"}, "/time_zone", "is not a time zone; use a name such as Asia/Seoul or UTC"),
        ({"playbook_id": "none"}, "/playbook_id", "there is no playbook none"),
        ({"misfire": "twice"}, "/misfire", "must be one of skip, once"),
    ],
)
def test_what_cannot_be_scheduled(in_lab: Tell, change: dict[str, str], path: str, said: str) -> None:
    async def story(lab: Lab) -> None:
        with pytest.raises(Invalid) as refused:
            await scheduled(lab, **change)
        assert [(each.path, each.message) for each in refused.value.errors] == [(path, said)]
        with pytest.raises(NotFound):
            await lab.db.read(schedules.get_schedule, "none")

    in_lab(story)


@on_sqlite
def test_a_deleted_schedule_leaves_its_runs_and_old_rows_are_forgotten(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        schedule, other = await scheduled(lab), await scheduled(lab, title="Other")
        made = await after(lab, HOUR)
        assert len(made) == 2
        await lab.db.write(schedules.delete, SYSTEM, schedule.id)
        assert (await lab.db.read(runs.load_run, made[0])).id == made[0]
        assert await lab.db.write(firings.forget, lab.clock.at) == 0
        assert await lab.db.write(firings.forget, lab.clock.at + 1) == 1
        assert await rows(lab, other.id) == []

    in_lab(story)
