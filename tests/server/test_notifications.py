"""Stories of messages: what happens is told once, each message has one id, and a receiver that fails blocks nothing."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.server.receiver import Receiver, receiving

from rackhand.core.clock import from_rfc3339
from rackhand.core.delivery import WAITS_MS, signed_headers
from rackhand.core.happenings import Found
from rackhand.engine import content_happenings, retention
from rackhand.engine.content_happenings import Quota, Video, of_quota, of_video
from rackhand.engine.fake import Lab
from rackhand.server import clockwork
from rackhand.server.chat import Chat
from rackhand.server.fake import Api, ServerPlace
from rackhand.store.db import Tx
from rackhand.store.retention import OldRuns

DAY_MS = 86_400_000
PUBLIC = {"outbound_allow": ("127.0.0.0/8",), "public_url": "https://rack.example.org", "embedded_jobs": False}
ALL = ["run_failed", "run_partial", "node_silent", "device_quarantined", "new_video", "quota_low"]
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


async def channel(api: Api, address: str, kinds: list[str] | None = None, **body: Any) -> dict[str, Any]:
    """A webhook, and a rule that tells it of everything; `{channel, secret}`."""
    wanted = {"title": "Hook", "kind": "webhook", "address": address, "digest_s": 0} | body
    made: dict[str, Any] = await api.make("/api/notifications/channels", wanted)
    rule = {"title": "All", "kinds": kinds or ALL, "channel_id": made["channel"]["id"]}
    await api.make("/api/notifications/rules", rule)
    return made


async def tell(api: Api, after_ms: int = 0) -> None:
    """A pass of the job, and the end of what it sent."""
    api.clock.advance(after_ms)
    await clockwork.tell(api.db, api.room.courier)
    await api.room.courier.close()


async def log(api: Api) -> list[dict[str, Any]]:
    return list((await api.get("/api/notifications/deliveries")).json()["items"])


async def failed_run(lab: Lab, title: str = "Check") -> str:
    run = await lab.run(await lab.playbook(title=title), {"scope": "nodes", "nodes": ["PC-01"]})
    for job in (await lab.pull("PC-01")).jobs:
        await lab.execute("PC-01", job, "failed")
    return run.view.id


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in receiver.came]


def test_what_happens_is_told_once_signed_and_with_a_link(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open(**PUBLIC) as api, receiving() as hook:
            lab = Lab(api.db, api.clock)
            phones = await lab.node("PC-01", 1)
            made = await channel(api, hook.url)
            run_id = await failed_run(lab)
            await tell(api, 1000)
            await tell(api, 1000)
            ((headers, body),) = hook.came
            said = json.loads(body)
            (happening,) = said["happenings"]
            assert happening["message"] == "run 'Check' failed: 1 of 1 devices did not succeed"
            assert happening["url"] == f"https://rack.example.org/runs/{run_id}"
            at_s = int(headers["webhook-timestamp"])
            expected = signed_headers(made["secret"], said["id"], at_s, body)
            assert headers["webhook-signature"] == expected["webhook-signature"]
            (row,) = await log(api)
            assert (row["id"], row["state"], row["status_code"], row["answer"]) == (
                headers["webhook-id"],
                "delivered",
                200,
                "seen 1",
            )
            assert made["secret"] not in (await api.get("/api/notifications/channels")).text

            await lab.beat("PC-01", phones)
            found = (await api.get("/api/devices/1")).json()
            body_ = {"reason": "swollen"}
            assert (await api.post("/api/devices/1/quarantine", json=body_)).status_code == 200, found
            await lab.sweep(after_ms=120_000)
            await tell(api)
            kinds = sorted(each["kind"] for said in bodies(hook)[1:] for each in said["happenings"])
            assert kinds == ["device_quarantined", "node_silent"]
            await lab.beat("PC-01", phones)
            await lab.sweep(after_ms=120_000)
            await tell(api)
            assert bodies(hook)[-1]["happenings"][0]["kind"] == "node_silent", "silent again is news again"
            assert len(hook.came) == 4

    asyncio.run(story())


@on_sqlite
def test_a_storm_is_gathered_in_the_channels_language(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open(**PUBLIC) as api, receiving() as hook:
            lab = Lab(api.db, api.clock)
            await lab.node("PC-01", 1)
            await channel(api, hook.url, ["run_failed"], digest_s=60, language="ko")
            for _ in range(3):
                await failed_run(lab)
                await tell(api, 5_000)
            assert [len(said["happenings"]) for said in bodies(hook)] == [1]
            await tell(api, 60_000)
            assert [len(said["happenings"]) for said in bodies(hook)] == [1, 2]
            assert "실패" in bodies(hook)[0]["happenings"][0]["message"]

    asyncio.run(story())


@on_sqlite
def test_refusals_are_tried_again_with_the_same_id_and_given_up_after_a_day(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open(**PUBLIC) as api, receiving(500, 503, 200, 500) as hook:
            lab = Lab(api.db, api.clock)
            await lab.node("PC-01", 1)
            await channel(api, hook.url, ["run_failed"])
            await failed_run(lab)
            await tell(api, 1000)
            (row,) = await log(api)
            assert (row["state"], row["attempt"], row["last_error_message"]) == ("due", 1, "it answered 500")
            await tell(api, WAITS_MS[0] - 1)
            assert len(hook.came) == 1
            await tell(api, 1)
            await tell(api, WAITS_MS[1])
            ids = {headers["webhook-id"] for headers, _ in hook.came}
            assert (len(hook.came), len(ids), len({body for _, body in hook.came})) == (3, 1, 1)
            assert (await log(api))[0]["state"] == "delivered"

            again = await api.post(f"/api/notifications/deliveries/{row['id']}/redeliver")
            assert again.json()["state"] == "due"
            for wait in (0, *WAITS_MS):
                await tell(api, wait)
            (row,) = await log(api)
            assert (row["state"], row["next_at"]) == ("given_up", None)
            assert {headers["webhook-id"] for headers, _ in hook.came} == ids
            (shown,) = (await api.get("/api/notifications/channels")).json()["items"]
            assert (shown["failure_count"], shown["last_error_message"]) == (len(WAITS_MS) + 1, "it answered 500")
            todo = (await api.get("/api/dashboard")).json()["todo"]
            assert f"notifications:{shown['id']}" in [entry["subject"] for entry in todo]
            page = f"/settings/notifications/channels/{shown['id']}"
            assert f'href="{page}"' in (await api.get("/", headers={"accept": "text/html"})).text
            assert (await api.get(page)).status_code == 200
            assert (await api.get("/api/audit", params={"action": "notification.redeliver"})).json()["items"]

    asyncio.run(story())


@on_sqlite
def test_a_receiver_that_hangs_holds_up_nobody_and_a_dead_senders_message_is_sent_again(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open(**PUBLIC) as api, receiving(0) as stuck, receiving() as well:
            lab = Lab(api.db, api.clock)
            await lab.node("PC-01", 1)
            await channel(api, stuck.url, ["run_failed"])
            await channel(api, well.url, ["run_failed"])
            await failed_run(lab)
            for _ in range(2):
                await clockwork.tell(api.db, api.room.courier)
            await asyncio.gather(stuck.arrived.wait(), well.arrived.wait())
            await failed_run(lab)
            well.arrived.clear()
            api.clock.advance(1000)
            while len(well.came) < 2:
                await clockwork.tell(api.db, api.room.courier)
                await asyncio.wait_for(well.arrived.wait(), 10)
                well.arrived.clear()
            assert len(stuck.came) == 1, "one at a time"
            await api.room.courier.cancel()
            stuck.answers[:] = [200]
            await tell(api, 1000)
            assert len(stuck.came) == 2, "the next message; the claim of the first still holds"
            await tell(api, 90_000)
            ids = [headers["webhook-id"] for headers, _ in stuck.came]
            assert (len(ids), ids[0]) == (3, ids[2])

    asyncio.run(story())


@on_sqlite
def test_the_test_button_says_how_it_ended(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open(**PUBLIC) as api, receiving(200, 404) as hook:
            made = await channel(api, hook.url)
            path = f"/api/notifications/channels/{made['channel']['id']}"
            await api.patch(path, json={"is_enabled": False})
            good = (await api.post(f"{path}/test")).json()
            bad = (await api.post(f"{path}/test")).json()
            assert (good["state"], good["is_test"]) == ("delivered", True)
            assert (bad["state"], bad["last_error_message"]) == ("given_up", "it answered 404")
            assert bodies(hook)[0]["test"] is True
            rotated = (await api.post(f"{path}/rotate")).json()
            assert rotated["secret"] not in (None, made["secret"])

    asyncio.run(story())


@on_sqlite
@pytest.mark.parametrize(
    ("body", "path", "said"),
    [
        ({"address": "ftp://x"}, "/address", "must be an http or https address without a password in it"),
        ({"address": "https://a:b@example.org/"}, "/address", "must be an http or https address without a password"),
        ({"address": "http://10.0.0.7/hook"}, "/address", "is not a public address"),
        ({"address": "x", "kind": "apprise"}, "/address", "must be an address of Apprise"),
        ({"address": "syslog://", "kind": "apprise"}, "/address", "reaches only the server itself"),
        ({"address": "nobody-knows://x", "kind": "apprise"}, "/address", "Apprise cannot read this address"),
    ],
)
def test_addresses_that_cannot_be_used(server: ServerPlace, body: dict[str, str], path: str, said: str) -> None:
    async def story() -> None:
        async with server.open(embedded_jobs=False) as api:
            wanted = {"title": "Hook", "kind": "webhook"} | body
            answer = await api.post("/api/notifications/channels", json=wanted)
            assert answer.status_code == 422
            (error,) = answer.json()["errors"]
            assert error["path"] == path
            assert said in error["message"]

    asyncio.run(story())


@on_sqlite
def test_a_chat_goes_through_a_process_of_its_own(server: ServerPlace) -> None:
    """Apprise's own JSON service stands for a chat: it posts to the receiver, whose address is allowed."""

    async def story() -> None:
        async with server.open(**PUBLIC) as api, receiving() as hook:
            lab = Lab(api.db, api.clock)
            await lab.node("PC-01", 1)
            address = hook.url.replace("http://", "json://kim:password-of-kim@")
            made = await channel(api, address, ["run_failed"], kind="apprise", language="en")
            assert made["secret"] is None
            assert made["channel"]["address_shown"] == "json://…"
            await failed_run(lab)
            await tell(api, 1000)
            (said,) = bodies(hook)
            assert said["title"] == "Rackhand: run 'Check' failed: 1 of 1 devices did not succeed"
            assert "https://rack.example.org/runs/" in said["message"]
            refused = await Chat().send(address, "t", "b")
            assert refused.error is not None
            assert "password-of-kim" not in refused.error

    asyncio.run(story())


def test_a_provider_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hangs_for_ever.py").write_text("import threading; threading.Event().wait()")
    (tmp_path / "falls_over.py").write_text("raise SystemExit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    hung = asyncio.run(Chat(timeout_s=0.2, module="hangs_for_ever").send("x://", "t", "b"))
    fell = asyncio.run(Chat(module="falls_over").send("x://", "t", "b"))

    assert hung.error == "no answer within 0.2 s"
    assert fell.error == "the process that sends messages ended with 3"
    assert "apprise" not in sys.modules, "the server itself loads no provider"


@on_sqlite
def test_content_is_told_through_its_table_of_sources(server: ServerPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [5_000]

    def source(tx: Tx, since: int) -> list[Found]:
        videos = [Video("v1", "First", "News", tx.now - 10 * DAY_MS), Video("v2", "Second", "News", tx.now)]
        fresh = [of_video(video) for video in videos if video.seen_at >= since]
        return fresh + list(of_quota(Quota("2026-11-22", left[0], 10_000), tx.now))

    async def story() -> None:
        async with server.open(**PUBLIC) as api, receiving() as hook:
            monkeypatch.setattr(content_happenings, "SOURCES", (source,))
            await channel(api, hook.url)
            await tell(api, 1000)
            left[0] = 400
            await tell(api, 1000)
            await tell(api, 1000)
            told = [each["message"] for said in bodies(hook) for each in said["happenings"]]
            assert sorted(told) == ["400 of 10000 units of today's quota are left", "new video of News: Second"]

    asyncio.run(story())


@on_sqlite
def test_old_messages_are_forgotten_and_not_told_again(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open(**PUBLIC) as api, receiving() as hook:
            lab = Lab(api.db, api.clock)
            await lab.node("PC-01", 1)
            await channel(api, hook.url, ["run_failed"])
            await failed_run(lab)
            await tell(api, 1000)
            assert from_rfc3339((await log(api))[0]["created_at"]) <= api.clock.at
            api.clock.advance(31 * DAY_MS)
            removed = await api.db.write(retention.remove, OldRuns())
            assert removed.events >= 2
            await tell(api)
            assert (await log(api), len(hook.came)) == ([], 1)

    asyncio.run(story())
