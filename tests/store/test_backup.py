"""A backup holds everything and goes into any kind of database; what is not whole is refused and changes no row."""

import asyncio
import tarfile
from pathlib import Path
from typing import Any

import pytest

from rackhand.core.errors import Conflict
from rackhand.store import backup, copying, schema
from rackhand.store.backup import Place
from rackhand.store.blobs import DirectoryBlobs
from rackhand.store.connect import make_database
from rackhand.store.db import Database
from rackhand.store.fake import DatabasePlace


def silent(_done: int, _what: str) -> None:
    """Shows nothing."""


def place_of(db: Database, folder: Path) -> Place:
    return Place(db, DirectoryBlobs(folder / "files"), DirectoryBlobs(folder / "artifacts"))


def contents_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_comes_back_into_another_database(database: DatabasePlace, tmp_path: Path, live: Any) -> None:
    file, new = tmp_path / "night.tar", tmp_path / "new"
    shown = list[int]()

    async def story() -> None:
        async with database.started() as db:
            place = place_of(db, tmp_path / "old")
            await live(place, database.clock)
            before = await db.read(copying.sums)
            report = await backup.write(place, file, silent)
            assert (report.contents, report.gone, report.damaged) == (2, [], [])
            assert file.stat().st_mode & 0o077 == 0, "it holds hashes of secrets"
        other = make_database(None, new)
        await other.start()
        restored = await backup.restore(place_of(other, new), file, lambda done, _: shown.append(done))
        assert await other.read(copying.sums) == before
        await other.close()
        assert (restored.rows, restored.contents) == (report.rows, 2)
        assert shown == sorted(shown)
        assert shown[-1] == backup.total_of(file) == report.rows + 2
        for kind in ("files", "artifacts"):
            assert contents_of(new / kind) == contents_of(tmp_path / "old" / kind) != {}

    asyncio.run(story())


def test_it_goes_back_into_the_same_kind(database: DatabasePlace, tmp_path: Path, live: Any) -> None:
    """And into a database that is in use it does not go."""
    file = tmp_path / "night.tar"

    async def story() -> None:
        source = make_database(None, tmp_path / "source", clock=database.clock)
        await source.start()
        await schema.upgrade(source)
        await live(place_of(source, tmp_path / "source"), database.clock)
        await backup.write(place_of(source, tmp_path / "source"), file, silent)
        before = await source.read(copying.sums)
        await source.close()
        async with database.started() as db:
            place = place_of(db, tmp_path / "target")
            await backup.restore(place, file, silent)
            assert await db.read(copying.sums) == before
            with pytest.raises(Conflict, match="the target is in use"):
                await backup.restore(place, file, silent)

    asyncio.run(story())


async def small_backup(folder: Path, live: Any, database: DatabasePlace) -> Path:
    async with database.started() as db:
        place = place_of(db, folder)
        await live(place, database.clock)
        await backup.write(place, folder / "b.tar", silent)
    return folder / "b.tar"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_file_that_is_not_whole_changes_no_row(database: DatabasePlace, tmp_path: Path, live: Any) -> None:
    async def story() -> None:
        file = await small_backup(tmp_path, live, database)
        content = file.read_bytes()
        new = make_database(None, tmp_path / "new")
        await new.start()
        place = place_of(new, tmp_path / "new")
        with tarfile.open(file) as tar:
            end, rows = tar.getmember("end.json"), tar.getmember("rackhand.sqlite3")
        bent = bytearray(content)
        bent[rows.offset_data + 5000] ^= 1
        for wrong, why in (
            (content[: end.offset], "cut off"),
            (content[: rows.offset + 5000], "not a whole backup"),
            (bytes(bent), "another sha256"),
            (b"no tar", "not a whole backup"),
        ):
            file.write_bytes(wrong)
            with pytest.raises(Conflict, match=why):
                await backup.restore(place, file, silent)
        await new.read(copying.require_unused)
        with pytest.raises(Conflict, match="is there already; nothing was written"):
            await backup.write(place, file, silent)
        await new.close()

    asyncio.run(story())


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_contents_that_are_gone_or_damaged_are_told(database: DatabasePlace, tmp_path: Path, live: Any) -> None:
    async def story() -> None:
        async with database.started() as db:
            place = place_of(db, tmp_path)
            await live(place, database.clock)
            (shot,) = contents_of(tmp_path / "artifacts")
            (script,) = contents_of(tmp_path / "files")
            (tmp_path / "artifacts" / shot).unlink()
            (tmp_path / "files" / script).write_bytes(b"rotten")
            report = await backup.write(place, tmp_path / "b.tar", silent)
            assert (report.gone, report.damaged) == ([f"artifacts/{shot}"], [f"files/{script}"])
        new = make_database(None, tmp_path / "new")
        await new.start()
        restored = await backup.restore(place_of(new, tmp_path / "new"), tmp_path / "b.tar", silent)
        assert (restored.gone, restored.damaged) == (report.gone, report.damaged)
        await new.close()

    asyncio.run(story())
