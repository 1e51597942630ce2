"""Stories of heartbeats: devices appear, move, fall silent, and two nodes claim one serial."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec import UNSET
from sqlalchemy import select

from rackhand.core.errors import NotFound
from rackhand.core.lease import Periods
from rackhand.engine import enrolment, nodes
from rackhand.engine.access import SYSTEM
from rackhand.store import inventory, sweeps
from rackhand.store.db import Database, Tx
from rackhand.store.fake import DatabasePlace
from rackhand.store.tables import device_conflicts, devices, unidentified_transports
from rackhand.store.tables import nodes as node_table
from rackhand.wire.messages import Heartbeat, ReportedDevice, ReportedNode

PERIODS = Periods()
Story = Callable[[Database], Awaitable[None]]


def tell(database: DatabasePlace, story: Story, *node_ids: str) -> None:
    """Run a story in which these nodes are enrolled."""

    async def run() -> None:
        async with database.started() as db:
            for node_id in node_ids:
                await db.write(enrolment.enrol, SYSTEM, {"id": node_id, "name": None})
            await story(db)

    asyncio.run(run())


def phone(serial: str | None, **facts: Any) -> ReportedDevice:
    shape: dict[str, Any] = {
        "runtime_handle": serial or "?",
        "adb_state": "device",
        "online": True,
        "serial": serial,
    } | facts
    return ReportedDevice(**shape)


async def beat(db: Database, node_id: str, *reported: ReportedDevice, **node: Any) -> nodes.BeatChanges:
    return await db.write(nodes.beat, node_id, Heartbeat(node=ReportedNode(**node), devices=list(reported)), PERIODS)


def read_devices(tx: Tx) -> dict[str, Any]:
    return {row.serial: row for row in tx.conn.execute(select(devices))}


def read_conflicts(tx: Tx) -> list[Any]:
    return list(tx.conn.execute(select(device_conflicts).order_by(device_conflicts.c.first_seen_at)))


def read_node(tx: Tx, node_id: str) -> Any:
    return tx.conn.execute(select(node_table).where(node_table.c.id == node_id)).one()


async def where_is(db: Database, serial: str) -> tuple[str | None, int | None, bool]:
    row = (await db.read(read_devices))[serial]
    return row.node_id, row.index_no, row.is_online


def test_new_devices_get_the_lowest_free_indexes_in_port_order(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        changes = await beat(
            db, "PC-01", phone("ten", usb_path="1-10"), phone("nine", usb_path="1-9"), phone("tcp", transport="tcp")
        )
        assert changes.added == ("nine", "ten", "tcp")
        rows = await db.read(read_devices)
        assert [rows[serial].index_no for serial in ("nine", "ten", "tcp")] == [1, 2, 3]
        assert (await db.read(inventory.load_fleet)).layout == 1

    tell(database, story, "PC-01")


def test_a_beat_that_changes_nothing_takes_no_rev(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        first = await beat(db, "PC-01", phone("kim", battery=80))
        before = await db.read(read_devices)
        database.clock.advance(10_000)
        again = await beat(db, "PC-01", phone("kim", battery=80, temperature_c=30.5, probe_age_ms=900))
        assert first.has_changes
        assert not again.has_changes
        unchanged = (await db.read(read_devices))["kim"]
        assert before["kim"].temperature_c is None
        assert unchanged.rev == before["kim"].rev
        assert (await db.read(read_node, "PC-01")).last_seen_at == database.clock.at

    tell(database, story, "PC-01")


def test_the_last_probe_is_written_at_most_once_a_minute(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        began = database.clock.at
        await beat(db, "PC-01", phone("kim"))
        for _ in range(5):
            database.clock.advance(10_000)
            assert not (await beat(db, "PC-01", phone("kim"))).has_changes
            assert (await db.read(read_devices))["kim"].last_probe_at == began
        database.clock.advance(10_000)
        assert not (await beat(db, "PC-01", phone("kim", probe_age_ms=2_000))).has_changes
        assert (await db.read(read_devices))["kim"].last_probe_at == database.clock.at - 2_000

    tell(database, story, "PC-01")


def test_devices_absent_from_a_beat_stay_as_they_are_and_missing_from_a_list_are_offline(
    database: DatabasePlace,
) -> None:
    async def story(db: Database) -> None:
        await beat(db, "PC-01", phone("kim"), phone("lee"))
        assert not (await db.write(nodes.beat, "PC-01", Heartbeat(devices=UNSET), PERIODS)).has_changes
        assert await where_is(db, "lee") == ("PC-01", 2, True)
        assert (await beat(db, "PC-01", phone("kim"))).has_changes
        assert await where_is(db, "lee") == ("PC-01", 2, False)
        assert not (await beat(db, "PC-01", phone("kim"))).has_changes

    tell(database, story, "PC-01")


@pytest.mark.parametrize(
    ("facts", "is_online"),
    [
        ({}, True),
        ({"probe_age_ms": 30_000}, True),
        ({"probe_age_ms": 30_001}, False),
        ({"online": False, "adb_state": "offline"}, False),
        ({"probe_age_ms": -5}, True),
    ],
)
def test_online_needs_the_report_and_a_fresh_probe(
    database: DatabasePlace, facts: dict[str, Any], is_online: bool
) -> None:
    async def story(db: Database) -> None:
        await beat(db, "PC-01", phone("kim", **facts))
        assert await where_is(db, "kim") == ("PC-01", 1, is_online)

    tell(database, story, "PC-01")


def test_a_device_that_moves_keeps_its_index_and_bumps_the_layout(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        await beat(db, "PC-01", phone("kim"), phone("lee"))
        await beat(db, "PC-01", phone("kim"))
        layout = (await db.read(inventory.load_fleet)).layout
        changes = await beat(db, "PC-02", phone("lee"))
        assert changes.moved == ("lee",)
        assert await where_is(db, "lee") == ("PC-02", 2, True)
        assert (await db.read(inventory.load_fleet)).layout == layout + 1
        assert await db.read(read_conflicts) == []

    tell(database, story, "PC-01", "PC-02")


def test_a_quick_move_is_no_lasting_conflict(database: DatabasePlace) -> None:
    """PC-02 speaks before PC-01 has noticed that the cable is gone."""

    async def story(db: Database) -> None:
        await beat(db, "PC-01", phone("lee"))
        assert (await beat(db, "PC-02", phone("lee"))).conflicts == ("lee",)
        await beat(db, "PC-01")
        assert (await beat(db, "PC-02", phone("lee"))).moved == ("lee",)
        assert [row.resolved_by for row in await db.read(read_conflicts)] == [nodes.MOVED]
        assert await where_is(db, "lee") == ("PC-02", 1, True)

    tell(database, story, "PC-01", "PC-02")


def test_a_serial_online_on_two_nodes_is_kept_apart_until_an_operator_resolves_it(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        await beat(db, "PC-01", phone("twin", runtime_handle="usb:1"))
        for _ in range(2):
            await beat(db, "PC-02", phone("twin", runtime_handle="usb:7"))
            await beat(db, "PC-01", phone("twin", runtime_handle="usb:1"))
        await beat(db, "PC-01")
        assert not (await beat(db, "PC-02", phone("twin", runtime_handle="usb:7"))).moved
        (conflict,) = await db.read(read_conflicts)
        assert (conflict.kind, conflict.resolved_at) == ("two_nodes", None)
        assert {seen["node_id"]: seen["runtime_handle"] for seen in conflict.sightings} == {
            "PC-01": "usb:1",
            "PC-02": "usb:7",
        }
        (candidate,) = await db.read(inventory.candidates, database.clock.at, 30)
        assert candidate.blocked_by == "conflict"

    tell(database, story, "PC-01", "PC-02")


def test_a_serial_twice_on_one_node_is_a_conflict_with_one_row(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        twice = [phone("0123456789ABCDEF", runtime_handle=handle) for handle in ("usb:2", "usb:1")]
        assert (await beat(db, "PC-01", *twice)).conflicts == ("0123456789ABCDEF",)
        assert not (await beat(db, "PC-01", *reversed(twice))).has_changes
        (conflict,) = await db.read(read_conflicts)
        assert conflict.kind == "same_node"
        assert [seen["runtime_handle"] for seen in conflict.sightings] == ["usb:1", "usb:2"]
        assert (await db.read(read_devices))["0123456789ABCDEF"].runtime_handle == "usb:1"

    tell(database, story, "PC-01")


def test_an_unreadable_transport_gets_no_row_but_is_listed(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        await beat(db, "PC-01", phone(None, runtime_handle="usb:3", adb_state="unauthorized", online=False))
        assert await db.read(read_devices) == {}
        (view,) = (await db.read(enrolment.list_nodes)).items
        assert [(t.runtime_handle, t.adb_state) for t in view.unidentified] == [("usb:3", "unauthorized")]
        await beat(db, "PC-01", phone("kim", runtime_handle="usb:3"))
        left = await db.read(lambda tx: tx.conn.execute(select(unidentified_transports)).all())
        assert left == []

    tell(database, story, "PC-01")


@pytest.mark.parametrize(("adb_state", "health"), [("offline", "offline"), ("unauthorized", "absent")])
def test_an_offline_entry_is_the_device_that_had_its_handle_last(
    database: DatabasePlace, adb_state: str, health: str
) -> None:
    """adb lists it and cannot ask it for its serial; whoever asks to be allowed may be another phone."""

    async def story(db: Database) -> None:
        await beat(db, "PC-01", phone("kim", runtime_handle="10.0.0.7:5555", model="Pixel 7", health="ok"))
        mute = {"adb_state": adb_state, "online": False, "health": adb_state, "last_error_message": "device offline"}
        await beat(db, "PC-01", phone(None, runtime_handle="10.0.0.7:5555", **mute))

        kim = (await db.read(read_devices))["kim"]
        assert (kim.is_online, kim.health, kim.model) == (False, health, "Pixel 7")
        (view,) = (await db.read(enrolment.list_nodes)).items
        unidentified = [transport.runtime_handle for transport in view.unidentified]
        assert unidentified == ([] if health == "offline" else ["10.0.0.7:5555"])

    tell(database, story, "PC-01")


def test_an_offline_entry_is_nobody_who_is_elsewhere(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        await beat(db, "PC-01", phone("kim", runtime_handle="usb:1"))
        mute = phone(None, runtime_handle="usb:1", adb_state="offline", online=False)
        await beat(db, "PC-01", phone("kim", runtime_handle="usb:2"), mute)

        assert (await db.read(read_devices))["kim"].is_online
        (view,) = (await db.read(enrolment.list_nodes)).items
        assert [transport.runtime_handle for transport in view.unidentified] == ["usb:1"]

    tell(database, story, "PC-01")


def test_values_that_cannot_be_true_are_dropped(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        odd = phone("kim", battery=300, temperature_c=float("inf"), storage_free_mb=-1, model="x" * 9000)
        await beat(db, "PC-01", odd, phone("", runtime_handle="blank"), concurrency=-4)
        row = (await db.read(read_devices))["kim"]
        assert (row.battery, row.temperature_c, row.storage_free_mb, len(row.model)) == (None, None, None, 255)
        assert (await db.read(read_node, "PC-01")).capacity == 1

    tell(database, story, "PC-01")


def test_a_deleted_node_is_told_so(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        with pytest.raises(NotFound, match="PC-09"):
            await beat(db, "PC-09", phone("kim"))
        assert await db.read(read_devices) == {}

    tell(database, story)


def test_a_silent_node_takes_its_devices_offline_once(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        await beat(db, "PC-01", phone("kim"))
        database.clock.advance(30_000)
        assert await db.write(nodes.mark_silent, PERIODS) == ()
        database.clock.advance(1)
        assert await db.write(nodes.mark_silent, PERIODS) == ("PC-01",)
        assert await db.write(nodes.mark_silent, PERIODS) == ()
        assert await where_is(db, "kim") == ("PC-01", 1, False)
        assert not (await db.read(read_node, "PC-01")).is_online
        assert (await beat(db, "PC-01", phone("kim"))).has_changes
        assert await where_is(db, "kim") == ("PC-01", 1, True)

    tell(database, story, "PC-01")


def test_silence_counts_from_the_return_of_the_servers(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        await beat(db, "PC-01", phone("kim"))
        database.clock.advance(600_000)
        await db.write(lambda tx: sweeps.store(tx, resumed=True))
        assert await db.write(nodes.mark_silent, PERIODS) == ()
        (candidate,) = await db.read(inventory.candidates, database.clock.at, 30)
        assert candidate.is_online
        database.clock.advance(30_001)
        assert await db.write(nodes.mark_silent, PERIODS) == ("PC-01",)

    tell(database, story, "PC-01")


def test_two_nodes_that_beat_at_once_never_share_an_index(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        async with database.started() as other:
            mine = [phone(f"a{n}") for n in range(20)]
            theirs = [phone(f"b{n}") for n in range(20)]
            await asyncio.gather(beat(db, "PC-01", *mine), beat(other, "PC-02", *theirs))
        rows = await db.read(read_devices)
        assert sorted(row.index_no for row in rows.values()) == list(range(1, 41))

    tell(database, story, "PC-01", "PC-02")
