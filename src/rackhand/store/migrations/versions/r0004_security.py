"""Scopes of tokens, people of a provider, sealed values of runs, and an audit log that nobody can rewrite."""

from pathlib import Path

from alembic import op

from rackhand.store.ddl import split

revision = "0004"
down_revision = "0003"

_SQL_DIR = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    conn = op.get_bind()
    script = (_SQL_DIR / f"r{revision}_{conn.dialect.name}.sql").read_text(encoding="utf-8")
    for statement in split(script):
        conn.exec_driver_sql(statement)
