"""Playbooks over HTTP: revisions that never change, YAML out and in, presets."""

import asyncio
from typing import Any

import pytest

from rackhand.server.fake import Api, ServerPlace

YAML = {"Content-Type": "application/yaml"}
DOCUMENT = """
rackhand: 1
title: Morning check
steps:
  - title: Battery
    kind: shell
    params: {command: dumpsys battery}
    effect: repeatable
    probability: 0.5
  - title: Battery
    kind: shell
    params: {command: dumpsys battery}
    effect: repeatable
  - {title: Shot, kind: screenshot, retry_count: 2, on_failure: continue}
"""


async def look(api: Api, **more: Any) -> str:
    body = {"title": "Look", "kind": "shell", "params": {"command": "id"}} | more
    return str((await api.make("/api/command-assets", body))["id"])


def test_a_saved_revision_is_a_copy_that_no_edit_changes(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            asset = await look(api)
            step = {"asset_id": asset, "params": {"command": "uptime"}, "probability": 0.25, "retry_count": 1}
            saved = await api.make("/api/playbooks", {"title": "One", "steps": [{"asset_id": asset}, step]})
            path = f"/api/playbooks/{saved['id']}"
            assert saved == {"id": saved["id"], "revision": 1}
            first = (await api.get(f"{path}/revisions/1")).json()

            edit = {"title": "Look", "kind": "shell", "params": {"command": "who"}}
            await api.put(f"/api/command-assets/{asset}", json=edit)
            assert (await api.get(f"{path}/revisions/1")).json() == first
            assert [step["params"]["command"] for step in first["steps"]] == ["id", "uptime"]
            assert [step["probability"] for step in first["steps"]] == [1.0, 0.25]

            again = (await api.put(path, json={"title": "Two", "steps": [{"asset_id": asset}]})).json()
            assert again == {"id": saved["id"], "revision": 2}
            current = (await api.get(path)).json()
            assert (current["title"], current["revision"]) == ("Two", 2)
            assert [(s["params"], s["asset_revision"]) for s in current["steps"]] == [({"command": "who"}, 2)]
            assert (await api.get(f"{path}/revisions/1")).json() == first
            page = (await api.get(f"{path}/revisions?limit=1")).json()
            rest = (await api.get(f"{path}/revisions?limit=1&cursor={page['next_cursor']}")).json()
            assert [page["items"][0]["revision"], rest["items"][0]["revision"]] == [2, 1]
            assert rest["next_cursor"] is None

    asyncio.run(story())


def test_an_archived_playbook_is_not_listed_and_not_edited_but_keeps_its_revisions(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            body = {"title": "One", "steps": [{"asset_id": await look(api)}]}
            saved = await api.make("/api/playbooks", body)
            path = f"/api/playbooks/{saved['id']}"

            assert [item["title"] for item in (await api.get("/api/playbooks?q=on")).json()["items"]] == ["One"]
            assert (await api.delete(path)).status_code == 204
            assert (await api.get("/api/playbooks")).json()["items"] == []
            assert (await api.put(path, json=body)).status_code == 409
            assert (await api.get(f"{path}/revisions/1")).status_code == 200
            assert (await api.get(f"{path}/revisions/2")).status_code == 404
            assert (await api.delete("/api/playbooks/none")).status_code == 404

    asyncio.run(story())


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, {"/title", "/steps"}),
        ({"title": "x", "steps": []}, {"/steps"}),
        ({"title": "x", "steps": [{}]}, {"/steps/0/asset_id"}),
        ({"title": "x", "steps": [{"asset_id": "none"}]}, {"/steps/0/asset_id"}),
        ({"title": "x", "steps": [{"asset_id": "A", "probability": 1.1}]}, {"/steps/0/probability"}),
        ({"title": "x", "steps": [{"asset_id": "A", "probability": "1"}]}, {"/steps/0/probability"}),
        ({"title": "x", "steps": [{"asset_id": "A", "on_failure": "panic"}]}, {"/steps/0/on_failure"}),
        ({"title": "x", "steps": [{"asset_id": "A", "params": {"x": 1}}]}, {"/steps/0/params/x"}),
        ({"title": "x", "steps": [{"asset_id": "A"}] * 201}, {"/steps"}),
        ({"title": "x", "steps": {"0": {}}, "id": 1}, {"/steps", "/id"}),
    ],
)
def test_a_bad_playbook_is_refused_with_every_path(server: ServerPlace, body: Any, paths: set[str]) -> None:
    async def story() -> None:
        async with server.open() as api:
            asset = await look(api)
            steps = body.get("steps")
            if isinstance(steps, list):
                steps = [step | ({"asset_id": asset} if step.get("asset_id") == "A" else {}) for step in steps]
            sent = body | ({"steps": steps} if "steps" in body else {})
            answer = await api.post("/api/playbooks", json=sent)

            assert answer.status_code == 422
            assert {error["path"] for error in answer.json()["errors"]} == paths
            assert (await api.get("/api/playbooks")).json()["items"] == []

    asyncio.run(story())


def test_yaml_goes_in_and_comes_out_the_same(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            made = await api.post("/api/playbooks/import", content=DOCUMENT, headers=YAML)
            assert made.status_code == 201, made.text
            path = f"/api/playbooks/{made.json()['id']}/export"
            out = await api.get(path)
            assert out.headers["content-type"].startswith("application/yaml")
            assert "attachment" in out.headers["content-disposition"]
            again = await api.post("/api/playbooks/import", content=out.content, headers=YAML)
            assert (await api.get(f"/api/playbooks/{again.json()['id']}/export")).content == out.content
            assets = (await api.get("/api/command-assets")).json()["items"]
            assert [asset["title"] for asset in assets] == ["Battery", "Shot"]
            assert (await api.get(f"{path}?revision=2")).status_code == 404

    asyncio.run(story())


BOMB = "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (b"", 422, "object"),
        (b"just text", 422, "object"),
        (b"{", 400, "line 1"),
        (b"\xff\xfe\x00", 400, "UTF-8"),
        (b"a: 1\na: 2", 400, "twice"),
        (b"!!python/object/apply:os.system [id]", 400, "YAML"),
        (BOMB.encode(), 422, "alias"),
        (b"[" * 5000, 422, "deep"),
        (b"x: " + b"9" * 5000, 400, "value"),
        (b"rackhand: 2\ntitle: x\nsteps: []", 422, "/rackhand"),
        (DOCUMENT.replace("0.5", ".nan").encode(), 422, "/steps/0/probability"),
        (DOCUMENT.replace("screenshot", "dance").encode(), 422, "/steps/2/kind"),
        (
            DOCUMENT.replace("kind: screenshot", f"kind: install_apk, params: {{file: {'0' * 64}}}").encode(),
            422,
            "/file",
        ),
        (b"? [1, 2]\n: 3\n", 400, "YAML"),
        (b"a: 2026-01-01\n2: b", 422, "/2"),
    ],
)
def test_bad_yaml_is_refused_with_its_reason(server: ServerPlace, content: bytes, status: int, reason: str) -> None:
    async def story() -> None:
        async with server.open() as api:
            answer = await api.post("/api/playbooks/import", content=content, headers=YAML)

            assert answer.status_code == status, answer.text
            assert reason in answer.text
            assert (await api.get("/api/playbooks")).json()["items"] == []
            assert (await api.get("/api/command-assets")).json()["items"] == []

    asyncio.run(story())


def test_json_is_no_yaml_upload(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            assert (await api.post("/api/playbooks/import", json={})).status_code == 415

    asyncio.run(story())


def test_presets_are_registered_once(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            first = (await api.post("/api/playbooks/presets")).json()["items"]
            again = (await api.post("/api/playbooks/presets")).json()["items"]

            titles = ["Health sweep", "Open a URL and check playback", "Kiosk reset"]
            assert [(p["title"], p["is_new"]) for p in first] == [(title, True) for title in titles]
            assert [(p["id"], p["is_new"]) for p in again] == [(p["id"], False) for p in first]
            steps = (await api.get(f"/api/playbooks/{first[0]['id']}")).json()["steps"]
            assert [step["title"] for step in steps] == ["Battery", "Temperature", "Storage", "Network", "Screenshot"]
            assert {step["effect"] for step in steps} == {"repeatable"}

    asyncio.run(story())
