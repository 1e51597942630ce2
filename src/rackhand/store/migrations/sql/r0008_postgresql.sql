DROP TABLE webhooks;

ALTER TABLE schedules ADD COLUMN overlap TEXT DEFAULT 'skip' NOT NULL
    CONSTRAINT ck_schedules_overlap CHECK (overlap IN ('skip', 'queue', 'allow'));

ALTER TABLE schedules ADD COLUMN rollout JSONB;

ALTER TABLE schedules ADD COLUMN created_by TEXT;

ALTER TABLE schedules ADD COLUMN revision INTEGER DEFAULT 1 NOT NULL;

CREATE TABLE notification_channels (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    kind TEXT NOT NULL,
    address TEXT NOT NULL,
    address_shown TEXT NOT NULL,
    secret TEXT,
    language TEXT DEFAULT 'en' NOT NULL,
    digest_s INTEGER DEFAULT 60 NOT NULL,
    is_enabled BOOLEAN DEFAULT true NOT NULL,
    told_at BIGINT,
    failure_count INTEGER DEFAULT 0 NOT NULL,
    succeeded_at BIGINT,
    last_error_message TEXT,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    CONSTRAINT pk_notification_channels PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_notification_channels_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT ck_notification_channels_kind CHECK (kind IN ('webhook', 'apprise')),
    CONSTRAINT ck_notification_channels_language CHECK (language IN ('en', 'ko')),
    CONSTRAINT ck_notification_channels_digest_s CHECK (digest_s >= 0),
    CONSTRAINT ck_notification_channels_secret CHECK ((secret IS NOT NULL) = (kind = 'webhook'))
);

COMMENT ON TABLE notification_channels IS 'where people are told of what happens';

COMMENT ON COLUMN notification_channels.workspace_id IS 'tenant';

COMMENT ON COLUMN notification_channels.id IS 'UUIDv7';

COMMENT ON COLUMN notification_channels.title IS 'what people read';

COMMENT ON COLUMN notification_channels.kind IS 'webhook, or apprise: chat and e-mail';

COMMENT ON COLUMN notification_channels.address IS 'where to, encrypted: it may hold a password';

COMMENT ON COLUMN notification_channels.address_shown IS 'as much of it as everybody may see';

COMMENT ON COLUMN notification_channels.secret IS 'signs the body of a webhook, encrypted';

COMMENT ON COLUMN notification_channels.language IS 'of the sentences';

COMMENT ON COLUMN notification_channels.digest_s IS 'at most one message in so many seconds; more is gathered';

COMMENT ON COLUMN notification_channels.is_enabled IS 'whether it is told';

COMMENT ON COLUMN notification_channels.told_at IS 'when the last message was made';

COMMENT ON COLUMN notification_channels.failure_count IS 'tries that failed in a row';

COMMENT ON COLUMN notification_channels.succeeded_at IS 'last good try';

COMMENT ON COLUMN notification_channels.last_error_message IS 'why the last try failed; NULL after a good one';

COMMENT ON COLUMN notification_channels.created_at IS 'when it was made';

COMMENT ON COLUMN notification_channels.created_by IS 'actor';

CREATE TABLE happenings (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    at BIGINT NOT NULL,
    subject TEXT NOT NULL,
    path TEXT NOT NULL,
    data JSONB DEFAULT '{}' NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_happenings PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_happenings_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT ck_happenings_kind CHECK (kind IN ('run_failed', 'run_partial', 'node_silent', 'device_quarantined', 'new_video', 'quota_low', 'test')),
    CONSTRAINT uq_happenings_workspace_id_kind_key UNIQUE (workspace_id, kind, key)
);

COMMENT ON TABLE happenings IS 'what a rule wants to be told of; each thing once';

COMMENT ON COLUMN happenings.workspace_id IS 'tenant';

COMMENT ON COLUMN happenings.id IS 'UUIDv7';

COMMENT ON COLUMN happenings.kind IS 'see core.happenings.Happening';

COMMENT ON COLUMN happenings.key IS 'the same thing has the same key';

COMMENT ON COLUMN happenings.at IS 'when it happened';

COMMENT ON COLUMN happenings.subject IS 'such as run:<id> or node:PC-01';

COMMENT ON COLUMN happenings.path IS 'the page that shows it';

COMMENT ON COLUMN happenings.data IS 'the values of its sentence';

COMMENT ON COLUMN happenings.created_at IS 'when it was found';

CREATE TABLE notification_rules (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    kinds JSONB NOT NULL,
    channel_id TEXT NOT NULL,
    is_enabled BOOLEAN DEFAULT true NOT NULL,
    since_at BIGINT NOT NULL,
    created_by TEXT,
    CONSTRAINT pk_notification_rules PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_notification_rules_workspace_id_channel_id FOREIGN KEY(workspace_id, channel_id) REFERENCES notification_channels (workspace_id, id) ON DELETE CASCADE
);

COMMENT ON TABLE notification_rules IS 'what is told, and where';

COMMENT ON COLUMN notification_rules.workspace_id IS 'tenant';

COMMENT ON COLUMN notification_rules.id IS 'UUIDv7';

COMMENT ON COLUMN notification_rules.title IS 'what people read';

COMMENT ON COLUMN notification_rules.kinds IS 'kinds of happenings, see core.happenings';

COMMENT ON COLUMN notification_rules.channel_id IS 'where to';

COMMENT ON COLUMN notification_rules.is_enabled IS 'whether it holds';

COMMENT ON COLUMN notification_rules.since_at IS 'what happened earlier is not told: when it was made or switched on';

COMMENT ON COLUMN notification_rules.created_by IS 'actor';

CREATE TABLE deliveries (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    state TEXT NOT NULL,
    is_test BOOLEAN DEFAULT false NOT NULL,
    happening_count INTEGER NOT NULL,
    attempt INTEGER DEFAULT 0 NOT NULL,
    next_at BIGINT,
    status_code INTEGER,
    last_error_message TEXT,
    answer TEXT,
    created_at BIGINT NOT NULL,
    tried_at BIGINT,
    finished_at BIGINT,
    CONSTRAINT pk_deliveries PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_deliveries_workspace_id_channel_id FOREIGN KEY(workspace_id, channel_id) REFERENCES notification_channels (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_deliveries_state CHECK (state IN ('due', 'sending', 'delivered', 'given_up')),
    CONSTRAINT ck_deliveries_next_at CHECK ((next_at IS NOT NULL) = (state IN ('due', 'sending'))),
    CONSTRAINT ck_deliveries_finished_at CHECK ((finished_at IS NOT NULL) = (state IN ('delivered', 'given_up')))
);

COMMENT ON TABLE deliveries IS 'messages and their tries';

COMMENT ON COLUMN deliveries.workspace_id IS 'tenant';

COMMENT ON COLUMN deliveries.id IS 'UUIDv7; the same in every try, and told to the receiver';

COMMENT ON COLUMN deliveries.channel_id IS 'where to';

COMMENT ON COLUMN deliveries.state IS 'see core.delivery.DeliveryState';

COMMENT ON COLUMN deliveries.is_test IS 'sent by the test button';

COMMENT ON COLUMN deliveries.happening_count IS 'what it tells of, at least';

COMMENT ON COLUMN deliveries.attempt IS 'tries so far since it was made or sent again';

COMMENT ON COLUMN deliveries.next_at IS 'when it is tried; the end of the claim while it is sent';

COMMENT ON COLUMN deliveries.status_code IS 'of the last answer of a webhook';

COMMENT ON COLUMN deliveries.last_error_message IS 'why the last try failed';

COMMENT ON COLUMN deliveries.answer IS 'the beginning of the last answer';

COMMENT ON COLUMN deliveries.created_at IS 'when it was made';

COMMENT ON COLUMN deliveries.tried_at IS 'the last try';

COMMENT ON COLUMN deliveries.finished_at IS 'when it was delivered or given up';

COMMENT ON COLUMN schedules.overlap IS 'what to do while a run of it is under way';

COMMENT ON COLUMN schedules.rollout IS 'as in a run';

COMMENT ON COLUMN schedules.created_by IS 'actor';

COMMENT ON COLUMN schedules.revision IS 'counts its changes, so that a replica that read it before claims nothing';

CREATE TABLE notices (
    workspace_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    happening_id TEXT NOT NULL,
    delivery_id TEXT,
    CONSTRAINT pk_notices PRIMARY KEY (workspace_id, channel_id, happening_id),
    CONSTRAINT fk_notices_workspace_id_channel_id FOREIGN KEY(workspace_id, channel_id) REFERENCES notification_channels (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_notices_workspace_id_happening_id FOREIGN KEY(workspace_id, happening_id) REFERENCES happenings (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_notices_workspace_id_delivery_id FOREIGN KEY(workspace_id, delivery_id) REFERENCES deliveries (workspace_id, id) ON DELETE CASCADE
);

COMMENT ON TABLE notices IS 'who is told of what; each happening once per channel';

COMMENT ON COLUMN notices.workspace_id IS 'tenant';

COMMENT ON COLUMN notices.channel_id IS 'whom to tell';

COMMENT ON COLUMN notices.happening_id IS 'of what';

COMMENT ON COLUMN notices.delivery_id IS 'in which message; NULL: in none yet';

CREATE TABLE schedule_secrets (
    workspace_id TEXT NOT NULL,
    schedule_id TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    CONSTRAINT pk_schedule_secrets PRIMARY KEY (workspace_id, schedule_id, name),
    CONSTRAINT fk_schedule_secrets_workspace_id_schedule_id FOREIGN KEY(workspace_id, schedule_id) REFERENCES schedules (workspace_id, id) ON DELETE CASCADE
);

COMMENT ON TABLE schedule_secrets IS 'values that each run of a schedule gets a sealed copy of';

COMMENT ON COLUMN schedule_secrets.workspace_id IS 'tenant';

COMMENT ON COLUMN schedule_secrets.schedule_id IS 'of which schedule';

COMMENT ON COLUMN schedule_secrets.name IS 'what {{ secrets.name }} in the steps stands for';

COMMENT ON COLUMN schedule_secrets.sealed IS 'the value, encrypted with the server''s own key';

CREATE TABLE schedule_firings (
    workspace_id TEXT NOT NULL,
    schedule_id TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    run_id TEXT,
    reason TEXT,
    decided_at BIGINT NOT NULL,
    CONSTRAINT pk_schedule_firings PRIMARY KEY (workspace_id, schedule_id, due_at),
    CONSTRAINT fk_schedule_firings_workspace_id_schedule_id FOREIGN KEY(workspace_id, schedule_id) REFERENCES schedules (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_schedule_firings_state CHECK (state IN ('started', 'waiting', 'skipped', 'missed', 'failed')),
    CONSTRAINT ck_schedule_firings_run CHECK (run_id IS NULL OR state = 'started')
);

COMMENT ON TABLE schedule_firings IS 'one row per due time: its key is why no replica fires it twice';

COMMENT ON COLUMN schedule_firings.workspace_id IS 'tenant';

COMMENT ON COLUMN schedule_firings.schedule_id IS 'of which schedule';

COMMENT ON COLUMN schedule_firings.due_at IS 'the time that the expression names';

COMMENT ON COLUMN schedule_firings.state IS 'see core.schedule.FiringState';

COMMENT ON COLUMN schedule_firings.run_id IS 'the run it made; retention may have removed it';

COMMENT ON COLUMN schedule_firings.reason IS 'why there is no run, or why it waits';

COMMENT ON COLUMN schedule_firings.decided_at IS 'when this was decided';

CREATE INDEX ix_deliveries_channel ON deliveries (workspace_id, channel_id, created_at, id);

CREATE INDEX ix_deliveries_created ON deliveries (workspace_id, created_at);

CREATE INDEX ix_deliveries_due ON deliveries (workspace_id, next_at) WHERE state IN ('due', 'sending');

CREATE INDEX ix_happenings_created ON happenings (workspace_id, created_at);

CREATE INDEX ix_notices_delivery ON notices (workspace_id, delivery_id) WHERE delivery_id IS NOT NULL;

CREATE INDEX ix_notices_happening ON notices (workspace_id, happening_id);

CREATE INDEX ix_notices_open ON notices (workspace_id, channel_id, happening_id) WHERE delivery_id IS NULL;

CREATE INDEX ix_notification_rules_channel ON notification_rules (workspace_id, channel_id);

CREATE INDEX ix_runs_unhappy ON runs (workspace_id, finished_at) WHERE status IN ('failed', 'partial');

CREATE INDEX ix_schedule_firings_decided ON schedule_firings (workspace_id, decided_at);

CREATE INDEX ix_schedule_firings_waiting ON schedule_firings (workspace_id, schedule_id, due_at) WHERE state = 'waiting';
