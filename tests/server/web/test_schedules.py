"""The pages of schedules and notifications without a browser: what is refused stays typed, what is made is shown."""

import asyncio
import re

import pytest
from tests.server.receiver import receiving

from rackhand.engine import firing, schedules
from rackhand.engine.fake import Lab
from rackhand.server.fake import Api, ServerPlace

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
HOUR = 3_600_000


async def fired(api: Api, after_ms: int) -> None:
    api.clock.advance(after_ms)
    for each in await api.db.read(firing.list_due):
        await api.db.write(firing.fire, each, 300_000)


def test_a_schedule_is_made_from_a_playbook_changed_paused_and_deleted(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open(embedded_jobs=False) as api:
            lab = Lab(api.db, api.clock)
            await lab.node("PC-01", 3)
            shell = {"kind": "shell", "params": {"command": "echo {{ params.word }} {{ secrets.pin }}"}}
            playbook = await lab.playbook(shell, title="Morning")
            kim = await api.person(name="kim")
            assert f'href="/schedules/new?playbook={playbook}"' in (await kim.get(f"/playbooks/{playbook}")).text
            assert "Choose" in (await kim.get("/schedules/new")).text

            new = f"/schedules/new?playbook={playbook}&/run/target/scope=indexes&/run/target/indexes=1-2"
            page = (await kim.get(new)).text
            assert 'value="1-2"' in page
            assert 'name="/run/params/word"' in page
            form = {"/playbook_id": playbook, "/title": "Each hour", "/cron": "61 * * * *", "/time_zone": "Asia/Seoul"}
            form |= {"/run/target/scope": "indexes", "/run/target/indexes": "1-2", "/run/policy/retry_count": "2"}
            wrong = await kim.post("/schedules/new", data=form)
            assert wrong.status_code == 422
            assert "the minute cannot be read" in wrong.text
            assert 'value="61 * * * *"' in wrong.text
            missing = await kim.post("/schedules/new", data=form | {"/cron": "0 * * * *"})
            assert missing.text.count("is needed by the playbook") >= 2
            shown = await kim.get("/schedules/preview", params={"/cron": "0 9 * * *", "/time_zone": "Asia/Seoul"})
            assert re.findall(r"<li>([^<]+)</li>", shown.text)[0] == "2026-11-23 09:00 KST"
            said = await kim.get("/schedules/preview", params={"lang": "ko", "/cron": "x", "/time_zone": "Mars"})
            await kim.get("/schedules?lang=en")
            assert "다섯 필드여야 합니다" in said.text

            good = form | {"/cron": "0 * * * *", "/run/params/word": "hello", "/run/secrets/pin": "12345"}
            made = await kim.post("/schedules/new", data=good)
            assert made.status_code == 303
            here = made.headers["location"]
            await fired(api, HOUR)
            await fired(api, 3 * HOUR)
            page = (await kim.get(f"{here}?lang=ko")).text
            assert "놓침" in page
            assert "12345" not in page
            assert "Each hour" in (await kim.get("/schedules")).text
            edit = (await kim.get(f"{here}/edit")).text
            assert 'value="1-2"' in edit
            assert 'value="hello"' in edit
            del good["/run/secrets/pin"]
            changed = await kim.post(f"{here}/edit", data=good | {"/title": "Hourly", "/overlap": "queue"})
            assert changed.status_code == 303
            schedule = await api.db.read(schedules.get_schedule, here.rpartition("/")[2])
            assert (schedule.title, schedule.overlap, schedule.policy, schedule.secrets) == (
                "Hourly",
                "queue",
                {"retry_count": 2},
                ("pin",),
            )
            for do in ("pause", "resume", "delete"):
                assert (await kim.post(f"{here}/{do}")).status_code == 303, do
            assert (await kim.get(here)).status_code == 404

    asyncio.run(story())


def test_the_builder_saves_and_goes_on_to_a_schedule(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open(embedded_jobs=False) as api:
            playbook = await Lab(api.db, api.clock).playbook(title="Look")
            kim = await api.person(name="kim")
            view = (await api.get(f"/api/playbooks/{playbook}")).json()
            form = {"do": "schedule", "/playbook_id": playbook, "/revision": "1", "/title": "Look"}
            form |= {"/steps/0/asset_id": view["steps"][0]["asset_id"], "/steps/0/copy_of": view["steps"][0]["id"]}
            form |= {"/run/target/scope": "labels", "/run/target/labels": "rack=a"}
            answer = await kim.post("/playbooks", data=form)
            assert answer.status_code == 303
            page = await kim.get(answer.headers["location"])
            assert page.status_code == 200
            assert 'value="rack=a"' in page.text

    asyncio.run(story())


def test_channels_and_rules_are_made_tried_and_switched_off(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open(outbound_allow=("127.0.0.1",), embedded_jobs=False) as api, receiving() as hook:
            kim = await api.person(name="kim")
            here = "/settings/notifications"
            assert "RACKHAND_PUBLIC_URL" in (await kim.get(here)).text
            form = {"/title": "Hook", "/kind": "webhook", "/address": "ftp://x", "/language": "ko", "/digest_s": "0"}
            wrong = await kim.post(f"{here}/channels", data=form)
            assert (wrong.status_code, 'value="ftp://x"' in wrong.text) == (422, True)
            assert 'id="rule-title"' not in wrong.text
            made = await kim.post(f"{here}/channels", data=form | {"/address": hook.url})
            assert "whsec_" in made.text
            (channel,) = (await api.get("/api/notifications/channels")).json()["items"]
            one = f"{here}/channels/{channel['id']}"
            assert (await kim.post(f"{one}/test")).headers["location"] == one
            log = (await kim.get(f"{one}?lang=ko")).text
            assert "전달됨" in log
            await kim.get(f"{here}?lang=en")
            assert "whsec_" in (await kim.post(f"{one}/rotate")).text
            (sent,) = (await api.get("/api/notifications/deliveries")).json()["items"]
            assert (await kim.post(f"{here}/deliveries/{sent['id']}/redeliver")).status_code == 303

            rule = {"/title": "Bad runs", "/channel_id": channel["id"]}
            assert "must not be empty" in (await kim.post(f"{here}/rules", data=rule)).text
            assert (await kim.post(f"{here}/rules", data=rule | {"/kinds/run_failed": "true"})).status_code == 303
            (kept,) = (await api.get("/api/notifications/rules")).json()["items"]
            assert kept["kinds"] == ["run_failed"]
            assert (await kim.post(f"{here}/rules/{kept['id']}/switch")).status_code == 303
            assert "switched off" in (await kim.get(f"{here}?lang=en")).text
            change = {"/title": "H", "/address": "", "/language": "en", "/digest_s": "60", "/is_enabled": "false"}
            assert (await kim.post(one, data=change)).status_code == 303
            (channel,) = (await api.get("/api/notifications/channels")).json()["items"]
            assert (channel["title"], channel["is_enabled"], channel["digest_s"]) == ("H", False, 60)
            assert (await kim.post(f"{here}/rules/{kept['id']}/delete")).status_code == 303
            assert (await kim.post(f"{one}/delete")).status_code == 303
            assert (await api.get("/api/notifications/channels")).json()["items"] == []

    asyncio.run(story())
