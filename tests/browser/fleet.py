"""A fleet for the pages: two nodes, 30 phones, and runs in every state, with names that try to be more than text."""

from dataclasses import replace

from rackhand.core import reasons
from rackhand.core.schedule import FiringState
from rackhand.core.schema import parse
from rackhand.core.video_answers import Channel, Upload, Video
from rackhand.engine import channels, content, content_source, devices, notifications, postal, schedules
from rackhand.engine.access import SYSTEM
from rackhand.engine.fake import Lab
from rackhand.engine.notifications import SealedAddress
from rackhand.engine.postal import Outcome
from rackhand.server.fake_site import Site
from rackhand.store import content as rows
from rackhand.store import deliveries, firings
from rackhand.store.db import Tx
from rackhand.store.firings import FiringRow
from rackhand.wire.messages import Job, ReportedDevice

HOSTILE = '<img src=x onerror="alert(1)"> \u202eesrever ' + "x" * 150
SHELL = {"kind": "shell", "params": {"command": "getprop ro.build.version.release"}}


def furnish(site: Site) -> None:
    """Fill the site."""
    site.do(_furnish)


async def _furnish(lab: Lab) -> None:
    first = await lab.node("PC-01", 20, model="Pixel 7", os_version="14", battery=80, temperature_c=31.5)
    second = await lab.node("PC-02", 10, model="Galaxy S23", os_version="13", battery=12, storage_free_mb=400)
    await lab.beat("PC-01", [*first[:18], *(_gone(phone) for phone in first[18:])])
    await lab.beat("PC-02", second)
    await lab.db.write(devices.change_at, SYSTEM, 2, {"label": HOSTILE, "labels": {"rack": "a"}})
    await _ended(lab)
    await _going_on(lab)
    await _planned(lab)
    await _told(lab)
    await _videos(lab)


async def _videos(lab: Lab) -> None:
    """A source whose key nobody can open, a channel, and three videos: one is new, one is gone."""
    await lab.db.write(content_source.change, SYSTEM, {"api_key": "k", "daily_units": 10_000}, "not sealed")
    now = lab.clock.at
    shown = Video("dQw4w9WgXcQ", HOSTILE, "UC1", "Lobby", 200_000, now - 9_000_000, None, False, "public", "none")
    await lab.db.write(content.register, SYSTEM, shown.id, replace(shown, blocked=("DE", "KR")), ["lobby", "로비"])
    gone = await lab.db.write(content.register, SYSTEM, "aaaaaaaaaaa", None, [])
    await lab.db.write(content.note_details, [(gone.id, gone.video_id)], {})
    channel = await lab.db.write(channels.register, SYSTEM, Channel("UC1", "Lobby channel", "@lobby", "UU1", 20_000))
    upload = Upload("bbbbbbbbbbb", "Fresh from the lobby", now + 1, None)
    await lab.db.write(
        lambda tx: rows.add_new(tx, [content.new_row(tx, upload, channel.id, channel.title, channel.created_at)])
    )


def _gone(phone: ReportedDevice) -> ReportedDevice:
    phone.online, phone.adb_state = False, "offline"
    phone.last_error_message = "device offline"
    return phone


async def _ended(lab: Lab) -> None:
    """A run that succeeded, and one that failed on some devices and skipped two."""
    playbook = await lab.playbook({"kind": "screenshot"}, SHELL, title="Morning check")
    await lab.run(playbook, {"scope": "indexes", "indexes": "1-4"}, policy={"concurrency": 10}, title="All well")
    for job in (await lab.pull("PC-01")).jobs:
        await lab.execute("PC-01", job)
    await lab.run(playbook, {"scope": "nodes", "nodes": ["PC-01"]}, policy={"concurrency": 32}, title=HOSTILE)
    for job in (await lab.pull("PC-01")).jobs:
        lab.clock.advance(700)
        await lab.execute("PC-01", job, "failed" if job.device.index in (3, 7, 11) else "succeeded")


async def _going_on(lab: Lab) -> None:
    """A run under way: one device done, one in its second step, one waiting, the others queued."""
    steps = ({"kind": "screenshot"}, SHELL | {"probability": 0.5}, {"kind": "wait", "params": {"duration_ms": 1000}})
    playbook = await lab.playbook(*steps, title="Playback check")
    await lab.run(
        playbook, {"scope": "nodes", "nodes": ["PC-02"]}, policy={"concurrency": 3}, seed=7, title="Under way"
    )
    done, busy, waiting = (await lab.pull("PC-02")).jobs
    await lab.execute("PC-02", done)
    await lab.report(lab.started("PC-02", busy), lab.step("PC-02", busy, 2, 0, "succeeded"))
    await lab.report(lab.step("PC-02", busy, 3, 2, "running", output_tail="line one\nline two\n", output_lines=2))
    await lab.report(lab.started("PC-02", waiting), lab.step("PC-02", waiting, 2, 0, "running"), _waits(lab, waiting))


def _waits(lab: Lab, job: Job) -> dict[str, object]:
    facts = {"status": "waiting", "step_index": 0, "grace_left_ms": 15_000, "reason": "device offline"}
    return lab.event("PC-02", job, "task_progress", 3, **facts)


async def _planned(lab: Lab) -> None:
    """A schedule that does not come due in a test, with a row for everything that may become of a time, and a paused
    one with a name that tries to be more than text."""
    playbook = await lab.playbook(title="By the clock")
    body = {"playbook_id": playbook, "target": {"scope": "labels", "labels": {"rack": "a"}}, "cron": "0 0 1 1 *"}
    checked = parse(schedules.SCHEDULE, body | {"title": "New year", "time_zone": "Asia/Seoul"})
    made = await lab.db.write(schedules.create, SYSTEM, checked, {})
    other = await lab.db.write(schedules.create, SYSTEM, checked | {"title": HOSTILE}, {})
    await lab.db.write(schedules.pause, SYSTEM, other.id)
    said = {FiringState.MISSED: reasons.TIME_MISSED.format(n=300), FiringState.SKIPPED: reasons.RUN_UNDER_WAY}
    past = enumerate((FiringState.MISSED, FiringState.SKIPPED, FiringState.FAILED, FiringState.STARTED))
    rows = [FiringRow(made.id, 1_767_193_200_000 + n, state, None, said.get(state), lab.clock.at) for n, state in past]
    await lab.db.write(firings.add, rows)


async def _told(lab: Lab) -> None:
    """A channel whose last message was given up, and a rule that is switched off."""
    body = {"title": "Team chat", "kind": "webhook", "address": "https://hooks.invalid/x"}
    address = SealedAddress("sealed", "https://hooks.invalid/…")
    checked = parse(notifications.CHANNEL, body)
    channel = await lab.db.write(notifications.add_channel, SYSTEM, checked, address, "sealed")
    rule = {"title": HOSTILE, "kinds": ["run_failed", "node_silent"], "channel_id": channel.id, "is_enabled": False}
    await lab.db.write(notifications.add_rule, SYSTEM, parse(notifications.RULE, rule))
    await lab.db.write(_refused, channel.id)


def _refused(tx: Tx, channel_id: str) -> None:
    deliveries.add(tx, channel_id, "delivery-1", happening_count=3)
    parcel = postal.take_one(tx, "delivery-1")
    assert parcel is not None
    postal.finish(tx, parcel, Outcome("it answered 410", 410, HOSTILE, is_final=True))
