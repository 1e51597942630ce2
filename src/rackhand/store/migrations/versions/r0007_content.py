"""Content: its source with key and daily budget, claims and back-fill of channels, more of what is known of videos."""

from alembic import op

revision = "0007"
down_revision = "0006"

_TYPES = {
    "sqlite": {"json": "TEXT"},
    "postgresql": {"json": "JSONB"},
}
_AVAILABILITY = "availability IN ('public', 'unlisted', 'private', 'gone')"
_BACKFILL = "backfill_state IN ('running', 'done')"
_CHANNELS = (
    "handle TEXT",
    "interval_ms BIGINT CONSTRAINT ck_channels_interval_ms CHECK (interval_ms >= 1)",
    "claimed_until_at BIGINT",
    "failure_count INTEGER DEFAULT 0 NOT NULL CONSTRAINT ck_channels_failure_count CHECK (failure_count >= 0)",
    "upload_count BIGINT",
    f"backfill_state TEXT CONSTRAINT ck_channels_backfill_state CHECK ({_BACKFILL})",
    "backfill_token TEXT",
    "backfill_count INTEGER DEFAULT 0 NOT NULL CONSTRAINT ck_channels_backfill_count CHECK (backfill_count >= 0)",
)
_ITEMS = (
    "channel_title TEXT",
    "thumbnail_key TEXT",
    "is_embeddable BOOLEAN",
    "regions {json}",
    f"availability TEXT CONSTRAINT ck_content_items_availability CHECK ({_AVAILABILITY})",
    "tags {json} DEFAULT '[]' NOT NULL",
    "seen_at BIGINT",
    "archived_at BIGINT",
    "listed_at BIGINT DEFAULT 0 NOT NULL",
)
_INDEXES = (
    "ix_content_items_listed ON content_items (workspace_id, listed_at, id)",
    "ix_content_items_channel ON content_items (workspace_id, channel_id, published_at)",
    "ix_content_items_new ON content_items (workspace_id, created_at) WHERE seen_at IS NULL AND archived_at IS NULL",
    "ix_content_items_bare ON content_items (workspace_id, created_at) WHERE fetched_at IS NULL",
    "ix_source_answers_old ON source_answers (workspace_id, fetched_at)",
)


def _owned(table: str, *lines: str, key: str = "workspace_id") -> str:
    """A table of a workspace."""
    ends = (
        f"CONSTRAINT pk_{table} PRIMARY KEY ({key})",
        f"CONSTRAINT fk_{table}_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)",
    )
    return f"CREATE TABLE {table} (\n    " + ",\n    ".join(("workspace_id TEXT NOT NULL", *lines, *ends)) + "\n)"


_TABLES = (
    _owned(
        "content_sources",
        "sealed_key TEXT",
        "key_set_at BIGINT",
        "daily_units INTEGER DEFAULT 10000 NOT NULL",
        "blocked_until_at BIGINT",
        "blocked_reason TEXT",
        "failure_count INTEGER DEFAULT 0 NOT NULL",
        "CONSTRAINT ck_content_sources_daily_units CHECK (daily_units >= 0)",
        "CONSTRAINT ck_content_sources_failure_count CHECK (failure_count >= 0)",
    ),
    _owned(
        "quota_days",
        "day TEXT NOT NULL",
        "spent INTEGER DEFAULT 0 NOT NULL",
        "CONSTRAINT ck_quota_days_spent CHECK (spent >= 0)",
        key="workspace_id, day",
    ),
    _owned(
        "source_answers",
        "request TEXT NOT NULL",
        "etag TEXT NOT NULL",
        "body TEXT NOT NULL",
        "fetched_at BIGINT NOT NULL",
        key="workspace_id, request",
    ),
)
_COMMENTS = {
    "channels.handle": "as the source says, with its @",
    "channels.interval_ms": "how often, as planned last",
    "channels.claimed_until_at": "somebody synchronises it until then; NULL: nobody",
    "channels.failure_count": "failures in a row",
    "channels.upload_count": "uploads, as the source says",
    "channels.backfill_state": "how far older uploads are listed; NULL: not begun",
    "channels.backfill_token": "the page of the playlist that comes next",
    "channels.backfill_count": "older uploads that were listed",
    "content_items.channel_title": "as the source says",
    "content_items.thumbnail_key": "where our own copy of it is stored",
    "content_items.is_embeddable": "as the source says",
    "content_items.regions": "{allowed: [...]} or {blocked: [...]}; NULL: nothing is said",
    "content_items.availability": "as the source says; NULL: not known",
    "content_items.tags": "chosen by people",
    "content_items.seen_at": "when somebody saw it; NULL: new",
    "content_items.archived_at": "hidden from lists",
    "content_items.listed_at": "its place in lists: when registered, or published if that was long before",
    "content_sources.workspace_id": "tenant",
    "content_sources.sealed_key": "the API key, encrypted; NULL: there is none",
    "content_sources.key_set_at": "when the key was given",
    "content_sources.daily_units": "budget of calls a day",
    "content_sources.blocked_until_at": "no call before",
    "content_sources.blocked_reason": "why",
    "content_sources.failure_count": "failures in a row of the source as a whole",
    "quota_days.workspace_id": "tenant",
    "quota_days.day": "YYYY-MM-DD of Pacific time",
    "quota_days.spent": "units, taken before each call",
    "source_answers.workspace_id": "tenant",
    "source_answers.request": "endpoint and parameters, without the key",
    "source_answers.etag": "of the answer, '''' for none",
    "source_answers.body": "the answer",
    "source_answers.fetched_at": "when it was read, or found unchanged",
}
_TABLE_COMMENTS = {
    "content_sources": "the source of videos and channels: its key, its budget, and whether it answers",
    "quota_days": "what was spent of each day''s budget",
    "source_answers": "answers about single videos and channels: saving after a preview costs no second call",
}


def upgrade() -> None:
    conn = op.get_bind()
    types = _TYPES[conn.dialect.name]
    for table, columns in (("channels", _CHANNELS), ("content_items", _ITEMS)):
        for column in columns:
            conn.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {column.replace('{json}', types['json'])}")
    for statement in (*_TABLES, *(f"CREATE INDEX {index}" for index in _INDEXES)):
        conn.exec_driver_sql(statement)
    if conn.dialect.name == "postgresql":
        for table, comment in _TABLE_COMMENTS.items():
            conn.exec_driver_sql(f"COMMENT ON TABLE {table} IS '{comment}'")
        for column, comment in _COMMENTS.items():
            conn.exec_driver_sql(f"COMMENT ON COLUMN {column} IS '{comment}'")
