"""Statements that SQLAlchemy compiled for one test serve all tests of the process.

Each test has engines of its own, and an engine remembers only what it compiled itself: a quarter of the CPU time of
the tests over databases went into compiling the same statements again. Here engines of one kind, which would compile
alike, are taken for equal and share one memory, as the requests of a long-lived server do.
"""

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

_MEMORY: LRUCache[Any, Any] = LRUCache(10_000)


def _kind(dialect: Any) -> tuple[object, ...]:
    """What the text of a statement and the treatment of its values depend on."""
    return type(dialect), dialect._json_serializer, dialect._json_deserializer


def share_compiled() -> None:
    """From now on, in this process."""
    make = Engine.__init__

    def remembering(self: Engine, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        self._compiled_cache = _MEMORY

    Engine.__init__ = remembering  # type: ignore[method-assign]
    for kind in (PGDialect_asyncpg, SQLiteDialect_pysqlite):
        kind.__hash__ = lambda self: hash(_kind(self))  # type: ignore[method-assign]
        kind.__eq__ = lambda self, other: _kind(self) == _kind(other)  # type: ignore[method-assign]
