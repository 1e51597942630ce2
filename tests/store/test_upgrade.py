"""Upgrades: a database of every released schema, with rows from real use, becomes one of today's.

The snapshots are written by tools/schema_snapshot.py, one folder for each release.
"""

import asyncio
import gzip
import shutil
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from rackhand.core.errors import Conflict
from rackhand.engine import dashboard, run_views
from rackhand.engine.fake import Lab
from rackhand.store import schema
from rackhand.store.db import Database, Tx
from rackhand.store.fake import DatabasePlace
from rackhand.store.tables import metadata

SCHEMAS = Path(__file__).parent / "schemas"
RELEASES = sorted(path.name for path in SCHEMAS.iterdir() if path.is_dir())
NEXT = """
from alembic import op
revision = "9999"
down_revision = "{head}"
def upgrade():
    op.execute("ALTER TABLE nodes ADD COLUMN mood TEXT")
"""
only_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


async def load(place: DatabasePlace, release: str, tmp_path: Path) -> DatabasePlace:
    """The snapshot of a release as a database."""
    script = gzip.decompress((SCHEMAS / release / f"{place.dialect}.sql.gz").read_bytes()).decode()
    if place.dialect == "sqlite":
        path = tmp_path / "old.sqlite3"
        with sqlite3.connect(path) as file:
            file.executescript(script)
        file.close()
        return DatabasePlace(f"sqlite:///{path}", "sqlite", place.clock)
    conn = await asyncpg.connect(place.url)
    try:
        await conn.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await conn.execute(script)
    finally:
        await conn.close()
    return place


GONE = {"webhooks"}
"""Tables that a contract took away, since no release wrote them."""


def counts(tx: Tx, names: list[str]) -> dict[str, int]:
    return {name: tx.conn.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in names}


def names_of(tx: Tx) -> list[str]:
    where = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
    }
    found = tx.conn.exec_driver_sql(where[tx.dialect]).scalars()
    return sorted(name for name in found if name != "alembic_version")


def differences(tx: Tx) -> list[Any]:
    found: list[Any] = compare_metadata(MigrationContext.configure(tx.conn, opts={"compare_type": True}), metadata)
    return found


def run_ids(tx: Tx) -> list[str]:
    return list(tx.conn.execute(text("SELECT id FROM runs ORDER BY id")).scalars())


@pytest.mark.parametrize("release", RELEASES)
def test_a_database_of_every_release_becomes_todays(database: DatabasePlace, release: str, tmp_path: Path) -> None:
    async def story() -> None:
        place = await load(database, release, tmp_path)
        async with place.started() as db:
            names = await db.read(names_of)
            names, gone = sorted(set(names) - GONE), sorted(set(names) & GONE)
            assert set((await db.read(counts, gone)).values()) <= {0}
            before = await db.read(counts, names)
            assert min(before[name] for name in ("runs", "run_steps", "events", "artifacts", "users")) > 0
            assert (await schema.upgrade(db)).is_current
            assert await db.read(differences) == []
            assert await db.read(counts, names) == before
            await use(db, place)

    asyncio.run(story())


async def use(db: Database, place: DatabasePlace) -> None:
    """What was there can be read, and work goes on."""
    place.clock.advance(60_000)
    lab = Lab(db, place.clock)
    lab.numbers = iter(range(1_000_000, 2_000_000))
    for run_id in await db.read(run_ids):
        assert await db.read(run_views.get_run, run_id) is not None
    assert (await db.read(dashboard.read)).kpis.devices == 5
    await lab.beat("PC-01")
    await lab.node("PC-09", 1)
    created = await lab.run(await lab.playbook(), {"scope": "nodes", "nodes": ["PC-09"]})
    (job,) = (await lab.pull("PC-09")).jobs
    await lab.execute("PC-09", job)
    assert (await lab.view(created.view.id)).run.status == "succeeded"


def with_a_next_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: str) -> None:
    """The program of the future: one more migration, which changes a table."""
    folder = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "r9999_mood.py").write_text(NEXT.format(head=head), encoding="utf-8")
    monkeypatch.setattr(schema, "MIGRATIONS", folder)


@only_postgresql
def test_a_lock_that_is_not_to_be_had_is_named_and_waited_for(
    database: DatabasePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            db = await stack.enter_async_context(database.started())
            head = (await schema.check(db)).head
            with_a_next_revision(tmp_path, monkeypatch, head)
            reader = await asyncpg.connect(database.url, server_settings={"application_name": "a long report"})
            pid = await reader.fetchval("SELECT pg_backend_pid()")
            reading = reader.transaction()
            await reading.start()
            await reader.fetch("SELECT * FROM nodes")

            with pytest.raises(Conflict, match=rf"session {pid} \(a long report, idle in transaction.*nothing was ch"):
                await schema.upgrade(db, lock_timeout_ms=30, tries=2, pause_s=0)
            assert (await schema.check(db)).current == head
            await reading.rollback()
            await reader.close()
            assert (await schema.upgrade(db)).current == "9999"

    asyncio.run(story())


def test_an_older_program_goes_on_beside_a_newer_schema_but_does_not_start_on_it(
    database: DatabasePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with database.started() as db:
            head = (await schema.check(db)).head
            with monkeypatch.context() as future:
                with_a_next_revision(tmp_path, future, head)
                older = await schema.check(db)
                assert (older.is_current, older.is_newer, older.head) == (False, False, "9999")
                await schema.upgrade(db)
            state = await schema.check(db)
            assert (state.current, state.is_current, state.is_newer) == ("9999", False, True)
            await use_as_before(db, database)
            with pytest.raises(Conflict, match=rf"schema 9999.*\({head}\).*start a newer rackhand"):
                await schema.upgrade(db)

    asyncio.run(story())


async def use_as_before(db: Database, place: DatabasePlace) -> None:
    lab = Lab(db, place.clock)
    await lab.node("PC-01", 1)
    await lab.run(await lab.playbook())
    (job,) = (await lab.pull("PC-01")).jobs
    assert [result.status for result in await lab.execute("PC-01", job)] == ["accepted"] * 3
