"""Bring the schema up to date, or say whether it is. Alembic without alembic.ini: the revisions are in migrations/.

An upgrade waits for each lock for a few seconds only, since every request on the table queues up behind it; then it
gives all its locks back, and tries again later. It never ends anybody's session: it names who holds the lock.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from rackhand.core.errors import Busy, Conflict
from rackhand.store import statistics
from rackhand.store.db import Database, Tx
from rackhand.store.outage import LOCKED

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_NUMBER = 0x7261636B  # "rack": replicas that start together upgrade one after the other
LOCK_TIMEOUT_MS = 4_000
TRIES = 8
PAUSE_S = 1.0
_HOLDERS = """
SELECT DISTINCT a.pid, coalesce(nullif(a.application_name, ''), a.usename, '?') AS who, coalesce(a.state, '?') AS state,
       coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::bigint AS since_s
FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
LEFT JOIN pg_class AS c ON c.oid = l.relation
WHERE l.granted AND a.datname = current_database() AND a.pid <> pg_backend_pid()
  AND (l.locktype = 'advisory' OR c.relnamespace = current_schema()::regnamespace)
ORDER BY since_s DESC, a.pid
"""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """`current` is the database's revision (None: empty), `head` the one this program needs. `is_newer`: the database
    was upgraded by a newer program, whose first release with it still serves this one (ADR 25)."""

    current: str | None
    head: str
    is_newer: bool = False

    @property
    def is_current(self) -> bool:
        return self.current == self.head


async def upgrade(
    database: Database, lock_timeout_ms: int = LOCK_TIMEOUT_MS, tries: int = TRIES, pause_s: float = PAUSE_S
) -> SchemaState:
    """Run all missing revisions in one transaction. Conflict, and no change, if the database is of a newer program, or
    if a lock was not to be had; then it names the sessions that hold it."""
    for tried in range(1, tries + 1):
        try:
            return await database.write(_upgrade, lock_timeout_ms)
        except Busy as error:
            if error.code != LOCKED:
                raise
            holders = await database.read(_holders)
            if tried == tries:
                raise Conflict(
                    "the schema was not upgraded: {holders} holds a lock on the database; nothing was changed: end "
                    "that session (on PostgreSQL: SELECT pg_terminate_backend(pid)) or wait for it, then start again",
                    holders=holders,
                    code="schema_locked",
                ) from error
        await asyncio.sleep(pause_s)
    raise AssertionError("the last try returns or raises")


def _holders(tx: Tx) -> str:
    """Who holds locks now, the oldest transaction first."""
    if tx.dialect == "sqlite":
        return "another process"
    rows = tx.conn.exec_driver_sql(_HOLDERS).all()
    found = [f"session {row.pid} ({row.who}, {row.state}, for {row.since_s} s)" for row in rows]
    return ", ".join(found) or "a session that has ended meanwhile"


async def check(database: Database) -> SchemaState:
    return await database.read(_check)


def _upgrade(tx: Tx, lock_timeout_ms: int) -> SchemaState:
    if tx.dialect == "postgresql":
        tx.conn.exec_driver_sql(f"SET LOCAL lock_timeout = {lock_timeout_ms:d}")
        tx.conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})")
    config, script = _revisions()
    state = _state(tx, script)
    if state.is_current:
        return state
    if state.is_newer:
        raise Conflict(
            "the database has schema {current}, which this program ({head}) does not know; nothing was "
            "changed: start a newer rackhand",
            current=state.current,
            head=state.head,
            code="schema_newer",
        )
    with EnvironmentContext(config, script, fn=lambda rev, _context: script._upgrade_revs("head", rev)) as environment:
        environment.configure(connection=tx.conn)
        environment.run_migrations()
    statistics.seed(tx)
    return _state(tx, script)


def _check(tx: Tx) -> SchemaState:
    return _state(tx, _revisions()[1])


def _state(tx: Tx, script: ScriptDirectory) -> SchemaState:
    head = script.get_current_head()
    if head is None:
        raise RuntimeError(f"no revision found in {MIGRATIONS}")
    current = MigrationContext.configure(tx.conn).get_current_revision()
    known = {None, *(revision.revision for revision in script.walk_revisions())}
    return SchemaState(current, head, is_newer=current not in known)


def _revisions() -> tuple[Config, ScriptDirectory]:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config, ScriptDirectory.from_config(config)
