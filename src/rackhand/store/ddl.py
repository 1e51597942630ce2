"""The schema as SQL text, rendered from the tables. Migrations must lead to exactly these statements: a change of the
tables is a new revision; the files of the first one were written from here and stay as they are.
"""

import re
from typing import Any

from sqlalchemy import create_mock_engine

from rackhand.store.db import Dialect
from rackhand.store.tables import metadata

SEPARATOR = ";\n\n"
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


def append_only(dialect: Dialect) -> list[str]:
    """The triggers that let nobody change a row of audit_log, or delete one that retention has not given up."""
    kept = "coalesce((SELECT kept_from FROM audit_retention WHERE workspace_id = OLD.workspace_id), 0)"
    if dialect == "sqlite":
        refuse = "BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END"
        return [
            f"CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log\n{refuse}",
            f"CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log\nWHEN OLD.at >= {kept}\n{refuse}",
        ]
    return [
        "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$\n"
        f"BEGIN\nIF TG_OP = 'DELETE' AND OLD.at < {kept} THEN RETURN OLD; END IF;\n"
        "RAISE EXCEPTION 'audit_log is append-only';\nEND $$",
        "CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log\n"
        "FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()",
        "CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log\n"
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()",
    ]


def statements(dialect: Dialect) -> list[str]:
    """Everything that makes the schema, always in the same order: tables, indexes by name, the view, the triggers."""
    made: list[str] = []

    def keep(statement: Any, *_: object, **__: object) -> None:
        text = str(statement.compile(dialect=engine.dialect))
        made.append("\n".join(line.rstrip().replace("\t", "    ") for line in text.strip().splitlines()))

    engine = create_mock_engine(_ADDRESS[dialect], keep)
    metadata.create_all(engine, checkfirst=False)
    indexes = sorted(text for text in made if _INDEX.match(text))
    return [*(text for text in made if not _INDEX.match(text)), *indexes, device_tasks(dialect), *append_only(dialect)]


def split(script: str) -> list[str]:
    """The statements of a rendered script."""
    return [statement for statement in script.removesuffix(";\n").split(SEPARATOR) if statement.strip()]
