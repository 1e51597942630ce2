"""Stories of runs over HTTP: bad requests change nothing, polls cost nothing, a double click starts one run."""

import asyncio
from typing import Any

import pytest

from rackhand.engine.access import Role
from rackhand.server.fake import Api, ServerPlace

PHONES = [
    {"serial": f"S{i}", "runtime_handle": f"S{i}", "adb_state": "device", "online": True, "usb_path": f"1-{i}"}
    for i in (1, 2, 3)
]


async def lab(api: Api) -> tuple[Api, str]:
    """A node with three phones and a playbook: the node's client, the playbook's id."""
    node = await api.node("PC-01")
    beat = {"node": {}, "leases": [], "devices": PHONES}
    event = {"event_id": "b1", "type": "device_heartbeat", "node_id": "PC-01", "payload": beat}
    assert (await node.post("/api/nodes/callback", json=event)).status_code == 200
    asset = await api.make("/api/command-assets", {"title": "Look", "kind": "screenshot"})
    steps = [{"asset_id": asset["id"], "probability": 0.5}]
    return node, (await api.make("/api/playbooks", {"title": "Look", "steps": steps}))["id"]


BAD = [
    ({"target": {"scope": "all"}, "playbook_id": "nope"}, "/playbook_id"),
    ({"target": {"scope": "all"}}, "/playbook_id"),
    ({"playbook_id": "P"}, "/target"),
    ({"playbook_id": "P", "target": {"scope": "everything"}}, "/target/scope"),
    ({"playbook_id": "P", "target": {"scope": "indexes", "indexes": "1-x"}}, "/target/indexes"),
    ({"playbook_id": "P", "target": {"scope": "indexes", "indexes": "900"}}, "/target"),
    ({"playbook_id": "P", "target": {"scope": "nodes", "nodes": ["PC-77"]}}, "/target"),
    ({"playbook_id": "P", "target": {"scope": "all"}, "colour": 1}, "/colour"),
    ({"playbook_id": "P", "target": {"scope": "all"}, "policy": {"concurrency": 0}}, "/policy/concurrency"),
    ({"playbook_id": "P", "target": {"scope": "all"}, "seed": -1}, "/seed"),
    ({"playbook_id": "P", "target": {"scope": "all"}, "revision": 9}, "/playbook_id"),
    ({"steps": [], "target": {"scope": "all"}}, "/steps"),
    ({"steps": [{"asset_id": "x", "probability": 1.5}], "target": {"scope": "all"}}, "/steps/0/probability"),
    ({"steps": [{"asset_id": "x"}], "target": {"scope": "all"}}, "/steps/0/asset_id"),
    ({"playbook_id": "P", "target": {"scope": "all"}, "params": {"a b": "1"}}, "/params/a b"),
]


@pytest.mark.parametrize(("body", "path"), BAD)
def test_a_bad_request_names_the_field_and_makes_no_run(server: ServerPlace, body: dict[str, Any], path: str) -> None:
    async def story() -> None:
        async with server.open() as api:
            _, playbook = await lab(api)
            sent = {**body, "playbook_id": playbook} if body.get("playbook_id") == "P" else body
            for route in ("/api/runs", "/api/runs/plan"):
                answer = await api.post(route, json=sent)
                assert answer.status_code == 422, answer.text
                assert answer.headers["content-type"] == "application/problem+json"
                assert path in [error["path"] for error in answer.json()["errors"]]
            assert (await api.get("/api/runs")).json() == {"items": [], "next_cursor": None}

    asyncio.run(story())


def test_every_error_comes_at_once(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            body = {"steps": [{"probability": 2}], "target": {"scope": "labels"}, "policy": {"x": 1}, "seed": "a"}
            paths = {e["path"] for e in (await api.post("/api/runs", json=body)).json()["errors"]}
            assert paths == {"/steps/0/asset_id", "/steps/0/probability", "/target/labels", "/policy/x", "/seed"}

    asyncio.run(story())


def test_a_poll_of_an_unchanged_run_is_empty(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            _, playbook = await lab(api)
            run = await api.make("/api/runs", {"playbook_id": playbook, "target": {"scope": "all"}})
            first = await api.get(f"/api/runs/{run['id']}")
            assert first.json()["heatmap"]["packed"] == "000"
            etag, rev = first.headers["etag"], first.json()["rev"]
            same = await api.get(f"/api/runs/{run['id']}", headers={"If-None-Match": etag})
            assert (same.status_code, same.content) == (304, b"")
            assert (await api.get(f"/api/runs/{run['id']}?since={rev}")).status_code == 304
            await api.post(f"/api/runs/{run['id']}/stop")
            changed = (await api.get(f"/api/runs/{run['id']}?since={rev}")).json()
            assert (changed["full"], changed["run"]["status"]) == (False, "stopped")
            assert [device["index"] for device in changed["heatmap"]["devices"]] == [1, 2, 3]

    asyncio.run(story())


def test_a_double_click_starts_one_run(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            _, playbook = await lab(api)
            body = {"playbook_id": playbook, "target": {"scope": "all"}}
            key = {"Idempotency-Key": "click-1"}
            first, second = [await api.post("/api/runs", json=body, headers=key) for _ in range(2)]
            assert first.json() == second.json()
            assert len((await api.get("/api/runs")).json()["items"]) == 1
            assert (await api.post("/api/runs", json=body | {"seed": 1}, headers=key)).status_code == 422

    asyncio.run(story())


def test_runs_are_paged_and_filtered(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            _, playbook = await lab(api)
            made = []
            for _ in range(3):
                api.clock.advance(1)
                made.append((await api.make("/api/runs", {"playbook_id": playbook, "target": {"scope": "all"}}))["id"])
            page = (await api.get("/api/runs?limit=2")).json()
            assert [run["id"] for run in page["items"]] == [made[2], made[1]]
            rest = (await api.get(f"/api/runs?limit=2&cursor={page['next_cursor']}")).json()
            assert ([run["id"] for run in rest["items"]], rest["next_cursor"]) == ([made[0]], None)
            await api.post(f"/api/runs/{made[0]}/stop")
            stopped = (await api.get("/api/runs?status=stopped")).json()["items"]
            assert [run["id"] for run in stopped] == [made[0]]
            assert (await api.get("/api/runs?cursor=xx")).status_code == 422

    asyncio.run(story())


def test_rerun_is_refused_while_the_run_is_open(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            _, playbook = await lab(api)
            run = await api.make("/api/runs", {"playbook_id": playbook, "target": {"scope": "all"}})
            early = await api.post(f"/api/runs/{run['id']}/rerun", json={})
            assert (early.status_code, early.json()["type"]) == (409, "urn:rackhand:run_unfinished")
            await api.post(f"/api/runs/{run['id']}/stop")
            assert (await api.post(f"/api/runs/{run['id']}/rerun", json={"outcomes": ["lost"]})).status_code == 422
            again = await api.post(f"/api/runs/{run['id']}/rerun", json={"outcomes": ["stopped"], "dice": "same"})
            assert (again.status_code, again.json()["counts"]["queued"]) == (201, 3)
            assert (await api.post("/api/runs/nope/rerun")).status_code == 404

    asyncio.run(story())


def test_a_plan_tells_what_would_happen(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            _, playbook = await lab(api)
            body = {"playbook_id": playbook, "target": {"scope": "indexes", "indexes": "1-3", "exclude": "2"}}
            plan = (await api.post("/api/runs/plan", json=body)).json()
            assert [device["device_index"] for device in plan["devices"]] == [1, 3]
            assert (plan["steps"][0]["expected"], plan["eta_ms"]) == (1.0, None)

    asyncio.run(story())


def test_exports_have_their_types(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            _, playbook = await lab(api)
            run = await api.make("/api/runs", {"playbook_id": playbook, "target": {"scope": "all"}})
            path = f"/api/runs/{run['id']}/export?format="
            junit, table, data = [await api.get(path + form) for form in ("junit", "csv", "json")]
            assert junit.headers["content-type"].startswith("application/xml")
            assert junit.text.startswith("<?xml")
            assert table.text.splitlines()[0].startswith("run_id,device_index")
            assert len(data.json()["devices"]) == 3
            assert (await api.get(path + "pdf")).status_code == 422

    asyncio.run(story())


def test_viewers_look_and_touch_nothing(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node, playbook = await lab(api)
            viewer = await api.role(Role.VIEWER)
            body = {"playbook_id": playbook, "target": {"scope": "all"}}
            assert (await viewer.post("/api/runs", json=body)).status_code == 403
            assert (await node.post("/api/runs", json=body)).status_code == 403
            assert (await viewer.get("/api/runs")).status_code == 200
            assert (await node.get("/api/runs")).status_code == 403
            assert (await viewer.get("/api/runs/nope")).status_code == 404
            assert (await viewer.get("/api/runs/nope/devices/1")).status_code == 404

    asyncio.run(story())


def test_the_packed_view_is_small_and_knows_when_nothing_changed(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            _, playbook = await lab(api)
            run = await api.make("/api/runs", {"playbook_id": playbook, "target": {"scope": "all"}})
            path = f"/api/runs/{run['id']}?view=packed"
            first = await api.get(path)
            assert first.json()["heatmap"] == {"packed": first.json()["heatmap"]["packed"], "devices": []}
            assert len(first.json()["heatmap"]["packed"]) == run["counts"]["total"]
            again = await api.get(path, headers={"If-None-Match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            plain = await api.get(f"/api/runs/{run['id']}", headers={"If-None-Match": first.headers["etag"]})
            assert plain.status_code == 200, "another view has another ETag"

    asyncio.run(story())


def test_an_adhoc_step_may_be_a_command_of_its_own(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api)
            body = {"target": {"scope": "all"}, "steps": [{"kind": "shell", "params": {"command": "true"}}]}
            made = await api.post("/api/runs", json=body)
            assert made.status_code == 201, made.text
            shown = (await api.get(f"/api/runs/{made.json()['id']}")).json()["run"]
            assert (shown["trigger"], shown["title"]) == ("adhoc", "Run a shell command")
            wrong = await api.post("/api/runs", json=body | {"steps": [{"kind": "shell"}]})
            assert [error["path"] for error in wrong.json()["errors"]] == ["/steps/0/params/command"]

    asyncio.run(story())
