DROP TABLE webhooks;

ALTER TABLE schedules ADD COLUMN overlap TEXT DEFAULT 'skip' NOT NULL
    CONSTRAINT ck_schedules_overlap CHECK (overlap IN ('skip', 'queue', 'allow'));

ALTER TABLE schedules ADD COLUMN rollout TEXT;

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

CREATE TABLE happenings (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    "key" TEXT NOT NULL,
    at BIGINT NOT NULL,
    subject TEXT NOT NULL,
    path TEXT NOT NULL,
    data TEXT DEFAULT '{}' NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_happenings PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_happenings_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT ck_happenings_kind CHECK (kind IN ('run_failed', 'run_partial', 'node_silent', 'device_quarantined', 'new_video', 'quota_low', 'test')),
    CONSTRAINT uq_happenings_workspace_id_kind_key UNIQUE (workspace_id, kind, "key")
);

CREATE TABLE notification_rules (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    kinds TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    is_enabled BOOLEAN DEFAULT true NOT NULL,
    since_at BIGINT NOT NULL,
    created_by TEXT,
    CONSTRAINT pk_notification_rules PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_notification_rules_workspace_id_channel_id FOREIGN KEY(workspace_id, channel_id) REFERENCES notification_channels (workspace_id, id) ON DELETE CASCADE
);

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

CREATE TABLE schedule_secrets (
    workspace_id TEXT NOT NULL,
    schedule_id TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    CONSTRAINT pk_schedule_secrets PRIMARY KEY (workspace_id, schedule_id, name),
    CONSTRAINT fk_schedule_secrets_workspace_id_schedule_id FOREIGN KEY(workspace_id, schedule_id) REFERENCES schedules (workspace_id, id) ON DELETE CASCADE
);

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
