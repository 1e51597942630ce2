"""Stories of history that goes: contents with their rows, in bounded batches, and uploads that come too late."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from rackhand.core.schema import parse
from rackhand.engine import preferences
from rackhand.engine.access import SYSTEM
from rackhand.engine.fake import Lab, phone
from rackhand.engine.preferences import DAY_MS, PREFERENCES
from rackhand.server.fake import Api, ServerPlace
from rackhand.server.retention import remove_old
from rackhand.store import playbooks, retention, runs

CONTENT = b"a picture"


async def finished(api: Api, count: int = 1) -> tuple[Api, Lab, str]:
    """The node, and its run over one phone: finished, with declared artifacts whose contents did not come yet."""
    node, lab = await api.node("PC-01"), Lab(api.db, api.clock)
    await lab.beat("PC-01", [phone("S1")])
    run = await lab.run(await lab.playbook())
    (job,) = (await lab.pull("PC-01")).jobs
    about = {"kind": "screenshot", "content_type": "image/png", "size": len(CONTENT)}
    about["sha256"] = hashlib.sha256(CONTENT).hexdigest()
    events = [lab.started("PC-01", job), lab.step("PC-01", job, 2, 0, "succeeded")]
    for number in range(count):
        event = lab.event("PC-01", job, "artifact_created", 3 + number, artifact_id=f"a{number}", step_index=0)
        event["payload"] |= about
        events.append(event)
    events.append(lab.event("PC-01", job, "task_finished", 3 + count, status="succeeded"))
    assert {result.status for result in await lab.report(*events)} == {"accepted"}
    await lab.db.write(preferences.change, SYSTEM, parse(PREFERENCES, {"retention": {"run_days": 1}}))
    return node, lab, run.view.id


def files_in(place: ServerPlace) -> list[Path]:
    return [path for path in (place.data / "artifacts").rglob("*") if path.name != "incoming"]


async def upload(node: Api, name: str) -> int:
    return (await node.put(f"/api/nodes/artifacts/{name}", content=CONTENT)).status_code


def test_contents_and_their_folders_go_with_the_run(server: ServerPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_A_BATCH", 2)

    async def story() -> None:
        async with server.open() as api:
            node, _, run_id = await finished(api, count=5)
            assert [await upload(node, f"a{number}") for number in range(4)] == [201] * 4
            assert len(files_in(server)) == 4 + 2
            api.clock.advance(DAY_MS + 1)

            assert await remove_old(api.db, api.room.artifacts) == 1
            assert files_in(server) == []
            assert await api.db.read(runs.get, run_id) is None

    asyncio.run(story())


def test_an_upload_that_its_run_does_not_outlive_leaves_nothing(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node, _, _ = await finished(api, count=2)
            api.clock.advance(DAY_MS + 1)
            put = api.room.artifacts.put

            async def slow(*args: Any, **options: Any) -> Any:
                blob = await put(*args, **options)
                await remove_old(api.db, api.room.artifacts)
                return blob

            object.__setattr__(api.room.artifacts, "put", slow)
            assert await upload(node, "a0") == 409
            assert files_in(server) == []
            assert await upload(node, "a1") == 404, "an agent gives it up in time"

    asyncio.run(story())


def test_content_that_came_while_its_rows_went_goes_too(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node, _, _ = await finished(api)
            api.clock.advance(DAY_MS - 1)
            assert await remove_old(api.db, api.room.artifacts) == 0
            api.clock.advance(2)
            delete, deleted = api.room.artifacts.delete, list[str]()

            async def late(key: str) -> None:
                await delete(key)
                if not deleted:
                    deleted.append(key)
                    assert await upload(node, "a0") == 201

            object.__setattr__(api.room.artifacts, "delete", late)
            assert await remove_old(api.db, api.room.artifacts) == 1
            assert files_in(server) == []

    asyncio.run(story())


def test_one_pass_is_bounded_and_the_next_one_goes_on(server: ServerPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rackhand.server.retention.MOST_BATCHES", 1)
    monkeypatch.setattr(retention, "RUNS_A_BATCH", 1)

    async def story() -> None:
        async with server.open() as api:
            _, lab, _ = await finished(api)
            await lab.run(await lab.playbook())
            (job,) = (await lab.pull("PC-01")).jobs
            await lab.execute("PC-01", job)
            api.clock.advance(2 * DAY_MS)

            assert [await remove_old(api.db, api.room.artifacts) for _ in range(3)] == [1, 1, 0]

    asyncio.run(story())


def test_a_playbook_that_was_made_for_a_run_goes_with_the_last_run_of_it(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            _, lab, kept = await finished(api)
            saved = (await api.get(f"/api/runs/{kept}")).json()["run"]["playbook_id"]
            steps = [{"kind": "shell", "title": "Look", "params": {"command": "id"}}]
            first = (await api.post("/api/runs", json={"steps": steps, "target": {"scope": "all"}})).json()["id"]
            await api.post(f"/api/runs/{first}/stop")
            hidden = (await api.get(f"/api/runs/{first}")).json()["run"]["playbook_id"]
            api.clock.advance(DAY_MS // 2)
            await lab.beat("PC-01")
            again = (await api.post(f"/api/runs/{first}/rerun", json={"outcomes": ["stopped"]})).json()["id"]
            await api.post(f"/api/runs/{again}/stop")

            api.clock.advance(DAY_MS // 2 + 1)
            assert await remove_old(api.db, api.room.artifacts) == 2
            assert await lab.db.read(playbooks.get, hidden) is not None
            api.clock.advance(DAY_MS // 2)
            assert await remove_old(api.db, api.room.artifacts) == 1
            assert await lab.db.read(playbooks.get, hidden) is None
            assert await lab.db.read(playbooks.get, saved) is not None

    asyncio.run(story())
