"""Tables of what people prepare: assets, files, playbooks, targets. Nothing here was executed."""

from sqlalchemy import BigInteger, Boolean, Integer, Table, Text

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

EFFECTS = ("repeatable", "once")

command_assets = Table(
    "command_assets",
    metadata,
    workspace(),
    key("id", Text, "UUIDv7"),
    required("revision", Integer, "+1 with every edit", "1"),
    required("title", Text, "what people read"),
    required("folder", Text, "path of the folder it is shown in, '' for none", "''"),
    required("kind", Text, "command kind, see DESIGN section 8"),
    required("params", JsonText, "parameters of the kind", "'{}'"),
    optional("default_timeout_ms", BigInteger, "per attempt; NULL: the policy's"),
    required("effect", Text, "once: never repeated by itself after an unknown outcome"),
    optional("sha256", Text, "the file it installs or pushes"),
    optional("archived_at", Time, "deleted for people; saved playbooks keep their copy"),
    required("created_at", Time, "when it was made"),
    required("updated_at", Time, "when it was last edited"),
    to_workspace(),
    belongs_to("files", ("sha256",), ("sha256",)),
    one_of("effect", EFFECTS),
    rule("revision", "revision >= 1"),
    rule("default_timeout_ms", "default_timeout_ms >= 1"),
    index("ix_command_assets_list", "title", "id", where="archived_at IS NULL"),
    index("ix_command_assets_file", "sha256", where="sha256 IS NOT NULL"),
    comment="reusable actions",
)

files = Table(
    "files",
    metadata,
    workspace(),
    key("sha256", Text, "hex digest of the content: the name it is stored under"),
    required("size", BigInteger, "bytes"),
    required("name", Text, "as uploaded first"),
    required("content_type", Text, "as uploaded first"),
    required("created_at", Time, "first upload"),
    to_workspace(),
    rule("size", "size >= 0"),
    comment="uploaded scripts and APKs, kept while an asset or a revision refers to them",
)

playbooks = Table(
    "playbooks",
    metadata,
    workspace(),
    key("id", Text, "UUIDv7"),
    required("title", Text, "title of the current revision"),
    required("revision", Integer, "the current revision", "1"),
    required("is_hidden", Boolean, "made for one ad hoc run; not listed", "false"),
    optional("archived_at", Time, "deleted for people; its runs keep their revision"),
    required("created_at", Time, "when it was made"),
    required("updated_at", Time, "when the current revision was saved"),
    optional("created_by", Text, "actor"),
    to_workspace(),
    rule("revision", "revision >= 1"),
    index("ix_playbooks_list", "title", "id", where="archived_at IS NULL AND NOT is_hidden"),
    comment="ordered steps over command assets; the steps are in the revisions",
)

playbook_revisions = Table(
    "playbook_revisions",
    metadata,
    workspace(),
    key("playbook_id", Text, "of which playbook"),
    key("revision", Integer, "counts from 1"),
    required("title", Text, "title in this revision"),
    required("steps", JsonText, "[{step_id, asset_id, asset_revision, kind, params, effect, ...}]: full copies"),
    required("created_at", Time, "when it was saved"),
    optional("created_by", Text, "actor"),
    belongs_to("playbooks", ("playbook_id",), cascade=True),
    rule("revision", "revision >= 1"),
    comment="immutable: editing an asset or a playbook changes no saved revision",
)

saved_targets = Table(
    "saved_targets",
    metadata,
    workspace(),
    key("name", Text, "chosen by people"),
    required("target", JsonText, "the target as in a run"),
    required("created_at", Time, "when it was saved"),
    to_workspace(),
    comment="targets saved by name",
)
