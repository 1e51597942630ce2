"""The first schema, as SQL per database in ../sql, and the one workspace."""

import time
from pathlib import Path

from alembic import op
from sqlalchemy import text

from rackhand.store.ddl import split

revision = "0001"
down_revision = None

_SQL_DIR = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    conn = op.get_bind()
    script = (_SQL_DIR / f"r{revision}_{conn.dialect.name}.sql").read_text(encoding="utf-8")
    for statement in split(script):
        conn.exec_driver_sql(statement)
    now = time.time_ns() // 1_000_000
    conn.execute(
        text("INSERT INTO workspaces (id, name, created_at) VALUES ('default', 'default', :now)"), {"now": now}
    )
    conn.execute(text("INSERT INTO sweeps (workspace_id) VALUES ('default')"))
