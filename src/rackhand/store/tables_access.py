"""Tables of who may do what and who did it: people, tokens, sessions, audit, idempotency. Secrets as hashes."""

from sqlalchemy import Boolean, Integer, Table, Text, UniqueConstraint

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
    to_workspace,
    workspace,
)

ROLES = ("viewer", "operator", "admin")
SCOPES = ("full", "read", "runs")
IDEMPOTENCY_STATES = ("in_flight", "done")

users = Table(
    "users",
    metadata,
    workspace(),
    key("id", Text, "UUIDv7"),
    required("name", Text, "login name"),
    required("name_key", Text, "the name in NFKC, case folded: two people never have the same"),
    optional("password_hash", Text, "argon2; NULL until the person has set one"),
    optional("locale", Text, "language of the pages; NULL: what the browser asks for"),
    required("is_active", Boolean, "whether the person may log in", "true"),
    optional("last_login_at", Time, "last login"),
    required("created_at", Time, "when it was made"),
    to_workspace(),
    UniqueConstraint("workspace_id", "name_key"),
    comment="people",
)

memberships = Table(
    "memberships",
    metadata,
    workspace(),
    key("user_id", Text, "who"),
    required("role", Text, "viewer, operator or admin"),
    required("created_at", Time, "since when"),
    belongs_to("users", ("user_id",), cascade=True),
    one_of("role", ROLES),
    comment="what a person may do in the workspace",
)

identities = Table(
    "identities",
    metadata,
    workspace(),
    key("issuer", Text, "the provider's address, as its tokens say"),
    key("subject", Text, "the person's id there; never used for somebody else"),
    required("user_id", Text, "who it is here"),
    required("created_at", Time, "first login"),
    required("last_login_at", Time, "last login"),
    belongs_to("users", ("user_id",), cascade=True),
    index("ix_identities_user", "user_id"),
    comment="people as an OpenID Connect provider knows them",
)

api_tokens = Table(
    "api_tokens",
    metadata,
    workspace(),
    key("id", Text, "UUIDv7"),
    required("token_hash", Text, "SHA-256 of the token"),
    required("name", Text, "what it is for"),
    required("role", Text, "viewer, operator or admin"),
    required("scope", Text, "what of the role it may use: full, read or runs", "'full'"),
    optional("user_id", Text, "whose it is; NULL for automation"),
    required("created_at", Time, "when it was made"),
    optional("created_by", Text, "actor"),
    optional("expires_at", Time, "until when it is valid"),
    optional("last_used_at", Time, "written at most once a minute"),
    optional("revoked_at", Time, "since when it is not valid"),
    to_workspace(),
    belongs_to("users", ("user_id",), cascade=True),
    UniqueConstraint("token_hash"),
    one_of("role", ROLES),
    one_of("scope", SCOPES),
    comment="bearer tokens of people and of automation",
)

sessions = Table(
    "sessions",
    metadata,
    workspace(),
    key("id_hash", Text, "SHA-256 of the cookie's value"),
    required("user_id", Text, "who"),
    required("csrf_hash", Text, "SHA-256 of the form token"),
    required("created_at", Time, "login"),
    required("last_used_at", Time, "written at most once a minute"),
    required("expires_at", Time, "until when it is valid"),
    optional("user_agent", Text, "the browser, for the person's list of sessions"),
    optional("remote_addr", Text, "from where"),
    belongs_to("users", ("user_id",), cascade=True),
    index("ix_sessions_expiry", "expires_at"),
    index("ix_sessions_user", "user_id"),
    comment="logged-in browsers",
)

login_links = Table(
    "login_links",
    metadata,
    workspace(),
    key("id_hash", Text, "SHA-256 of the secret in the link"),
    required("user_id", Text, "whom it logs in, once: the row goes when it is used"),
    required("created_at", Time, "when it was made"),
    required("expires_at", Time, "until when it is valid"),
    belongs_to("users", ("user_id",), cascade=True),
    comment="one-time links for logging in without a password",
)

audit_log = Table(
    "audit_log",
    metadata,
    workspace(),
    key("id", Text, "UUIDv7"),
    required("at", Time, "when"),
    required("actor", Text, "user, token or node, such as user:kim"),
    required("action", Text, "such as run.create"),
    optional("subject", Text, "such as run:0190..."),
    required("detail", JsonText, "what exactly, without secrets", "'{}'"),
    optional("remote_addr", Text, "from where"),
    to_workspace(),
    index("ix_audit_log_list", "at", "id"),
    index("ix_audit_log_subject", "subject", "at"),
    index("ix_audit_log_actor", "actor", "at"),
    comment="append-only, triggers see to it: who did what",
)

audit_retention = Table(
    "audit_retention",
    metadata,
    workspace(),
    required("kept_from", Time, "rows of audit_log from before this may be deleted; without a row here, none"),
    to_workspace(),
    comment="the mark that retention moves before it deletes from audit_log",
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    workspace(),
    key("scope", Text, "credential and route"),
    key("key", Text, "the Idempotency-Key header"),
    required("request_hash", Text, "SHA-256 of the body; another body is refused"),
    required("state", Text, "in_flight or done"),
    optional("status", Integer, "HTTP status to replay"),
    optional("body", Text, "answer to replay"),
    required("created_at", Time, "kept for 24 h"),
    to_workspace(),
    one_of("state", IDEMPOTENCY_STATES),
    index("ix_idempotency_keys_age", "created_at"),
    comment="answers to requests that may be sent again",
)
