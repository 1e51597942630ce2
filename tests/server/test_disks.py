"""A disk that fills up: no new run starts, and everybody who looks can see why; what runs goes on."""

import asyncio
from pathlib import Path

import pytest
from tools.source import sources

from rackhand.core.disk import MIB
from rackhand.engine import dashboard
from rackhand.engine.fake import Lab, phone
from rackhand.server.disks import Disks, free_bytes
from rackhand.server.fake import Api, ServerPlace


def fill(api: Api, free_mb: int) -> None:
    """The disk as it looks from now on."""
    api.room.disks.look = lambda _: free_mb * MIB
    api.room.disks.forget()


async def ready(api: Api) -> dict[str, str]:
    answer = await api.get("/readyz")
    assert answer.status_code == 200
    return dict(answer.json())


def test_no_run_starts_on_a_low_disk_and_running_ones_end(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open(min_free_mb=100) as api:
            node, lab = await api.node("PC-01"), Lab(api.db, api.clock)
            await lab.beat("PC-01", [phone("S1")])
            body = {"playbook_id": await lab.playbook(), "target": {"scope": "all"}}
            run = await api.make("/api/runs", body)
            (job,) = (await lab.pull("PC-01")).jobs
            fill(api, 99)

            refused = await api.post("/api/runs", json=body)
            assert (refused.status_code, refused.json()["type"]) == (503, "urn:rackhand:disk_low")
            assert refused.headers["retry-after"] == "60"
            assert "99 MB left" in refused.json()["detail"]
            assert str(server.data) in refused.json()["detail"]
            assert (await ready(api))["disk"] == "low"
            assert "rackhand_admits_runs 0.0" in (await api.get("/metrics")).text
            (todo,) = [t for t in (await api.get("/api/dashboard")).json()["todo"] if t["kind"] == "disk_low"][:1]
            assert (todo["severity"], todo["action"]["path"]) == ("critical", "/settings")
            assert await lab.execute("PC-01", job)
            assert (await api.get(f"/api/runs/{run['id']}")).json()["run"]["status"] == "succeeded"
            assert len((await api.get("/api/runs")).json()["items"]) == 1
            assert (await api.post(f"/api/runs/{run['id']}/rerun", json={"outcomes": ["failed"]})).status_code == 503
            assert (await node.post("/api/nodes/pull", json={"node_id": "PC-01"})).status_code == 200

            fill(api, 100)
            assert (await api.post("/api/runs", json=body)).status_code == 201
            assert (await ready(api))["disk"] == "ok"

    asyncio.run(story())


def test_a_person_sees_the_entry_and_its_page(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open(min_free_mb=100) as api:
            fill(api, 5)
            person = await api.person()
            page = (await person.get("/")).text
            assert "5 MB left" in page
            assert 'href="/settings"' in page
            assert "No new run starts: the server's disk is nearly full" in (await person.get("/runs?lang=en")).text

    asyncio.run(story())


def test_a_folder_that_cannot_be_looked_at_stops_nothing(tmp_path: Path) -> None:
    def gone(_: Path) -> int:
        raise OSError("no such device")

    disks = Disks({"data": tmp_path}, 100, gone)
    disks.require_room()
    assert disks.spaces()[0].free is None


def test_a_folder_that_is_not_made_yet_is_on_the_disk_of_its_parents(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") == pytest.approx(free_bytes(tmp_path), rel=0.1)


def test_a_look_is_kept_for_a_moment(tmp_path: Path) -> None:
    looks: list[Path] = []

    def look(folder: Path) -> int:
        looks.append(folder)
        return 0

    disks = Disks({"data": tmp_path}, 100, look)
    assert disks.low == disks.low
    assert len(looks) == 1
    disks.forget()
    assert disks.low
    assert len(looks) == 2


def test_every_run_starts_by_the_one_way_that_looks() -> None:
    others = [source.name for source in sources("src/rackhand/server") if "wake_all(created.wake)" in source.text]

    assert others == ["src/rackhand/server/room.py"]


def test_the_servers_own_entries_come_first(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open(min_free_mb=100) as api:
            await Lab(api.db, api.clock).node("PC-01", 1, temperature_c=60.0)
            fill(api, 5)
            found = (await api.db.read(dashboard.read, spaces=api.room.disks.spaces())).todo
            assert [todo.kind for todo in found] == ["disk_low", "disk_low", "device_hot"]

    asyncio.run(story())
