"""Tables of telling people: where to, of what, what happened, and each message with its tries."""

from sqlalchemy import Boolean, Integer, Table, Text, UniqueConstraint

from rackhand.core.delivery import DeliveryState
from rackhand.core.happenings import Happening
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

CHANNEL_KINDS = ("webhook", "apprise")
LANGUAGES = ("en", "ko")

notification_channels = Table(
    "notification_channels",
    metadata,
    workspace(),
    key("id", Text, "UUIDv7"),
    required("title", Text, "what people read"),
    required("kind", Text, "webhook, or apprise: chat and e-mail"),
    required("address", Text, "where to, encrypted: it may hold a password"),
    required("address_shown", Text, "as much of it as everybody may see"),
    optional("secret", Text, "signs the body of a webhook, encrypted"),
    required("language", Text, "of the sentences", "'en'"),
    required("digest_s", Integer, "at most one message in so many seconds; more is gathered", "60"),
    required("is_enabled", Boolean, "whether it is told", "true"),
    optional("told_at", Time, "when the last message was made"),
    required("failure_count", Integer, "tries that failed in a row", "0"),
    optional("succeeded_at", Time, "last good try"),
    optional("last_error_message", Text, "why the last try failed; NULL after a good one"),
    required("created_at", Time, "when it was made"),
    optional("created_by", Text, "actor"),
    to_workspace(),
    one_of("kind", CHANNEL_KINDS),
    one_of("language", LANGUAGES),
    rule("digest_s", "digest_s >= 0"),
    rule("secret", "(secret IS NOT NULL) = (kind = 'webhook')"),
    comment="where people are told of what happens",
)

notification_rules = Table(
    "notification_rules",
    metadata,
    workspace(),
    key("id", Text, "UUIDv7"),
    required("title", Text, "what people read"),
    required("kinds", JsonText, "kinds of happenings, see core.happenings"),
    required("channel_id", Text, "where to"),
    required("is_enabled", Boolean, "whether it holds", "true"),
    required("since_at", Time, "what happened earlier is not told: when it was made or switched on"),
    optional("created_by", Text, "actor"),
    belongs_to("notification_channels", ("channel_id",), cascade=True),
    index("ix_notification_rules_channel", "channel_id"),
    comment="what is told, and where",
)

happenings = Table(
    "happenings",
    metadata,
    workspace(),
    key("id", Text, "UUIDv7"),
    required("kind", Text, "see core.happenings.Happening"),
    required("key", Text, "the same thing has the same key"),
    required("at", Time, "when it happened"),
    required("subject", Text, "such as run:<id> or node:PC-01"),
    required("path", Text, "the page that shows it"),
    required("data", JsonText, "the values of its sentence", "'{}'"),
    required("created_at", Time, "when it was found"),
    to_workspace(),
    one_of("kind", Happening),
    UniqueConstraint("workspace_id", "kind", "key"),
    index("ix_happenings_created", "created_at"),
    comment="what a rule wants to be told of; each thing once",
)

deliveries = Table(
    "deliveries",
    metadata,
    workspace(),
    key("id", Text, "UUIDv7; the same in every try, and told to the receiver"),
    required("channel_id", Text, "where to"),
    required("state", Text, "see core.delivery.DeliveryState"),
    required("is_test", Boolean, "sent by the test button", "false"),
    required("happening_count", Integer, "what it tells of, at least"),
    required("attempt", Integer, "tries so far since it was made or sent again", "0"),
    optional("next_at", Time, "when it is tried; the end of the claim while it is sent"),
    optional("status_code", Integer, "of the last answer of a webhook"),
    optional("last_error_message", Text, "why the last try failed"),
    optional("answer", Text, "the beginning of the last answer"),
    required("created_at", Time, "when it was made"),
    optional("tried_at", Time, "the last try"),
    optional("finished_at", Time, "when it was delivered or given up"),
    belongs_to("notification_channels", ("channel_id",), cascade=True),
    one_of("state", DeliveryState),
    rule("next_at", "(next_at IS NOT NULL) = (state IN ('due', 'sending'))"),
    rule("finished_at", "(finished_at IS NOT NULL) = (state IN ('delivered', 'given_up'))"),
    index("ix_deliveries_due", "next_at", where="state IN ('due', 'sending')"),
    index("ix_deliveries_channel", "channel_id", "created_at", "id"),
    index("ix_deliveries_created", "created_at"),
    comment="messages and their tries",
)

notices = Table(
    "notices",
    metadata,
    workspace(),
    key("channel_id", Text, "whom to tell"),
    key("happening_id", Text, "of what"),
    optional("delivery_id", Text, "in which message; NULL: in none yet"),
    belongs_to("notification_channels", ("channel_id",), cascade=True),
    belongs_to("happenings", ("happening_id",), cascade=True),
    belongs_to("deliveries", ("delivery_id",), cascade=True),
    index("ix_notices_open", "channel_id", "happening_id", where="delivery_id IS NULL"),
    index("ix_notices_happening", "happening_id"),
    index("ix_notices_delivery", "delivery_id", where="delivery_id IS NOT NULL"),
    comment="who is told of what; each happening once per channel",
)
