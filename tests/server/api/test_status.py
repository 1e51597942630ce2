"""Stories of the status that every page polls: revs, layouts, 304, and what changed."""

import asyncio

import pytest

from rackhand.core.lease import Periods
from rackhand.engine import nodes, status
from rackhand.engine.fake import phone
from rackhand.server.fake import Api, ServerPlace
from rackhand.store import inventory
from rackhand.store.db import Tx
from rackhand.wire.messages import Heartbeat

STATUS = "/api/nodes/status"


async def beat(api: Api, *serials: str) -> None:
    await api.db.write(nodes.beat, "PC-01", Heartbeat(devices=[phone(serial) for serial in serials]), Periods())


async def lab(api: Api, count: int) -> None:
    await api.node("PC-01")
    await beat(api, *(f"S{n}" for n in range(1, count + 1)))


async def show(api: Api, index: int, activity: int) -> None:
    def write(tx: Tx) -> None:
        device_id = next(c.id for c in inventory.candidates(tx, tx.now, 30) if c.index_no == index)
        inventory.set_activity(tx, [(device_id, activity, None, tx.now)])

    await api.db.write(write)


def test_an_empty_fleet_answers_empty_arrays(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            assert (await api.get(STATUS)).json() == {
                "rev": 0,
                "layout": 0,
                "full": True,
                "nodes": [],
                "devices": [],
                "packed": "",
                "changed": [],
            }

    asyncio.run(story())


def test_what_changed_since_a_rev_names_positions_and_codes(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api, 4)
            await api.post("/api/devices/2/release")
            whole = (await api.get(STATUS)).json()
            assert [device["index"] for device in whole["devices"]] == [1, 3, 4]
            assert (whole["packed"], whole["full"]) == ("888", True)
            await show(api, 4, 3)
            asked = f"{STATUS}?since={whole['rev']}&layout={whole['layout']}"
            part = (await api.get(asked)).json()
            assert (part["full"], part["changed"], part["packed"]) == (False, [[2, 11]], "")
            assert [device["index"] for device in part["devices"]] == [4]
            assert (await api.get(f"{asked}&view=packed")).json()["devices"] == []
            assert (await api.get(f"{STATUS}?view=packed")).json()["packed"] == "88b"

    asyncio.run(story())


def test_nothing_new_is_304_until_something_is_visible(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api, 2)
            first = await api.get(STATUS)
            tag, rev = first.headers["etag"], first.json()["rev"]
            await beat(api, "S1", "S2")
            same = await api.get(STATUS, headers={"If-None-Match": tag})
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
            assert (await api.get(f"{STATUS}?since={rev}")).status_code == 304
            packed = await api.get(f"{STATUS}?view=packed", headers={"If-None-Match": tag})
            assert packed.status_code == 200
            await beat(api, "S1")
            assert (await api.get(STATUS, headers={"If-None-Match": tag})).status_code == 200

    asyncio.run(story())


@pytest.mark.parametrize("query", ["since=999", "since=0", "since={rev}&layout=77"])
def test_a_poll_that_knows_another_fleet_gets_everything(server: ServerPlace, query: str) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api, 2)
            rev = (await api.get(STATUS)).json()["rev"]
            answer = (await api.get(f"{STATUS}?{query.format(rev=rev)}")).json()
            assert (answer["full"], answer["packed"]) == (True, "88")

    asyncio.run(story())


def test_a_moved_tile_changes_the_layout(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api, 3)
            before = (await api.get(STATUS)).json()
            await api.post("/api/devices/1/swap", json={"with": 3})
            after = (await api.get(f"{STATUS}?since={before['rev']}&layout={before['layout']}")).json()
            assert after["layout"] == before["layout"] + 1
            assert after["full"]

    asyncio.run(story())


@pytest.mark.parametrize("query", ["since=x", "since=-1", "view=tiny", "layout=1.5", "color=red"])
def test_a_bad_poll_is_refused(server: ServerPlace, query: str) -> None:
    async def story() -> None:
        async with server.open() as api:
            refused = await api.get(f"{STATUS}?{query}")
            assert refused.status_code == 422
            assert refused.json()["errors"][0]["path"].startswith("/query/")

    asyncio.run(story())


def test_the_end_of_a_run_leaves_the_tile_after_a_day(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api, 2)
            await show(api, 1, 4)
            await show(api, 2, 1)
            assert (await api.get(STATUS)).json()["packed"] == "c9"
            api.clock.advance(Periods().activity_window_ms)
            assert await api.db.write(status.expire_activity, Periods()) == 0
            api.clock.advance(1)
            assert await api.db.write(status.expire_activity, Periods()) == 1
            assert (await api.get(STATUS)).json()["packed"] == "89"

    asyncio.run(story())


def test_the_status_stays_small_when_little_changes(server: ServerPlace) -> None:
    """The promise of PERF: objects of a delta are a tenth of all, and `changed` half of `packed`."""

    async def story() -> None:
        async with server.open() as api:
            await lab(api, 1000)
            whole = await api.get(STATUS)
            packed = await api.get(f"{STATUS}?view=packed")
            for index in range(100, 1001, 100):
                await show(api, index, 3)
            asked = f"{STATUS}?since={whole.json()['rev']}&layout={whole.json()['layout']}"
            assert len((await api.get(asked)).content) <= len(whole.content) * 0.1
            assert len((await api.get(f"{asked}&view=packed")).content) <= len(packed.content) * 0.5

    asyncio.run(story())
