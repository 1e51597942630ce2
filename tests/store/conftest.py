"""The fixture `live`: a database and its contents after some use, by the product's own use cases."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from rackhand.core.lease import Periods
from rackhand.core.schema import parse
from rackhand.core.video_answers import Channel
from rackhand.engine import (
    accounts,
    artifacts,
    channels,
    content,
    content_source,
    files,
    firing,
    happenings,
    idempotency,
    identities,
    login_links,
    notifications,
    presets,
    reruns,
    scans,
    schedules,
    sessions,
    tokens,
)
from rackhand.engine.access import SYSTEM, Role
from rackhand.engine.fake import Lab, phone
from rackhand.engine.idempotency import Claim
from rackhand.engine.identities import Identity
from rackhand.engine.notifications import SealedAddress
from rackhand.store import audit, jobs, run_secrets, source
from rackhand.store.backup import Place
from rackhand.store.fake import FakeClock
from rackhand.store.run_secrets import Sealed
from rackhand.wire.messages import Heartbeat, Job, ReportedIncident

SCRIPT, SHOT = b"echo installed\n", b"\x89PNG a screenshot" * 100
Live = Callable[[Place, FakeClock], Awaitable[None]]


async def once(content: bytes) -> AsyncIterator[bytes]:
    yield content


@pytest.fixture(scope="session")
def live() -> Live:
    async def story(place: Place, clock: FakeClock) -> None:
        lab = Lab(place.db, clock)
        await people(lab)
        blob = await place.files.put(None, once(SCRIPT), max_size=100)
        await lab.db.write(files.register, SYSTEM, blob.sha256, blob.size, "설치.sh", "text/x-sh")
        phones = await lab.node("PC-01", 3, battery=41, temperature_c=36.5)
        await lab.node("PC-02", 2)
        await lab.sweep(after_ms=61_000)
        await lab.beat("PC-01", phones)
        hub = ReportedIncident(hub="1-4", age_ms=9_000, serials=["PC-02-S001"], total=2)
        away = [phone("PC-01-S001"), phone(None)]
        await lab.heartbeat("PC-02", Heartbeat(devices=away, incidents=[hub]))
        await lab.report(lab.device_event("PC-01", "PC-01-S001", "rebooted", text="it took 9 s"))
        await lab.db.write(scans.create, SYSTEM, {"node_id": None}, Periods())
        await runs(lab, place)
        await told(lab)
        await scheduled(lab)
        await lab.db.write(jobs.take, "history", 7, "here:1")
        await videos(lab)

    return story


async def people(lab: Lab) -> None:
    user = await lab.db.write(accounts.create_user, SYSTEM, "Kim", "operator", "not a hash")
    await lab.db.write(sessions.open_session, user.id, user_agent="a browser")
    await lab.db.write(login_links.make_link)
    token = {"name": "CI", "role": "viewer", "scope": "full", "expires_in_s": None}
    await lab.db.write(tokens.issue_token, SYSTEM, token)
    await lab.db.write(identities.log_in, Identity("https://id.test", "kim-1", "Kim", Role.VIEWER))
    await lab.db.write(audit.give_up_before, 1)
    await lab.db.write(presets.register_presets, SYSTEM)
    claim = Claim("kim POST /api/runs", "key", "hash")
    await lab.db.write(idempotency.begin, claim)
    await lab.db.write(idempotency.finish, claim, 201, '{"id": "…"}'.encode())


async def videos(lab: Lab) -> None:
    """A source with a key, of which a little was spent, a channel and a video."""
    await lab.db.write(content_source.change, SYSTEM, {"api_key": "k", "daily_units": 500}, "sealed")
    await lab.db.write(content_source.reserve, False)
    await lab.db.write(source.keep_answer, "videos?id=dQw4w9WgXcQ", "etag", '{"items": []}')
    await lab.db.write(channels.register, SYSTEM, Channel("UC1", "채널", "@lab", "UU1", 20))
    await lab.db.write(content.register, SYSTEM, "dQw4w9WgXcQ", None, ["로비"])


async def runs(lab: Lab, place: Place) -> None:
    """A run that partly fails, with a screenshot, and two reruns of which each names the one before."""
    step = {"kind": "shell", "params": {"command": "echo {{ params.x }}"}, "effect": "repeatable", "probability": 0.75}
    playbook = await lab.playbook(step, {"kind": "wait", "params": {"duration_ms": 5}}, {"kind": "screenshot"})
    run = await lab.run(playbook, {"scope": "nodes", "nodes": ["PC-01"]}, params={"x": "값 1.0"}, seed=7)
    await lab.db.write(run_secrets.add, run.view.id, {"pin": Sealed("a sealed text")})
    for status in ("succeeded", "failed", "failed"):
        for job in (await lab.pull("PC-01")).jobs:
            await finish(lab, place, job, status)
    for _ in range(2):
        run = await lab.db.write(reruns.rerun, run.view.id, parse(reruns.RERUN, {"outcomes": ["failed"]}), "kim")
        for job in (await lab.pull("PC-01")).jobs:
            await lab.execute("PC-01", job, "failed")


async def told(lab: Lab) -> None:
    """A channel, a rule, and a message about a run that failed."""
    body = parse(notifications.CHANNEL, {"title": "웹훅", "kind": "webhook", "address": "https://example.org/x"})
    address = SealedAddress("sealed address", "https://example.org/…")
    channel = await lab.db.write(notifications.add_channel, SYSTEM, body, address, "sealed secret")
    rule = {"title": "All", "kinds": ["run_failed"], "channel_id": channel.id}
    await lab.db.write(notifications.add_rule, SYSTEM, parse(notifications.RULE, rule))
    await lab.run(await lab.playbook(title="Nobody there"), {"scope": "nodes", "nodes": ["PC-02"]})
    await lab.sweep(after_ms=120_000)
    assert await lab.db.write(happenings.collect) > 0
    assert await lab.db.write(happenings.gather) == 1


async def scheduled(lab: Lab) -> None:
    """A schedule with a secret, of which a time has come."""
    step = {"kind": "shell", "params": {"command": "login {{ secrets.pin }}"}}
    body = {"title": "매일", "playbook_id": await lab.playbook(step), "target": {"scope": "all"}, "cron": "@daily"}
    checked = parse(schedules.SCHEDULE, body | {"time_zone": "Asia/Seoul"})
    made = await lab.db.write(schedules.create, SYSTEM, checked, {"pin": Sealed("sealed pin")})
    lab.clock.advance(86_400_000)
    assert (await lab.db.write(firing.fire, made.id, 300_000)).times == 1


async def finish(lab: Lab, place: Place, job: Job, status: str) -> None:
    digest, shot = hashlib.sha256(SHOT).hexdigest(), f"shot-{job.device.index}"
    created = lab.event("PC-01", job, "artifact_created", 2, artifact_id=shot, step_index=2, content_type="image/png")
    created["payload"] |= {"kind": "screenshot", "size": len(SHOT), "sha256": digest}
    await lab.report(lab.started("PC-01", job), created)
    if status == "succeeded":
        key = f"{job.run_id}/{job.device.index}/shot"
        await place.artifacts.put(key, once(SHOT), max_size=len(SHOT), expected_sha256=digest)
        assert await lab.db.write(artifacts.finish_upload, shot, key, len(SHOT))
    ends = [lab.step("PC-01", job, 3 + n, n, status) for n in range(3)]
    await lab.report(*ends, lab.event("PC-01", job, "task_finished", 6, status=status, error_message=None))
