"""The migrations make exactly the schema of the tables, on both databases, and the schema keeps the house's rules."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import BigInteger, CheckConstraint, insert, select

from rackhand.core.errors import Conflict
from rackhand.core.states import DeviceRunStatus, RunStatus
from rackhand.store import ddl, schema, statistics, tables
from rackhand.store.connect import make_database
from rackhand.store.db import Tx
from rackhand.store.fake import MORNING, DatabasePlace
from rackhand.store.metadata import listed, metadata
from rackhand.store.tables_runs import COUNT_COLUMNS

CATALOGUE = {
    "sqlite": """
        SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%' AND name NOT LIKE 'sqlite%' ORDER BY name
    """,
    "postgresql": """
        SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint
         WHERE connamespace = current_schema()::regnamespace AND conname NOT LIKE 'alembic%'
        UNION ALL SELECT indexname, indexdef FROM pg_indexes
         WHERE schemaname = current_schema() AND indexname NOT LIKE 'alembic%'
        UNION ALL SELECT viewname, definition FROM pg_views WHERE schemaname = current_schema()
        ORDER BY 1, 2
    """,
}


def catalogue(tx: Tx) -> list[tuple[str, str]]:
    """Every constraint, index and view as the database itself writes it."""
    rows = tx.conn.exec_driver_sql(CATALOGUE[tx.dialect]).all()
    return [
        (str(name), in_parts(re.sub(r"\s+", " ", sql or "").replace("fresh.", "").replace("public.", "")))
        for name, sql in rows
    ]


def in_parts(sql: str) -> str:
    """A CREATE TABLE with its columns and constraints sorted: an added column stands last, with its constraints."""
    if not sql.startswith("CREATE TABLE"):
        return sql
    head, _, body = sql.partition("(")
    parts = re.split(r", (?=[a-z_]+ [A-Z])|,? (?=CONSTRAINT )", body.rpartition(")")[0])
    return f"{head}({', '.join(sorted(part.strip() for part in parts))})"


def make_fresh(tx: Tx) -> list[tuple[str, str]]:
    """The catalogue of the schema as the tables say it now, made beside the migrated one."""
    if tx.dialect == "postgresql":
        tx.conn.exec_driver_sql("CREATE SCHEMA fresh")
        tx.conn.exec_driver_sql("SET LOCAL search_path TO fresh")
    for statement in ddl.statements(tx.dialect):
        tx.conn.exec_driver_sql(statement)
    return catalogue(tx)


def test_the_migrated_schema_is_that_of_the_tables(database: DatabasePlace, tmp_path: Path) -> None:
    async def story() -> None:
        async with database.started() as db:
            migrated = await db.read(catalogue)
            if db.dialect == "postgresql":
                fresh = await db.write(make_fresh)
            else:
                other = make_database(None, tmp_path / "fresh")
                await other.start()
                fresh = await other.write(make_fresh)
                await other.close()
            assert migrated == fresh
            assert len(migrated) > 50

    asyncio.run(story())


def test_alembic_sees_no_difference(database: DatabasePlace) -> None:
    def differences(tx: Tx) -> list[Any]:
        context = MigrationContext.configure(tx.conn, opts={"compare_type": True})
        found: list[Any] = compare_metadata(context, metadata)
        return found

    async def story() -> None:
        async with database.started() as db:
            assert await db.read(differences) == []

    asyncio.run(story())


def test_upgrading_twice_changes_nothing(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            state = await schema.check(db)
            assert state.is_current
            assert await schema.upgrade(db) == state
            assert [row.id for row in await db.read(lambda tx: tx.conn.execute(select(tables.workspaces)).all())] == [
                "default"
            ]

    asyncio.run(story())


def test_replicas_that_start_together_upgrade_once(database: DatabasePlace, tmp_path: Path) -> None:
    def drop_everything(tx: Tx) -> None:
        tx.conn.exec_driver_sql("DROP SCHEMA public CASCADE")
        tx.conn.exec_driver_sql("CREATE SCHEMA public")

    async def story() -> None:
        place = database if database.dialect == "postgresql" else DatabasePlace(f"sqlite:///{tmp_path / 'e'}", "sqlite")
        async with place.started() as one, place.started() as two:
            if place.dialect == "postgresql":
                await one.write(drop_everything)
            assert (await schema.check(one)).current is None
            states = await asyncio.gather(schema.upgrade(one), schema.upgrade(two))
            assert all(state.is_current for state in states)

    asyncio.run(story())


def test_a_newer_schema_is_refused_and_left_alone(database: DatabasePlace) -> None:
    def pretend(tx: Tx) -> None:
        tx.conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    async def story() -> None:
        async with database.started() as db:
            await db.write(pretend)
            with pytest.raises(Conflict, match=r"9999.*start a newer rackhand"):
                await schema.upgrade(db)
            assert (await schema.check(db)).current == "9999"

    asyncio.run(story())


def test_device_tasks_shows_device_runs_with_real_times(database: DatabasePlace) -> None:
    def fill(tx: Tx) -> None:
        own = {"workspace_id": tx.workspace_id}
        known = {"created_at": tx.now, **own}
        tx.conn.execute(insert(tables.devices).values(id="d", serial="S", **known))
        tx.conn.execute(insert(tables.playbooks).values(id="p", title="P", updated_at=tx.now, **known))
        tx.conn.execute(
            insert(tables.playbook_revisions).values(playbook_id="p", revision=1, title="P", steps=[], **known)
        )
        run = {
            "id": "r",
            "title": "P",
            "playbook_id": "p",
            "playbook_revision": 1,
            "target": {},
            "policy": {},
            "seed": 0,
        }
        rest = {"status": "failed", "trigger": "api", "deadline_at": tx.now, "finished_at": tx.now, **known}
        tx.conn.execute(insert(tables.runs).values(**run, **rest, count_failed=1, count_total=1))
        part = {"id": "x", "run_id": "r", "device_id": "d", "device_index": 1, "dice_index": 1, "serial": "S", **own}
        end = {
            "status": "failed",
            "step_count": 1,
            "deadline_at": tx.now,
            "started_at": tx.now,
            "finished_at": tx.now + 1,
        }
        tx.conn.execute(insert(tables.run_device_states).values(**part, **end, last_error_message="offline"))

    def look(tx: Tx) -> dict[str, Any]:
        return dict(tx.conn.exec_driver_sql("SELECT * FROM device_tasks").mappings().one())

    async def story() -> None:
        async with database.started() as db:
            await db.write(fill)
            task = await db.read(look)
            assert (task["id"], task["run_id"], task["status"], task["error"]) == ("x", "r", "failed", "offline")
            started = task["started_at"]
            if db.dialect == "postgresql":
                assert round(started.timestamp() * 1000) == MORNING
            else:
                assert started == "2026-11-22T10:00:00.000Z"

    asyncio.run(story())


def test_every_table_belongs_to_a_workspace_and_explains_its_columns() -> None:
    for table in metadata.sorted_tables:
        assert table.comment, table.name
        if table.name != "workspaces":
            assert table.columns.keys()[0] == "workspace_id", table.name
            assert table.primary_key.columns.keys()[0] == "workspace_id", table.name
            assert any("workspace_id" in key.column_keys for key in table.foreign_key_constraints), table.name
        for column in table.columns:
            assert column.comment, f"{table.name}.{column.name}"


def test_times_are_milliseconds() -> None:
    for table in metadata.sorted_tables:
        for column in table.columns:
            if column.name == "at" or column.name.endswith("_at"):
                assert isinstance(column.type, BigInteger), f"{table.name}.{column.name}"


def test_state_checks_follow_the_enums() -> None:
    checks = {
        c.name: str(c.sqltext) for t in metadata.sorted_tables for c in t.constraints if isinstance(c, CheckConstraint)
    }
    for state in RunStatus:
        assert f"'{state}'" in checks["ck_runs_status"]
    for part in DeviceRunStatus:
        assert f"'{part}'" in checks["ck_run_device_states_status"]
    assert tuple(f"count_{part}" for part in DeviceRunStatus) == COUNT_COLUMNS


def test_only_plain_names_become_sql() -> None:
    with pytest.raises(ValueError, match="not plain"):
        listed(["ok", "x'; DROP TABLE runs"])


def test_sqlite_knows_from_the_start_that_one_workspace_has_all_rows(database: DatabasePlace) -> None:
    def plan(tx: Tx) -> str:
        query = "SELECT id FROM run_device_states WHERE workspace_id = ? AND run_id = ? ORDER BY id"
        return " ".join(row[3] for row in tx.conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", ("default", "r")))

    async def story() -> None:
        async with database.started() as db:
            if db.dialect == "sqlite":
                assert "workspace_id=? AND run_id=?" in await db.read(plan)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("columns", "is_unique", "is_partial", "stat"),
    [
        (1, False, False, "1000000 1000000"),
        (3, False, False, "1000000 1000000 10000 100"),
        (2, True, False, "1000000 1000000 1"),
        (3, False, True, "1000 1000 10 2"),
    ],
)
def test_hand_written_statistics(columns: int, is_unique: bool, is_partial: bool, stat: str) -> None:
    assert statistics.describe(columns, is_unique=is_unique, is_partial=is_partial) == stat
