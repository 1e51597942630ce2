"""Bring the schema up to date, or say whether it is. Alembic without alembic.ini: the revisions are in migrations/."""

from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from rackhand.core.errors import Conflict
from rackhand.store import statistics
from rackhand.store.db import Database, Tx

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_NUMBER = 0x7261636B  # "rack": replicas that start together upgrade one after the other


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


async def upgrade(database: Database) -> SchemaState:
    """Run all missing revisions in one transaction; Conflict, and no change, if the database is of a newer program."""
    return await database.write(_upgrade)


async def check(database: Database) -> SchemaState:
    return await database.read(_check)


def _upgrade(tx: Tx) -> SchemaState:
    if tx.dialect == "postgresql":
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
