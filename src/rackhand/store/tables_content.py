"""Tables of content: registered videos, channels, their source with its daily budget, and answers kept for a while.

Only what the source's official API says is kept. Nothing here is needed to run a step: a run has its own copy.
"""

from sqlalchemy import BigInteger, Boolean, Integer, Table, Text, UniqueConstraint

from rackhand.store.metadata import (
    JsonText,
    Time,
    belongs_to,
    index,
    key,
    metadata,
    one_of,
    optional,
    required,
    rule,
    to_workspace,
    workspace,
)

BACKFILL_STATES = ("running", "done")
AVAILABILITIES = ("public", "unlisted", "private", "gone")

channels = Table(
    "channels",
    metadata,
    workspace(),
    key("id", Text, "UUIDv7"),
    required("external_id", Text, "id at the source"),
    required("title", Text, "as the source says"),
    optional("handle", Text, "as the source says, with its @"),
    optional("uploads_id", Text, "the playlist of its uploads"),
    optional("etag", Text, "of the last answer"),
    required("is_enabled", Boolean, "whether it is synchronised", "true"),
    optional("interval_ms", BigInteger, "how often, as planned last"),
    optional("next_sync_at", Time, "next due time"),
    optional("claimed_until_at", Time, "somebody synchronises it until then; NULL: nobody"),
    optional("last_sync_at", Time, "last good one"),
    required("failure_count", Integer, "failures in a row", "0"),
    optional("last_error_message", Text, "why the last one failed"),
    optional("upload_count", BigInteger, "uploads, as the source says"),
    optional("backfill_state", Text, "how far older uploads are listed; NULL: not begun"),
    optional("backfill_token", Text, "the page of the playlist that comes next"),
    required("backfill_count", Integer, "older uploads that were listed", "0"),
    required("created_at", Time, "when it was registered"),
    to_workspace(),
    UniqueConstraint("workspace_id", "external_id"),
    one_of("backfill_state", BACKFILL_STATES),
    rule("interval_ms", "interval_ms >= 1"),
    rule("failure_count", "failure_count >= 0"),
    rule("backfill_count", "backfill_count >= 0"),
    index("ix_channels_due", "next_sync_at", where="is_enabled"),
    comment="channels whose uploads are listed",
)

content_items = Table(
    "content_items",
    metadata,
    workspace(),
    key("id", Text, "UUIDv7"),
    required("external_id", Text, "id at the source"),
    required("url", Text, "where it can be opened"),
    optional("channel_id", Text, "NULL: registered by hand, or its channel is gone"),
    optional("channel_title", Text, "as the source says"),
    optional("title", Text, "as the source says"),
    optional("duration_ms", BigInteger, "length"),
    optional("thumbnail_url", Text, "as the source says"),
    optional("thumbnail_key", Text, "where our own copy of it is stored"),
    optional("published_at", Time, "as the source says"),
    optional("is_embeddable", Boolean, "as the source says"),
    optional("regions", JsonText, "{allowed: [...]} or {blocked: [...]}; NULL: nothing is said"),
    optional("availability", Text, "as the source says; NULL: not known"),
    required("tags", JsonText, "chosen by people", "'[]'"),
    optional("fetched_at", Time, "when the preview was read"),
    optional("etag", Text, "of the last answer"),
    optional("last_error_message", Text, "why there is no preview"),
    optional("seen_at", Time, "when somebody saw it; NULL: new"),
    optional("archived_at", Time, "hidden from lists"),
    required("listed_at", Time, "its place in lists: when registered, or published if that was long before", "0"),
    required("created_at", Time, "when it was registered"),
    to_workspace(),
    belongs_to("channels", ("channel_id",)),
    UniqueConstraint("workspace_id", "external_id"),
    one_of("availability", AVAILABILITIES),
    index("ix_content_items_list", "created_at", "id"),
    index("ix_content_items_listed", "listed_at", "id"),
    index("ix_content_items_channel", "channel_id", "published_at"),
    index("ix_content_items_new", "created_at", where="seen_at IS NULL AND archived_at IS NULL"),
    index("ix_content_items_bare", "created_at", where="fetched_at IS NULL"),
    comment="registered media with their preview",
)

content_sources = Table(
    "content_sources",
    metadata,
    workspace(),
    optional("sealed_key", Text, "the API key, encrypted; NULL: there is none"),
    optional("key_set_at", Time, "when the key was given"),
    required("daily_units", Integer, "budget of calls a day", "10000"),
    optional("blocked_until_at", Time, "no call before"),
    optional("blocked_reason", Text, "why"),
    required("failure_count", Integer, "failures in a row of the source as a whole", "0"),
    to_workspace(),
    rule("daily_units", "daily_units >= 0"),
    rule("failure_count", "failure_count >= 0"),
    comment="the source of videos and channels: its key, its budget, and whether it answers",
)

quota_days = Table(
    "quota_days",
    metadata,
    workspace(),
    key("day", Text, "YYYY-MM-DD of Pacific time"),
    required("spent", Integer, "units, taken before each call", "0"),
    to_workspace(),
    rule("spent", "spent >= 0"),
    comment="what was spent of each day's budget",
)

source_answers = Table(
    "source_answers",
    metadata,
    workspace(),
    key("request", Text, "endpoint and parameters, without the key"),
    required("etag", Text, "of the answer, '' for none"),
    required("body", Text, "the answer"),
    required("fetched_at", Time, "when it was read, or found unchanged"),
    to_workspace(),
    index("ix_source_answers_old", "fetched_at"),
    comment="answers about single videos and channels: saving after a preview costs no second call",
)
