"""The lab's own view of the database, past the product: triggers that record every move, and the rows of some runs.

The triggers use the machine's clock, which no fault moves. One module for both databases; no rule is here.
"""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import make_url

from rackhand.store.db_sqlite import BUSY_TIMEOUT_S, driver
from rackhand.store.tables_runs import LIVE_LEASE

Row = dict[str, Any]
_TABLES = {"runs": "id", "run_device_states": "id", "run_steps": None, "artifacts": "id"}
_STEP_KEY = "'/' || {0}.device_index || '/' || {0}.step_index || '/' || {0}.attempt"
_MOVES = "CREATE TABLE chaos_moves (at BIGINT, place TEXT, run_id TEXT, id TEXT, old TEXT, new TEXT)"


def _key(table: str) -> str:
    return "new.id" if _TABLES[table] else "new.run_id || " + _STEP_KEY.format("new")


def _run_of(table: str) -> str:
    return "new.id" if table == "runs" else "new.run_id"


def _note(table: str, now: str) -> str:
    values = f"{now}, '{table}', {_run_of(table)}, {_key(table)}, old.status, new.status"
    return f"INSERT INTO chaos_moves VALUES ({values})"


def _double(now: str) -> str:
    """Two live leases of one device, noted as a move of the lease."""
    live = f"SELECT count(*) FROM run_device_states WHERE device_id = new.device_id AND {LIVE_LEASE}"
    values = f"{now}, 'leases', new.run_id, new.device_id, 'one', 'two'"
    return f"INSERT INTO chaos_moves SELECT {values} WHERE ({live}) > 1"


def _sqlite_script() -> str:
    now = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    parts = [_MOVES]
    parts += [
        f"CREATE TRIGGER chaos_{table} AFTER UPDATE OF status ON {table} WHEN old.status <> new.status"
        f" BEGIN {_note(table, now)}; END"
        for table in _TABLES
    ]
    parts.append(
        f"CREATE TRIGGER chaos_leases AFTER UPDATE OF lease_token ON run_device_states BEGIN {_double(now)}; END"
    )
    return ";\n".join(parts) + ";"


def _postgresql_script() -> str:
    now = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    parts = [_MOVES]
    for table in _TABLES:
        body = f"BEGIN {_note(table, now)}; RETURN NULL; END"
        parts += [
            f"CREATE FUNCTION chaos_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
            f"CREATE TRIGGER chaos_{table} AFTER UPDATE ON {table} FOR EACH ROW"
            f" WHEN (old.status <> new.status) EXECUTE FUNCTION chaos_{table}()",
        ]
    body = f"BEGIN {_double(now)}; RETURN NULL; END"
    parts += [
        f"CREATE FUNCTION chaos_leases() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
        "CREATE TRIGGER chaos_leases AFTER UPDATE OF lease_token ON run_device_states FOR EACH ROW"
        " EXECUTE FUNCTION chaos_leases()",
    ]
    return ";\n".join(parts) + ";"


@dataclass(frozen=True, slots=True)
class Audit:
    """A database by its URL."""

    url: str

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    def install(self) -> None:
        """Once, after the schema is there."""
        if self.is_sqlite:
            with closing(self._sqlite()) as conn:
                conn.executescript(_sqlite_script())
        else:
            asyncio.run(self._execute(_postgresql_script()))

    def kill_connections(self) -> None:
        """End every other connection to this database (PostgreSQL)."""
        asyncio.run(
            self._execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )

    def select(self, statement: str, words: Sequence[str]) -> list[Row]:
        """Rows of a statement whose `IN (?)` takes these words."""
        if self.is_sqlite:
            marks = ", ".join("?" for _ in words)
            with closing(self._sqlite()) as conn:
                return [dict(row) for row in conn.execute(statement.replace("IN (?)", f"IN ({marks})"), tuple(words))]
        return asyncio.run(self._fetch(statement.replace("IN (?)", "= ANY($1)"), list(words)))

    def of_runs(self, table: str, run_ids: Sequence[str]) -> list[Row]:
        column = "id" if table == "runs" else "run_id"
        return self.select(f"SELECT * FROM {table} WHERE {column} IN (?)", run_ids)

    def _sqlite(self) -> Any:
        """By the product's own SQLite: two versions at one file would be a fault of the lab."""
        conn = driver().connect(make_url(self.url).database, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        conn.row_factory = driver().Row
        return conn

    async def _connect(self) -> "asyncpg.Connection":
        url = make_url(self.url)
        host = url.host or url.query.get("host")
        return await asyncpg.connect(
            host=host, port=url.port or 5432, user=url.username, password=url.password, database=url.database
        )

    async def _execute(self, script: str) -> None:
        conn = await self._connect()
        try:
            await conn.execute(script)
        finally:
            await conn.close()

    async def _fetch(self, statement: str, words: list[str]) -> list[Row]:
        conn = await self._connect()
        try:
            return [dict(row) for row in await conn.fetch(statement, words)]
        finally:
            await conn.close()
