"""Stories of a node over HTTP: pull, callback, upload; what is wrong is refused with a reason and changes nothing."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

from rackhand.core import dice
from rackhand.server.fake import Api, ServerPlace
from rackhand.store import artifacts

PHONE = {"serial": "S1", "runtime_handle": "S1", "adb_state": "device", "online": True}


def event(kind: str, payload: dict[str, Any], event_id: str = "e1", **more: Any) -> dict[str, Any]:
    return {"event_id": event_id, "type": kind, "node_id": "PC-01", "payload": payload} | more


def beat(*phones: dict[str, Any], event_id: str = "b1") -> dict[str, Any]:
    return event("device_heartbeat", {"node": {"agent_version": "1"}, "leases": [], "devices": list(phones)}, event_id)


async def lab(api: Api) -> tuple[Api, dict[str, Any], str]:
    """A node with one phone that holds a job: the node's client, the job, the run's id."""
    node = await api.node("PC-01")
    assert (await node.post("/api/nodes/callback", json=beat(PHONE))).status_code == 200
    asset = await api.make("/api/command-assets", {"title": "Look", "kind": "screenshot"})
    playbook = await api.make("/api/playbooks", {"title": "Look", "steps": [{"asset_id": asset["id"]}]})
    run = await api.make("/api/runs", {"playbook_id": playbook["id"], "target": {"scope": "all"}})
    pulled = await node.post("/api/nodes/pull", json={"node_id": "PC-01", "max_jobs": 1, "wait_ms": 0, "held": []})
    return node, pulled.json()["jobs"][0], run["id"]


def leased(job: dict[str, Any], kind: str, seq: int, payload: dict[str, Any], event_id: str) -> dict[str, Any]:
    about = {"run_id": job["run_id"], "device_index": job["device"]["index"]}
    return event(kind, about | payload, event_id, lease_token=job["lease"]["token"], seq=seq)


def step(job: dict[str, Any], seq: int, event_id: str) -> dict[str, Any]:
    drawn = dice.draw(job["seed"], job["dice_index"], 0)
    payload = {"step_index": 0, "attempt": 1, "status": "succeeded", "probability": 1, "draw": drawn}
    return leased(job, "run_step_update", seq, payload | {"decision": "executed"}, event_id)


def test_a_run_goes_round_over_http(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node, job, run_id = await lab(api)
            assert job["steps"][0]["timeout_ms"] == 90_000
            started = leased(job, "task_started", 1, {}, "e2")
            first = await node.post("/api/nodes/callback", json=started)
            assert (first.status_code, first.json()) == (200, {"ok": True, "duplicate": False})
            again = await node.post("/api/nodes/callback", json=started)
            assert again.json() == {"ok": True, "duplicate": True}
            end = leased(job, "task_finished", 3, {"status": "succeeded"}, "e4")
            batch = await node.post("/api/nodes/callback", json={"events": [step(job, 2, "e3"), end, started]})
            assert [r["status"] for r in batch.json()["results"]] == ["accepted", "accepted", "duplicate"]
            view = (await api.get(f"/api/runs/{run_id}")).json()
            assert (view["run"]["status"], view["counts"]["succeeded"]) == ("succeeded", 1)
            device = (await api.get(f"/api/runs/{run_id}/devices/1")).json()
            assert (device["steps"][0]["decision"], device["device"]["status"]) == ("executed", "succeeded")

    asyncio.run(story())


def test_one_stale_event_is_a_lease_mismatch(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node, job, run_id = await lab(api)
            stale = leased(job, "task_started", 1, {}, "e2") | {"lease_token": "old"}
            answer = await node.post("/api/nodes/callback", json=stale)
            assert (answer.status_code, answer.json()["type"]) == (409, "urn:rackhand:lease_mismatch")
            assert (await api.get(f"/api/runs/{run_id}")).json()["counts"]["queued"] == 1

    asyncio.run(story())


def test_a_poison_event_hurts_no_other(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node, job, run_id = await lab(api)
            bad = [7, {"event_id": "x!", "type": "?"}, leased(job, "run_step_update", 2, {"step_index": "a"}, "e9")]
            foreign = leased(job, "task_started", 1, {}, "e8") | {"node_id": "PC-02"}
            good = leased(job, "task_started", 1, {}, "e2")
            answer = await node.post("/api/nodes/callback", json={"events": [*bad, foreign, good]})
            results = answer.json()["results"]
            assert [r["status"] for r in results] == ["invalid"] * 4 + ["accepted"]
            assert all(r["error"] for r in results[:4])
            assert (await api.get(f"/api/runs/{run_id}")).json()["counts"]["running"] == 1

    asyncio.run(story())


def test_what_is_no_callback_is_refused(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node = await api.node("PC-01")
            path = "/api/nodes/callback"
            assert (await node.post(path, content=b"{")).status_code == 400
            assert (await node.post(path, content=b"[]")).status_code == 400
            assert (await node.post(path, json={"events": [{}] * 1001})).status_code == 400
            assert (await node.post(path, json={"event_id": "a"})).status_code == 422
            assert (await node.post(path, json=event("device_heartbeat", {}) | {"node_id": "PC-02"})).status_code == 403
            assert (await api.post(path, json=beat())).status_code == 403
            assert (await api.using("wrong").post(path, json=beat())).status_code == 401
            old = await node.post(path, json=beat(), headers={"X-Rackhand-Protocol": "99"})
            assert old.status_code == 426

    asyncio.run(story())


def test_bytes_that_are_no_utf8_are_mended(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node, job, run_id = await lab(api)
            about = f'"run_id":"{run_id}","device_index":1,"status":"failed","error_message":"a\\u0000'.encode()
            head = b'{"event_id":"e2","type":"task_finished","node_id":"PC-01","seq":2,"lease_token":"'
            body = head + job["lease"]["token"].encode() + b'","payload":{' + about + b'\xff"}}'
            assert (await node.post("/api/nodes/callback", content=body)).status_code == 200
            assert (await api.get(f"/api/runs/{run_id}")).json()["last_error_message"] == "a\ufffd\ufffd"

    asyncio.run(story())


def test_a_long_poll_is_woken_by_a_new_run(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node = await api.node("PC-01")
            await node.post("/api/nodes/callback", json=beat(PHONE))
            asset = await api.make("/api/command-assets", {"title": "Look", "kind": "screenshot"})
            body = {"node_id": "PC-01", "max_jobs": 1, "wait_ms": 30_000, "held": []}
            waiting = asyncio.create_task(node.post("/api/nodes/pull", json=body))
            run = {"steps": [{"asset_id": asset["id"]}], "target": {"scope": "all"}}
            created = await api.make("/api/runs", run)
            async with asyncio.timeout(20):
                jobs = (await waiting).json()["jobs"]
            assert [job["run_id"] for job in jobs] == [created["id"]]
            assert (await api.get(f"/api/runs/{created['id']}")).json()["run"]["trigger"] == "adhoc"

    asyncio.run(story())


def test_stop_wakes_the_poll_of_the_node_that_runs(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node, job, run_id = await lab(api)
            await node.post("/api/nodes/callback", json=leased(job, "task_started", 1, {}, "e2"))
            body = {"node_id": "PC-01", "max_jobs": 0, "wait_ms": 30_000, "held": [job["lease"]["token"]]}
            waiting = asyncio.create_task(node.post("/api/nodes/pull", json=body))
            stopped = await api.post(f"/api/runs/{run_id}/stop")
            assert (stopped.status_code, stopped.json()["status"]) == (200, "stopping")
            async with asyncio.timeout(20):
                assert (await waiting).json()["cancelled"] == [job["lease"]["token"]]

    asyncio.run(story())


def declared(job: dict[str, Any], content: bytes, **more: Any) -> dict[str, Any]:
    payload = {
        "artifact_id": "shot-1",
        "step_index": 0,
        "kind": "screenshot",
        "content_type": "image/png",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return leased(job, "artifact_created", 3, payload | more, "a1")


def digest(content: bytes) -> dict[str, str]:
    return {"Content-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"}


def test_an_artifact_is_declared_uploaded_and_served_in_ranges(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node, job, _ = await lab(api)
            content = b"\x89PNG" + bytes(range(100))
            await node.post("/api/nodes/callback", json=declared(job, content))
            path = "/api/nodes/artifacts/shot-1"
            assert (await api.get("/api/artifacts/shot-1")).status_code == 404
            first = await node.put(path, content=content, headers=digest(content))
            assert (first.status_code, first.json()["status"]) == (201, "stored")
            assert (await node.put(path, content=content, headers=digest(content))).status_code == 200
            whole = await api.get("/api/artifacts/shot-1")
            assert (whole.content, whole.headers["content-type"]) == (content, "image/png")
            part = await api.get("/api/artifacts/shot-1", headers={"Range": "bytes=2-5"})
            assert (part.status_code, part.content) == (206, content[2:6])
            assert part.headers["content-range"] == f"bytes 2-5/{len(content)}"
            tail = await api.get("/api/artifacts/shot-1", headers={"Range": "bytes=-3"})
            assert tail.content == content[-3:]
            assert (await api.get("/api/artifacts/shot-1", headers={"Range": "bytes=999-"})).status_code == 416

    asyncio.run(story())


def test_wrong_uploads_store_nothing(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node, job, _ = await lab(api)
            other = await api.node("PC-02")
            content = b"12345678"
            await node.post("/api/nodes/callback", json=declared(job, content))
            path = "/api/nodes/artifacts/shot-1"
            assert (await other.put(path, content=content)).status_code == 404
            assert (await node.put("/api/nodes/artifacts/unknown", content=content)).status_code == 404
            assert (await node.put("/api/nodes/artifacts/..%2F..%2Fetc", content=content)).status_code == 404
            assert (await node.put(path, content=b"87654321")).status_code == 422
            assert (await node.put(path, content=content, headers=digest(b"other"))).status_code == 422
            assert (await node.put(path, content=content, headers={"Content-Digest": "md5=x"})).status_code == 400
            assert (await node.put(path, content=content + b"9")).status_code == 413
            assert (await api.get("/api/artifacts/shot-1")).status_code == 404

    asyncio.run(story())


def test_an_artifact_id_may_begin_with_a_hyphen(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node, job, _ = await lab(api)
            content = b"12345678"
            await node.post("/api/nodes/callback", json=declared(job, content, artifact_id="-_1", size=99))
            assert (await node.put("/api/nodes/artifacts/-_1", content=content)).status_code == 201
            assert (await api.get("/api/artifacts/-_1")).content == content

    asyncio.run(story())


def test_no_artifact_is_larger_than_the_setting_allows(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open(max_artifact_bytes=1024) as api:
            node, job, _ = await lab(api)
            content = bytes(1025)
            await node.post("/api/nodes/callback", json=declared(job, content))
            answer = await node.put("/api/nodes/artifacts/shot-1", content=content)
            assert (answer.status_code, "1024" in answer.json()["detail"]) == (413, True)

    asyncio.run(story())


def test_an_upload_that_ends_after_its_window_is_not_called_stored(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open(upload_window_ms=1000) as api:
            node, job, _ = await lab(api)
            content = b"12345678"
            await node.post("/api/nodes/callback", json=declared(job, content))

            async def slowly() -> AsyncIterator[bytes]:
                yield content[:4]
                api.clock.advance(2000)
                await api.db.write(artifacts.give_up)
                yield content[4:]

            answer = await node.put("/api/nodes/artifacts/shot-1", content=slowly())
            assert (answer.status_code, answer.json()["type"]) == (409, "urn:rackhand:upload_closed")
            assert (await api.get("/api/artifacts/shot-1")).status_code == 404

    asyncio.run(story())


def test_active_content_is_only_ever_a_download(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node, job, _ = await lab(api)
            content = b"<script>alert(1)</script>"
            bad = declared(job, content, content_type="text/html", kind='x"; y')
            await node.post("/api/nodes/callback", json=bad)
            await node.put("/api/nodes/artifacts/shot-1", content=content)
            answer = await api.get("/api/artifacts/shot-1")
            assert answer.headers["content-type"] == "application/octet-stream"
            assert answer.headers["content-disposition"] == 'attachment; filename="xy-1.bin"'
            assert "sandbox" in answer.headers["content-security-policy"]

    asyncio.run(story())


def test_files_reach_nodes_by_their_digest(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node = await api.node("PC-01")
            content = b"echo hi\n"
            sha256 = hashlib.sha256(content).hexdigest()
            assert (await api.post("/api/files", content=content)).status_code == 201
            answer = await node.get(f"/api/nodes/files/{sha256}")
            assert answer.content == content
            assert (await node.get(f"/api/nodes/files/{'0' * 64}")).status_code == 404
            assert (await node.get("/api/nodes/files/..%2Fx")).status_code == 404

    asyncio.run(story())
