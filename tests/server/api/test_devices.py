"""Stories of devices at the API: found, named, moved about, kept away from runs, and told from their twins."""

import asyncio
from typing import Any

import pytest
from httpx import Response

from rackhand.core.lease import Periods
from rackhand.engine import nodes
from rackhand.engine.fake import phone
from rackhand.server.fake import Api, ServerPlace
from rackhand.wire.messages import Heartbeat


async def lab(api: Api, count: int = 5) -> None:
    """PC-01 with `count` phones S1.. at the indexes 1.. ."""
    await api.node("PC-01")
    await beat(api, "PC-01", *(f"S{n}" for n in range(1, count + 1)))


async def beat(api: Api, node_id: str, *serials: str) -> None:
    devices = [phone(serial, model="Pixel 8" if serial != "S3" else "Galaxy A5") for serial in serials]
    await api.db.write(nodes.beat, node_id, Heartbeat(devices=devices), Periods())


async def patch(api: Api, path: str, **body: Any) -> Response:
    return await api.send("PATCH", f"/api/devices/{path}", json=body)


async def indexes(api: Api, query: str = "") -> list[int | None]:
    return [item["index"] for item in (await api.get(f"/api/devices{query}")).json()["items"]]


def test_an_empty_fleet_lists_nothing(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            assert (await api.get("/api/devices")).json() == {"items": [], "next_cursor": None}
            assert (await api.get("/api/devices/conflicts")).json()["items"] == []
            assert (await api.get("/api/devices/1")).status_code == 404

    asyncio.run(story())


def test_pages_hold_every_device_once(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api)
            await api.post("/api/devices/2/release", json={"reason": "to the repair shop"})
            seen: list[int | None] = []
            cursor: str | None = ""
            while cursor is not None:
                page = (await api.get(f"/api/devices?limit=2{cursor and '&cursor=' + cursor}")).json()
                seen += [item["index"] for item in page["items"]]
                cursor = page["next_cursor"]
            assert seen == [1, 3, 4, 5, None]
            assert (await api.get("/api/devices?cursor=nonsense")).status_code == 422

    asyncio.run(story())


def test_filters_find_devices_by_what_people_know(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api)
            await patch(api, "4", label="Kim's 50%", labels={"rack": "a", "floor/side": "2"})
            assert await indexes(api, "?q=galaxy") == [3]
            assert await indexes(api, "?q=s5") == [5]
            assert await indexes(api, "?q=2") == [2]
            assert await indexes(api, "?q=50%25") == [4]
            assert await indexes(api, "?q=rack:a") == [4]
            assert await indexes(api, "?q=floor/side:2") == [4]
            assert await indexes(api, "?q=rack:b") == []
            assert await indexes(api, "?node=PC-02") == []
            await beat(api, "PC-01", "S1", "S2", "S3")
            assert await indexes(api, "?online=false&q=pixel") == [4, 5]
            assert (await api.get("/api/devices?online=maybe")).json()["errors"][0]["path"] == "/query/online"

    asyncio.run(story())


def test_a_device_shows_its_facts_with_the_times_they_are_from(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api)
            shown = (await api.get("/api/devices/3")).json()
            assert (shown["serial"], shown["model"], shown["online"]) == ("S3", "Galaxy A5", True)
            assert shown["last_probe_at"] == shown["node_last_seen_at"] == "2026-11-22T10:00:00.000Z"
            assert (shown["lease"], shown["conflict"], shown["conflicts"], shown["runs"]) == (None, False, [], [])
            assert (await api.get(f"/api/devices/by-id/{shown['id']}")).json() == shown
            assert (await api.get("/api/devices/by-id/nobody")).status_code == 404

    asyncio.run(story())


def test_only_named_fields_change_and_null_empties_a_label(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api)
            await patch(api, "1", label="Kim", labels={"rack": "a"})
            changed = (await patch(api, "1", index=9)).json()
            assert (changed["index"], changed["label"], changed["labels"]) == (9, "Kim", {"rack": "a"})
            emptied = (await patch(api, "9", label=None)).json()
            assert (emptied["label"], emptied["labels"]) == (None, {"rack": "a"})
            assert (await api.get("/api/devices/1")).status_code == 404

    asyncio.run(story())


@pytest.mark.parametrize(
    ("body", "status", "paths"),
    [
        ({"index": 2}, 409, []),
        ({"index": 0}, 422, ["/index"]),
        ({"index": None}, 422, ["/index"]),
        ({"index": 7, "index_no": 8}, 422, ["/index_no"]),
        ({"label": "", "labels": {"a b": 1}, "serial": "X"}, 422, ["/label", "/labels/a b", "/labels/a b", "/serial"]),
    ],
)
def test_a_bad_change_changes_nothing(server: ServerPlace, body: dict[str, Any], status: int, paths: list[str]) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api)
            before = (await api.get("/api/devices/1")).json()
            refused = await patch(api, "1", **body)
            assert refused.status_code == status
            assert sorted(error["path"] for error in refused.json().get("errors", [])) == paths
            assert (await api.get("/api/devices/1")).json() == before

    asyncio.run(story())


def test_two_devices_swap_and_a_released_one_gets_an_index_again(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api, 2)
            assert (await api.post("/api/devices/1/swap", json={"with": 2})).json()["serial"] == "S1"
            assert (await api.get("/api/devices/1")).json()["serial"] == "S2"
            assert (await api.post("/api/devices/1/swap", json={"with": 1})).status_code == 422
            assert (await api.post("/api/devices/1/swap", json={"with": 8})).status_code == 404
            released = (await api.post("/api/devices/2/release")).json()
            assert (released["serial"], released["index"]) == ("S1", None)
            assert (await patch(api, f"by-id/{released['id']}", index=7)).json()["index"] == 7

    asyncio.run(story())


def test_a_quarantine_has_a_reason_and_an_end(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api, 1)
            assert (await api.post("/api/devices/1/quarantine", json={})).json()["errors"][0]["path"] == "/reason"
            kept = (await api.post("/api/devices/1/quarantine", json={"reason": "swollen battery"})).json()
            assert (kept["quarantine_reason"], kept["quarantined_at"]) == (
                "swollen battery",
                "2026-11-22T10:00:00.000Z",
            )
            assert await indexes(api, "?quarantined=true") == [1]
            assert (await api.delete("/api/devices/1/quarantine")).json()["quarantined_at"] is None

    asyncio.run(story())


def test_an_operator_ends_a_conflict_and_says_whose_the_device_is(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api, 1)
            await api.node("PC-02")
            for node_id in ("PC-02", "PC-01", "PC-02"):
                await beat(api, node_id, "S1")
            (conflict,) = (await api.get("/api/devices/conflicts")).json()["items"]
            assert {seen["node_id"] for seen in conflict["sightings"]} == {"PC-01", "PC-02"}
            assert (await api.get("/api/devices/1")).json()["conflict"]
            path = f"/api/devices/conflicts/{conflict['id']}/resolve"
            assert (await api.post(path, json={"node_id": "PC-77"})).status_code == 422
            resolved = (await api.post(path, json={"node_id": "PC-02"})).json()
            assert (resolved["node_id"], resolved["conflict"], resolved["index"]) == ("PC-02", False, 1)
            assert (await api.post(path, json={})).status_code == 404

    asyncio.run(story())


def test_devices_of_a_forgotten_node_stay_without_a_node(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api, 1)
            await api.delete("/api/nodes/PC-01")
            left = (await api.get("/api/devices/1")).json()
            assert (left["node_id"], left["online"]) == (None, False)
            await api.node("PC-02")
            await beat(api, "PC-02", "S1")
            assert (await api.get("/api/devices/1")).json()["node_id"] == "PC-02"

    asyncio.run(story())
