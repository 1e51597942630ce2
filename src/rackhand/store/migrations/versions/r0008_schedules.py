"""Contract of 0001: `webhooks`, which no release ever read or wrote, makes way for notification channels.

And added are schedules' overlap, rollout, secrets and firings, and rules, happenings and deliveries of messages.
"""

from pathlib import Path

from alembic import op

from rackhand.store.ddl import split

revision = "0008"
down_revision = "0007"

_SQL_DIR = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    conn = op.get_bind()
    script = (_SQL_DIR / f"r{revision}_{conn.dialect.name}.sql").read_text(encoding="utf-8")
    for statement in split(script):
        conn.exec_driver_sql(statement)
