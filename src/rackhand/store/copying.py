"""All rows of one database into another one of the same schema: in one transaction, and compared before it commits.

Belongs here: which rows, in which order, and how two databases are compared. One side is always a SQLite file, which is
read or written by the thread or greenlet that the other side's transaction runs in.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Table, delete, func, insert, select

from rackhand.core.errors import Conflict
from rackhand.store import schema, sweeps
from rackhand.store.connect import make_database
from rackhand.store.db import Database, Tx
from rackhand.store.db_sqlite import SqliteDatabase, copy_file, opened
from rackhand.store.metadata import metadata

BATCH = 1000
SEEDED = frozenset({"workspaces", "sweeps"})
"""Tables that a new database already has a row in."""
RUNNING_MS = 5_000
"""A server has swept so lately if one is running."""
Show = Callable[[int, str], None]
"""Told how many rows are done, and of which table."""

_SELF_KEYS = """
SELECT conrelid::regclass || '', quote_ident(conname) FROM pg_constraint
 WHERE contype = 'f' AND conrelid = confrelid AND connamespace = current_schema()::regnamespace
"""


@dataclass(frozen=True, slots=True)
class Sum:
    """How many rows a table has, and a checksum of their values that does not depend on their order."""

    rows: int = 0
    checksum: int = 0

    def plus(self, values: Any) -> "Sum":
        """With one more row."""
        text = msgspec.json.encode([_plain(value) for value in values], order="deterministic")
        digest = int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big")
        return Sum(self.rows + 1, (self.checksum + digest) % 2**128)


Sums = dict[str, Sum]
"""By table."""


def _plain(value: Any) -> Any:
    """A number in JSON may come back as 1 or 1.0: databases do not tell them apart."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case _:
            return value


def count(tx: Tx) -> int:
    """All rows of all tables."""
    return sum(
        tx.conn.execute(select(func.count()).select_from(table)).scalar_one() for table in metadata.sorted_tables
    )


def sums(tx: Tx) -> Sums:
    """What a database holds."""
    found = {}
    for table in metadata.sorted_tables:
        found[table.name] = Sum()
        for row in _rows(tx, table):
            found[table.name] = found[table.name].plus(row)
    return found


def require_unused(tx: Tx) -> None:
    """Conflict if anybody has used this database."""
    for table in metadata.sorted_tables:
        if table.name not in SEEDED and tx.conn.execute(select(1).select_from(table).limit(1)).first():
            raise Conflict(
                "the target is in use: its table {table} has rows; nothing was changed: name an empty database",
                table=table.name,
                code="not_empty",
            )


def require_stopped(tx: Tx) -> None:
    """Conflict if a server seems to be running on this database."""
    last = sweeps.load(tx).last_sweep_at
    if last is not None and 0 <= tx.now - last < RUNNING_MS:
        raise Conflict(
            "a server wrote into this database {n} ms ago; nothing was copied: stop it, then try again in 5 seconds",
            n=tx.now - last,
            code="running",
        )


def copy(source: Tx, target: Tx, show: Show) -> Sums:
    """Every row of `source` into `target`, which must be unused; Conflict, and no change, if they differ at the end."""
    require_unused(target)
    read, done = dict[str, Sum](), 0
    with _late_keys(target):
        for table in reversed(metadata.sorted_tables):
            if table.name in SEEDED:
                target.conn.execute(delete(table))
        for table in metadata.sorted_tables:
            read[table.name] = Sum()
            for batch in _batches(source, table):
                for row in batch:
                    read[table.name] = read[table.name].plus(row.values())
                target.conn.execute(insert(table), batch)
                done += len(batch)
                show(done, table.name)
    written = sums(target)
    wrong = sorted(name for name in read if read[name] != written[name])
    if wrong:
        raise Conflict("these tables differ after copying: {tables}; nothing was changed", tables=", ".join(wrong))
    return read


def _rows(tx: Tx, table: Table) -> Iterator[Any]:
    yield from tx.conn.execute(select(table).execution_options(yield_per=BATCH))


def _batches(tx: Tx, table: Table) -> Iterator[list[dict[str, Any]]]:
    found = tx.conn.execute(select(table).execution_options(yield_per=BATCH)).mappings()
    for part in found.partitions():
        yield [dict(row) for row in part]


@contextmanager
def _late_keys(tx: Tx) -> Iterator[None]:
    """Within the block a row may come before the row of the same table that it names."""
    run = tx.conn.exec_driver_sql
    if tx.dialect == "sqlite":
        run("PRAGMA defer_foreign_keys = ON")  # until the commit, which fails if a row names none
        yield
        return
    keys = [(table, name) for table, name in run(_SELF_KEYS)]
    for table, name in keys:
        run(f"ALTER TABLE {table} ALTER CONSTRAINT {name} DEFERRABLE INITIALLY DEFERRED")
    yield
    run("SET CONSTRAINTS ALL IMMEDIATE")
    for table, name in keys:
        run(f"ALTER TABLE {table} ALTER CONSTRAINT {name} NOT DEFERRABLE")


async def from_file(path: Path, target: Database, show: Show) -> Sums:
    """Everything in a SQLite file of this program's schema into a database that is made current first."""
    await schema.upgrade(target)

    def use_case(tx: Tx) -> Sums:
        with opened(path) as source:
            return copy(source, tx, show)

    return await target.write(use_case)


async def to_file(source: Database, path: Path, show: Show) -> None:
    """A snapshot of a database in use into a new SQLite file; the database is only read."""
    if isinstance(source, SqliteDatabase):
        copy_file(source.path, path)
        return
    made = make_database(f"sqlite:///{path}", path.parent)
    await made.start()
    await schema.upgrade(made)
    await made.close()

    def use_case(tx: Tx) -> None:
        with opened(path, is_writer=True) as target:
            copy(tx, target, show)

    await source.read(use_case)
