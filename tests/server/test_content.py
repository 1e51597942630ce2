"""Content over the API and on its pages: registered, previewed, tagged, seen, used by a run; the key stays hidden."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from rackhand.engine.access import Role
from rackhand.engine.fake import Lab
from rackhand.server.channel_sync import fetch_thumbnails, sync_channels
from rackhand.server.fake import Api, ServerPlace
from rackhand.sim.video_site import KEY, VideoSite
from rackhand.store.fake import MORNING

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
OPEN = {"kind": "open_url", "params": {"url": "{{ params.content.url }}"}}
PLAYS = {"kind": "wait_for", "params": {"media_playing": True}}


@pytest.fixture
def site() -> Iterator[VideoSite]:
    with VideoSite() as running:
        yield running


def reaching(site: VideoSite) -> dict[str, Any]:
    return {"content_api_url": site.api, "outbound_allow": ("127.0.0.1",), "embedded_jobs": False}


async def sync(api: Api) -> None:
    await sync_channels(api.room.desk, lambda: False)
    await fetch_thumbnails(api.room.desk, lambda: False)


async def audited(api: Api) -> list[str]:
    return [line["action"] for line in (await api.get("/api/audit", params={"limit": 500})).json()["items"]]


def test_a_day_with_a_channel(server: ServerPlace, site: VideoSite) -> None:
    async def story() -> None:
        async with server.open(**reaching(site)) as api:
            lab = site.channel("lab", 2, latest_at=MORNING - 3_600_000)
            refused = await api.post("/api/channels", json={"channel": "@lab"})
            assert (refused.status_code, refused.json()["type"]) == (409, "urn:rackhand:no_key")
            given = await api.put("/api/content/source", json={"api_key": KEY})
            assert given.json()["state"] == "ready"
            assert KEY not in given.text
            channel = await api.make("/api/channels", {"channel": "@lab"})
            site.upload(lab, "Fresh <b>", MORNING + 60_000)
            await sync(api)

            listed = (await api.get("/api/content", params={"limit": 2})).json()
            assert [item["title"] for item in listed["items"]] == ["Fresh <b>", "Lab 2"]
            rest = (await api.get("/api/content", params={"limit": 2, "cursor": listed["next_cursor"]})).json()
            assert [item["title"] for item in rest["items"]] == ["Lab 1"]
            (fresh,) = (await api.get("/api/content", params={"is_new": "true"})).json()["items"]
            jpeg = await api.get(f"/api/content/{fresh['id']}/thumbnail")
            assert (jpeg.headers["content-type"], jpeg.content[:3]) == ("image/jpeg", b"\xff\xd8\xff")
            await api.room.artifacts.delete(f"thumbs/{fresh['id']}")
            assert (await api.get(f"/api/content/{fresh['id']}/thumbnail")).status_code == 404

            await api.post(f"/api/content/{fresh['id']}/seen")
            await api.post("/api/content/seen")
            await api.patch(f"/api/content/{fresh['id']}", json={"tags": ["로비", "a"]})
            for query in ({"tag": "로비"}, {"q": "fresh"}, {"channel": channel["id"], "q": "로비"}):
                found = (await api.get("/api/content", params=query)).json()["items"]
                assert [item["id"] for item in found] == [fresh["id"]], query
            assert "rackhand_content_quota_spent_units 3.0" in (await api.get("/metrics")).text

            path = f"/api/channels/{channel['id']}"
            assert (await api.patch(path, json={"is_enabled": False})).json()["next_sync_at"] is None
            assert (await api.post(f"{path}/sync")).status_code == 409
            await api.patch(path, json={"is_enabled": True})
            assert (await api.post(f"{path}/sync")).status_code == 200
            assert (await api.post("/api/channels", json={"channel": "@lab"})).json()["type"].endswith(":registered")
            assert (await api.delete(path)).status_code == 204
            assert (await api.get(path)).status_code == 404
            wanted = {"channel.register", "channel.change", "channel.sync", "channel.remove", "content.seen"}
            assert wanted <= set(await audited(api))

    asyncio.run(story())


def test_a_run_plays_the_video_that_it_names(server: ServerPlace, site: VideoSite) -> None:
    async def story() -> None:
        async with server.open(**reaching(site)) as api:
            lab = Lab(api.db, api.clock)
            await lab.node("PC-01", 1)
            video = await api.make("/api/content", {"url": "https://youtu.be/dQw4w9WgXcQ", "tags": []})
            body: dict[str, Any] = {"steps": [OPEN, PLAYS], "target": {"scope": "all"}}
            missing = (await api.post("/api/runs", json=body)).json()
            assert "params.content.url" in missing["detail"]
            unknown = (await api.post("/api/runs", json=body | {"content": "nothing"})).json()
            assert [error["path"] for error in unknown["errors"]] == ["/content"]
            await api.make("/api/runs", body | {"content": video["id"]})
            (job,) = (await lab.pull("PC-01")).jobs
            assert job.params["content.url"] == "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
            forged = await api.post("/api/runs", json=body | {"params": {"content.url": "https://example.org"}})
            assert forged.status_code == 422

            playbook = await api.make("/api/command-assets", {"title": "Open it", **OPEN})
            person = await api.person(Role.OPERATOR)
            shown = (await person.get(f"/commands?content={video['id']}")).text
            assert f'<option value="{video["id"]}" selected>' in shown
            form = {"/title": "Play", "/steps/0/asset_id": playbook["id"], "/run/content": video["id"], "do": "save"}
            saved = await person.post("/playbooks", data=form)
            assert saved.status_code == 303
            assert saved.headers["location"].endswith(f"&content={video['id']}"), "saving keeps the chosen video"
            again = (await person.get(saved.headers["location"])).text
            assert f'<option value="{video["id"]}" selected>' in again
            form |= {"do": "run", "/run/target/scope": "all"}
            assert (await person.post("/playbooks", data=form)).headers["location"].startswith("/runs/")

    asyncio.run(story())


def test_the_pages_say_what_to_do(server: ServerPlace, site: VideoSite) -> None:
    async def story() -> None:
        async with server.open(**reaching(site)) as api:
            admin = await api.person()
            for path in ("/content", "/content/channels", "/content/source"):
                assert "API 키가 없습니다" in (await admin.get(f"{path}?lang=ko")).text
            await admin.get("/content?lang=en")
            playlist = await admin.post("/content/preview", data={"/url": "https://youtube.com/playlist?list=PL012345"})
            assert playlist.status_code == 422
            assert "is a playlist" in playlist.text
            assert "list=PL012345" in playlist.text, "what was typed is kept"
            wrong = await admin.post("/content/source", data={"/api_key": "with space", "/daily_units": "10000"})
            assert "a key without spaces" in wrong.text
            assert "with space" not in wrong.text, "a key is never shown"
            await admin.post("/content/source", data={"/api_key": KEY, "/daily_units": "500"})

            lab = site.channel("lab", 1, latest_at=MORNING)
            video = site.upload(lab, "Demo", MORNING, blocked=("DE",), is_embeddable=False)
            shown = (await admin.post("/content/preview", data={"/url": video.id})).text
            assert "data:image/jpeg;base64," in shown
            assert "not in DE" in shown
            await admin.post("/content", data={"/url": video.id, "/tags": " lobby, , door "})
            assert (await admin.post("/content", data={"/url": video.id})).status_code == 409
            await admin.post("/content/channels", data={"/channel": "@lab"})
            await sync(api)
            listed = (await admin.get("/content")).text
            assert "#<bdi>door</bdi>" in listed
            channels = (await admin.get("/content/channels")).text
            assert "/ 500 units spent" in channels
            (item,) = (await api.get("/api/content", params={"tag": "door"})).json()["items"]
            (channel,) = (await api.get("/api/channels")).json()["items"]
            for path, data in (
                (f"/content/{item['id']}/tags", {"/tags": "wall"}),
                (f"/content/{item['id']}/seen", {}),
                (f"/content/{item['id']}/archive", {}),
                (f"/content/{item['id']}/restore", {}),
                ("/content/seen", {}),
                (f"/content/channels/{channel['id']}/off", {}),
                (f"/content/channels/{channel['id']}/on", {}),
                (f"/content/channels/{channel['id']}/sync", {}),
                (f"/content/channels/{channel['id']}/remove", {}),
            ):
                assert (await admin.post(path, data=data)).status_code == 303, path
            too_long = await admin.post(f"/content/{item['id']}/tags", data={"/tags": "x" * 41})
            assert too_long.status_code == 422
            await admin.post("/content/source", data={"remove": "yes", "/api_key": "", "/daily_units": "500"})
            assert not (await api.get("/api/content/source")).json()["has_key"]

    asyncio.run(story())
