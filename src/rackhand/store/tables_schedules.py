"""Tables of playbooks that run by the clock: schedules, their sealed secrets, and what became of each due time."""

from sqlalchemy import Boolean, Integer, Table, Text

from rackhand.core.schedule import FiringState, Misfire, Overlap
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

schedules = Table(
    "schedules",
    metadata,
    workspace(),
    key("id", Text, "UUIDv7"),
    required("title", Text, "what people read"),
    required("playbook_id", Text, "what to run, in its current revision"),
    required("target", JsonText, "as in a run"),
    required("params", JsonText, "as in a run", "'{}'"),
    required("policy", JsonText, "as in a run", "'{}'"),
    required("cron", Text, "five fields"),
    required("time_zone", Text, "IANA name the cron expression is read in", "'UTC'"),
    required("misfire", Text, "what to do with a missed run", "'skip'"),
    required("is_enabled", Boolean, "whether it fires", "true"),
    optional("next_at", Time, "next due time"),
    optional("last_at", Time, "last time it fired"),
    optional("last_run_id", Text, "the run it made; retention may have removed it"),
    optional("last_error_message", Text, "why the last firing made no run"),
    required("created_at", Time, "when it was made"),
    required("overlap", Text, "what to do while a run of it is under way", "'skip'"),
    optional("rollout", JsonText, "as in a run"),
    optional("created_by", Text, "actor"),
    required("revision", Integer, "counts its changes, so that a replica that read it before claims nothing", "1"),
    to_workspace(),
    belongs_to("playbooks", ("playbook_id",)),
    one_of("misfire", Misfire),
    one_of("overlap", Overlap),
    index("ix_schedules_due", "next_at", where="is_enabled"),
    comment="playbooks that run by the clock",
)

schedule_secrets = Table(
    "schedule_secrets",
    metadata,
    workspace(),
    key("schedule_id", Text, "of which schedule"),
    key("name", Text, "what {{ secrets.name }} in the steps stands for"),
    required("sealed", Text, "the value, encrypted with the server's own key"),
    belongs_to("schedules", ("schedule_id",), cascade=True),
    comment="values that each run of a schedule gets a sealed copy of",
)

schedule_firings = Table(
    "schedule_firings",
    metadata,
    workspace(),
    key("schedule_id", Text, "of which schedule"),
    key("due_at", Time, "the time that the expression names"),
    required("state", Text, "see core.schedule.FiringState"),
    optional("run_id", Text, "the run it made; retention may have removed it"),
    optional("reason", Text, "why there is no run, or why it waits"),
    required("decided_at", Time, "when this was decided"),
    belongs_to("schedules", ("schedule_id",), cascade=True),
    one_of("state", FiringState),
    rule("run", "run_id IS NULL OR state = 'started'"),
    index("ix_schedule_firings_waiting", "schedule_id", "due_at", where="state = 'waiting'"),
    index("ix_schedule_firings_decided", "decided_at"),
    comment="one row per due time: its key is why no replica fires it twice",
)
