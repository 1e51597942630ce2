"""The schema as SQL text, rendered from the tables. Run this module to write the revisions' files anew.

That is allowed until the first release; afterwards a change of the tables is a new revision, and these stay as they
are. A table that came with a later revision than the first names it in its `info`: {"revision": "0003"}.
"""

import re
from pathlib import Path
from typing import Any

from sqlalchemy import create_mock_engine

from rackhand.store.db import Dialect
from rackhand.store.tables import metadata

SQL_DIR = Path(__file__).parent / "migrations" / "sql"
SEPARATOR = ";\n\n"
FIRST = "0001"
_INDEX = re.compile(r"CREATE (UNIQUE )?INDEX ")

_MOMENT = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', {0} / 1000.0, 'unixepoch')",
    "postgresql": "to_timestamp({0} / 1000.0)",
}
_ADDRESS: dict[Dialect, str] = {"sqlite": "sqlite://", "postgresql": "postgresql+asyncpg://"}


def device_tasks(dialect: Dialect) -> str:
    """The view for tools built on the older table of that name; times are real timestamps, ISO text on SQLite."""
    moment = _MOMENT[dialect]
    return (
        "CREATE VIEW device_tasks AS\n"
        "SELECT workspace_id, id, run_id, device_id, node_id, status, last_error_message AS error,\n"
        f"       {moment.format('started_at')} AS started_at,\n"
        f"       {moment.format('finished_at')} AS finished_at\n"
        "FROM run_device_states"
    )


def revisions() -> list[str]:
    """The revisions that brought tables."""
    return sorted({str(table.info.get("revision", FIRST)) for table in metadata.sorted_tables})


def statements(dialect: Dialect, revision: str | None = None) -> list[str]:
    """What makes the schema, or the part of one revision; always in the same order: tables, indexes by name, view."""
    made: list[str] = []

    def keep(statement: Any, *_: object, **__: object) -> None:
        text = str(statement.compile(dialect=engine.dialect))
        made.append("\n".join(line.rstrip().replace("\t", "    ") for line in text.strip().splitlines()))

    engine = create_mock_engine(_ADDRESS[dialect], keep)
    tables = [t for t in metadata.tables.values() if revision in (None, t.info.get("revision", FIRST))]
    metadata.create_all(engine, tables=tables, checkfirst=False)
    indexes = sorted(text for text in made if _INDEX.match(text))
    view = [device_tasks(dialect)] if revision in (None, FIRST) else []
    return [*(text for text in made if not _INDEX.match(text)), *indexes, *view]


def render(dialect: Dialect, revision: str) -> str:
    """The script of a revision's tables."""
    return "".join(statement + SEPARATOR for statement in statements(dialect, revision)).rstrip("\n") + "\n"


def split(script: str) -> list[str]:
    """The statements of a rendered script."""
    return [statement for statement in script.removesuffix(";\n").split(SEPARATOR) if statement.strip()]


def file_of(dialect: Dialect, revision: str) -> Path:
    """Where that script lies."""
    return SQL_DIR / f"r{revision}_{dialect}.sql"


def write_revisions() -> None:
    for dialect in _ADDRESS:
        for revision in revisions():
            file_of(dialect, revision).write_text(render(dialect, revision), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write_revisions()
