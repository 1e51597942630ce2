"""Copying a database: every row arrives, the checksums are equal, and a target in use stays as it is."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from rackhand.core.errors import Conflict
from rackhand.engine import enrolment
from rackhand.engine.access import SYSTEM
from rackhand.store import copying
from rackhand.store.backup import Place
from rackhand.store.blobs import DirectoryBlobs
from rackhand.store.connect import make_database
from rackhand.store.copying import Sum
from rackhand.store.db import Tx
from rackhand.store.db_sqlite import opened
from rackhand.store.fake import DatabasePlace, FakeClock
from rackhand.store.schema import upgrade
from rackhand.store.tables import devices, metadata, sweeps

UNUSED_YET = {"saved_targets"}
"""Tables that no use case writes so far."""


def silent(_done: int, _table: str) -> None:
    """Shows nothing."""


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory, live: Any) -> Path:
    """A SQLite file after some use."""
    folder, clock = tmp_path_factory.mktemp("used"), FakeClock()

    async def story() -> None:
        db = make_database(None, folder, clock=clock)
        await db.start()
        await upgrade(db)
        await live(Place(db, DirectoryBlobs(folder / "files"), DirectoryBlobs(folder / "artifacts")), clock)
        await db.close()

    asyncio.run(story())
    return folder / "rackhand.sqlite3"


def test_every_row_arrives_with_the_same_checksum(database: DatabasePlace, tmp_path: Path, used: Path) -> None:
    shown = list[tuple[int, str]]()

    async def story() -> None:
        with opened(used) as source:
            before, rows = copying.sums(source), copying.count(source)
        assert {name for name, each in before.items() if each.rows == 0} <= UNUSED_YET
        async with database.started() as target:
            copied = await copying.from_file(used, target, lambda done, table: shown.append((done, table)))
            assert copied == before
            assert await target.read(copying.sums) == before
        assert shown[-1][0] == rows == sum(each.rows for each in before.values())

        back = tmp_path / "back.sqlite3"
        async with database.started() as source_again:
            await copying.to_file(source_again, back, silent)
        with opened(back) as made:
            assert copying.sums(made) == before, "and the way back is the same"

    asyncio.run(story())


def test_a_target_in_use_stays_as_it_is(database: DatabasePlace, used: Path) -> None:
    async def story() -> None:
        async with database.started() as target:
            await target.read(copying.require_unused)
            await target.write(enrolment.enrol, SYSTEM, {"id": "PC-09", "name": None})
            before = await target.read(copying.sums)
            with pytest.raises(Conflict, match=r"its table [a-z_]+ has rows; nothing was changed"):
                await copying.from_file(used, target, silent)
            assert await target.read(copying.sums) == before

    asyncio.run(story())


def test_a_difference_undoes_everything(database: DatabasePlace, used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the target had changed a value on its way in."""
    whole = copying.sums

    def bent(tx: Tx) -> copying.Sums:
        tx.conn.execute(update(devices).values(label="another"))
        return whole(tx)

    async def story() -> None:
        async with database.started() as target:
            monkeypatch.setattr(copying, "sums", bent)
            with pytest.raises(Conflict, match="these tables differ after copying: devices; nothing was changed"):
                await copying.from_file(used, target, silent)
            await target.read(copying.require_unused)

    asyncio.run(story())


def test_a_source_whose_server_runs_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        db = make_database(None, tmp_path, clock=FakeClock())
        await db.start()
        await upgrade(db)
        await db.read(copying.require_stopped)
        await db.write(lambda tx: tx.conn.execute(update(sweeps).values(last_sweep_at=tx.now - 900)))
        with pytest.raises(Conflict, match="900 ms ago; nothing was copied: stop it"):
            await db.read(copying.require_stopped)
        await db.close()

    asyncio.run(story())


def test_a_checksum_knows_values_not_their_order_or_notation() -> None:
    one, two = [1, "a", {"x": 1.0, "y": [2.5, None]}], [2, "b", True]

    assert Sum().plus(one).plus(two) == Sum().plus(two).plus(one)
    assert Sum().plus(one) == Sum().plus([1, "a", {"y": [2.5, None], "x": 1}])
    assert Sum().plus(one) != Sum().plus([1, "a", {"x": 1.0, "y": [2.5, 0]}])
    assert Sum().plus([1, None]) != Sum().plus([None, 1])
    assert Sum().plus(one).rows == 1


def test_only_seeded_tables_have_rows_in_a_new_database(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            found = await db.read(copying.sums)
            assert {name for name, each in found.items() if each.rows} == copying.SEEDED
            assert set(found) == set(metadata.tables)

    asyncio.run(story())
