"""The fleet in SQL: revs, what tiles show, and whom a run may plan with."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rackhand.core.lease import Periods
from rackhand.core.plan import Candidate
from rackhand.core.target import select
from rackhand.engine import devices, enrolment, nodes
from rackhand.engine.access import SYSTEM
from rackhand.engine.fake import phone
from rackhand.store import inventory, tiles
from rackhand.store.db import Database, Tx
from rackhand.store.fake import DatabasePlace
from rackhand.store.inventory import Fleet
from rackhand.wire.messages import Heartbeat


def tell(database: DatabasePlace, story: Callable[[Database], Awaitable[None]]) -> None:
    """Run a story over a fleet of three phones on PC-01."""

    async def run() -> None:
        async with database.started() as db:
            await db.write(enrolment.enrol, SYSTEM, {"id": "PC-01", "name": None})
            beat = Heartbeat(devices=[phone(serial) for serial in ("A", "B", "C")])
            await db.write(nodes.beat, "PC-01", beat, Periods())
            await story(db)

    asyncio.run(run())


async def plan(db: Database, database: DatabasePlace, window_s: int = 30) -> list[Candidate]:
    return await db.read(inventory.candidates, database.clock.at, window_s)


def test_a_rev_is_taken_only_if_a_tile_changes(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        ids = [candidate.id for candidate in await plan(db, database)]
        before = await db.read(inventory.load_fleet)
        assert await db.write(inventory.set_activity, [(ids[0], 1, "r1", 10), (ids[1], 1, "r1", 10)]) == before.rev + 1
        assert await db.write(inventory.set_activity, [(ids[0], 1, "r2", 20)]) is None
        assert await db.write(inventory.set_activity, [("nobody", 3, "r2", 20)]) is None
        assert await db.write(inventory.set_activity, []) is None
        assert await db.write(inventory.set_activity, [(ids[0], 2, "r2", 30), (ids[0], 4, "r2", 40)]) == before.rev + 2
        assert await db.read(inventory.load_fleet) == Fleet(before.rev + 2, before.layout)
        assert await db.read(tiles.codes) == [12, 9, 8]
        assert [tile.index for tile in await db.read(lambda tx: tiles.tiles(tx, since=before.rev + 1))] == [1]

    tell(database, story)


def test_a_run_over_ten_thousand_devices_is_written_at_once(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        ids = [candidate.id for candidate in await plan(db, database)]
        many = [(device_id, 1, "r1", 10) for device_id in [*ids, *(f"gone-{n}" for n in range(10_000))]]
        assert await db.write(inventory.set_activity, many) is not None
        assert await db.read(tiles.codes) == [9, 9, 9]

    tell(database, story)


def test_candidates_say_why_a_device_is_left_out(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        await db.write(devices.quarantine, SYSTEM, 2, {"reason": "swollen"})
        await db.write(devices.release, SYSTEM, 1, {"reason": None})
        found = await plan(db, database)
        assert [(c.serial, c.index_no, c.blocked_by) for c in found] == [
            ("B", 2, "quarantined: swollen"),
            ("C", 3, None),
            ("A", None, None),
        ]

    tell(database, story)


@pytest.mark.parametrize(
    ("target", "serials"),
    [
        ({"scope": "indexes", "indexes": "2-3,9"}, ["B", "C"]),
        ({"scope": "indexes", "indexes": ",".join(str(index) for index in range(1, 300, 2))}, ["A", "C"]),
        ({"scope": "indexes", "indexes": "1-3", "exclude": "2"}, ["A", "C"]),
        ({"scope": "nodes", "nodes": ["PC-01", "PC-02"]}, ["A", "B", "C"]),
        ({"scope": "nodes", "nodes": ["PC-02"]}, []),
        ({"scope": "labels", "labels": {"rack": "a"}}, []),
        ({"scope": "all"}, ["A", "B", "C"]),
    ],
)
def test_what_a_target_names_is_found_without_looking_at_the_rest(
    database: DatabasePlace, target: dict[str, Any], serials: list[str]
) -> None:
    def choose(tx: Tx) -> list[Candidate]:
        return select(target, inventory.candidates(tx, tx.now, 30, *inventory.named(tx, target)))

    async def story(db: Database) -> None:
        chosen = await db.read(choose)
        assert [candidate.serial for candidate in chosen] == serials
        assert chosen == select(target, await plan(db, database))

    tell(database, story)


def test_online_needs_a_report_of_the_node_within_the_runs_own_window(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        database.clock.advance(10_000)
        assert all(candidate.is_online for candidate in await plan(db, database, 10))
        assert not any(candidate.is_online for candidate in await plan(db, database, 9))

    tell(database, story)


def test_layout_moves_only_when_asked(database: DatabasePlace) -> None:
    async def story(db: Database) -> None:
        def touch(tx: Tx) -> tuple[int, int]:
            return inventory.touch_fleet(tx), inventory.touch_fleet(tx, layout=True)

        before = await db.read(inventory.load_fleet)
        assert await db.write(touch) == (before.rev + 1, before.rev + 2)
        assert await db.read(inventory.load_fleet) == Fleet(before.rev + 2, before.layout + 1)

    tell(database, story)
