CREATE TABLE workspaces (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    fleet_rev BIGINT DEFAULT 0 NOT NULL,
    layout BIGINT DEFAULT 0 NOT NULL,
    settings TEXT DEFAULT '{}' NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_workspaces PRIMARY KEY (id)
);

CREATE TABLE sweeps (
    workspace_id TEXT NOT NULL,
    last_sweep_at BIGINT,
    resumed_at BIGINT,
    CONSTRAINT pk_sweeps PRIMARY KEY (workspace_id),
    CONSTRAINT fk_sweeps_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);

CREATE TABLE fleet_hours (
    workspace_id TEXT NOT NULL,
    hour_at BIGINT NOT NULL,
    devices INTEGER NOT NULL,
    online INTEGER NOT NULL,
    attention INTEGER NOT NULL,
    CONSTRAINT pk_fleet_hours PRIMARY KEY (workspace_id, hour_at),
    CONSTRAINT fk_fleet_hours_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);

CREATE TABLE nodes (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    token_hash TEXT NOT NULL,
    agent_version TEXT,
    adb_version TEXT,
    capacity INTEGER DEFAULT 32 NOT NULL,
    state TEXT DEFAULT 'active' NOT NULL,
    is_online BOOLEAN DEFAULT false NOT NULL,
    last_seen_at BIGINT,
    last_error_message TEXT,
    rev BIGINT DEFAULT 0 NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_nodes PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_nodes_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT uq_nodes_token_hash UNIQUE (token_hash),
    CONSTRAINT ck_nodes_state CHECK (state IN ('active', 'draining')),
    CONSTRAINT ck_nodes_capacity CHECK (capacity >= 1)
);

CREATE TABLE device_conflicts (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    serial TEXT NOT NULL,
    kind TEXT NOT NULL,
    node_id TEXT NOT NULL,
    sightings TEXT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    resolved_at BIGINT,
    resolved_by TEXT,
    CONSTRAINT pk_device_conflicts PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_device_conflicts_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT ck_device_conflicts_kind CHECK (kind IN ('same_node', 'two_nodes'))
);

CREATE TABLE users (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    password_hash TEXT,
    locale TEXT,
    is_active BOOLEAN DEFAULT true NOT NULL,
    last_login_at BIGINT,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_users PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_users_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT uq_users_workspace_id_name_key UNIQUE (workspace_id, name_key)
);

CREATE TABLE audit_log (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT,
    detail TEXT DEFAULT '{}' NOT NULL,
    remote_addr TEXT,
    CONSTRAINT pk_audit_log PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_audit_log_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);

CREATE TABLE idempotency_keys (
    workspace_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    "key" TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    state TEXT NOT NULL,
    status INTEGER,
    body TEXT,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (workspace_id, scope, "key"),
    CONSTRAINT fk_idempotency_keys_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT ck_idempotency_keys_state CHECK (state IN ('in_flight', 'done'))
);

CREATE TABLE files (
    workspace_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_files PRIMARY KEY (workspace_id, sha256),
    CONSTRAINT fk_files_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT ck_files_size CHECK (size >= 0)
);

CREATE TABLE playbooks (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    revision INTEGER DEFAULT 1 NOT NULL,
    is_hidden BOOLEAN DEFAULT false NOT NULL,
    archived_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    created_by TEXT,
    CONSTRAINT pk_playbooks PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_playbooks_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT ck_playbooks_revision CHECK (revision >= 1)
);

CREATE TABLE saved_targets (
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    target TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_saved_targets PRIMARY KEY (workspace_id, name),
    CONSTRAINT fk_saved_targets_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);

CREATE TABLE channels (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    external_id TEXT NOT NULL,
    title TEXT NOT NULL,
    uploads_id TEXT,
    etag TEXT,
    is_enabled BOOLEAN DEFAULT true NOT NULL,
    next_sync_at BIGINT,
    last_sync_at BIGINT,
    last_error_message TEXT,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_channels PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_channels_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT uq_channels_workspace_id_external_id UNIQUE (workspace_id, external_id)
);

CREATE TABLE webhooks (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    events TEXT DEFAULT '[]' NOT NULL,
    is_enabled BOOLEAN DEFAULT true NOT NULL,
    failure_count INTEGER DEFAULT 0 NOT NULL,
    next_try_at BIGINT,
    last_error_message TEXT,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_webhooks PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_webhooks_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);

CREATE TABLE events (
    workspace_id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    run_id TEXT,
    lease_token TEXT,
    verdict TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    CONSTRAINT pk_events PRIMARY KEY (workspace_id, node_id, event_id),
    CONSTRAINT fk_events_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT ck_events_verdict CHECK (verdict IN ('accepted', 'late', 'stale', 'invalid'))
)
 WITHOUT ROWID;

CREATE TABLE devices (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    node_id TEXT,
    index_no INTEGER,
    serial TEXT NOT NULL,
    runtime_handle TEXT,
    transport TEXT,
    usb_path TEXT,
    label TEXT,
    labels TEXT DEFAULT '{}' NOT NULL,
    model TEXT,
    os_version TEXT,
    battery INTEGER,
    temperature_c DOUBLE,
    storage_free_mb BIGINT,
    adb_state TEXT,
    health TEXT,
    is_simulated BOOLEAN DEFAULT false NOT NULL,
    is_online BOOLEAN DEFAULT false NOT NULL,
    activity SMALLINT DEFAULT 0 NOT NULL,
    activity_run_id TEXT,
    activity_at BIGINT,
    quarantined_at BIGINT,
    quarantine_reason TEXT,
    last_seen_at BIGINT,
    last_probe_at BIGINT,
    last_error_message TEXT,
    rev BIGINT DEFAULT 0 NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_devices PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_devices_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT fk_devices_workspace_id_node_id FOREIGN KEY(workspace_id, node_id) REFERENCES nodes (workspace_id, id),
    CONSTRAINT uq_devices_workspace_id_index_no UNIQUE (workspace_id, index_no),
    CONSTRAINT uq_devices_workspace_id_serial UNIQUE (workspace_id, serial),
    CONSTRAINT ck_devices_index_no CHECK (index_no >= 1),
    CONSTRAINT ck_devices_activity CHECK (activity BETWEEN 0 AND 4),
    CONSTRAINT ck_devices_battery CHECK (battery BETWEEN 0 AND 100)
);

CREATE TABLE unidentified_transports (
    workspace_id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    runtime_handle TEXT NOT NULL,
    adb_state TEXT,
    last_error_message TEXT,
    last_seen_at BIGINT NOT NULL,
    CONSTRAINT pk_unidentified_transports PRIMARY KEY (workspace_id, node_id, runtime_handle),
    CONSTRAINT fk_unidentified_transports_workspace_id_node_id FOREIGN KEY(workspace_id, node_id) REFERENCES nodes (workspace_id, id) ON DELETE CASCADE
);

CREATE TABLE scan_jobs (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    parent_id TEXT,
    node_id TEXT,
    status TEXT NOT NULL,
    progress INTEGER DEFAULT 0 NOT NULL,
    total INTEGER,
    found INTEGER DEFAULT 0 NOT NULL,
    added INTEGER DEFAULT 0 NOT NULL,
    error_message TEXT,
    deadline_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    delivered_at BIGINT,
    started_at BIGINT,
    finished_at BIGINT,
    CONSTRAINT pk_scan_jobs PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_scan_jobs_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT fk_scan_jobs_workspace_id_parent_id FOREIGN KEY(workspace_id, parent_id) REFERENCES scan_jobs (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_scan_jobs_workspace_id_node_id FOREIGN KEY(workspace_id, node_id) REFERENCES nodes (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_scan_jobs_status CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'timed_out'))
);

CREATE TABLE memberships (
    workspace_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_memberships PRIMARY KEY (workspace_id, user_id),
    CONSTRAINT fk_memberships_workspace_id_user_id FOREIGN KEY(workspace_id, user_id) REFERENCES users (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_memberships_role CHECK (role IN ('viewer', 'operator', 'admin'))
);

CREATE TABLE api_tokens (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    token_hash TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    user_id TEXT,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT,
    CONSTRAINT pk_api_tokens PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_api_tokens_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT fk_api_tokens_workspace_id_user_id FOREIGN KEY(workspace_id, user_id) REFERENCES users (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT uq_api_tokens_token_hash UNIQUE (token_hash),
    CONSTRAINT ck_api_tokens_role CHECK (role IN ('viewer', 'operator', 'admin'))
);

CREATE TABLE sessions (
    workspace_id TEXT NOT NULL,
    id_hash TEXT NOT NULL,
    user_id TEXT NOT NULL,
    csrf_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    user_agent TEXT,
    remote_addr TEXT,
    CONSTRAINT pk_sessions PRIMARY KEY (workspace_id, id_hash),
    CONSTRAINT fk_sessions_workspace_id_user_id FOREIGN KEY(workspace_id, user_id) REFERENCES users (workspace_id, id) ON DELETE CASCADE
);

CREATE TABLE login_links (
    workspace_id TEXT NOT NULL,
    id_hash TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT pk_login_links PRIMARY KEY (workspace_id, id_hash),
    CONSTRAINT fk_login_links_workspace_id_user_id FOREIGN KEY(workspace_id, user_id) REFERENCES users (workspace_id, id) ON DELETE CASCADE
);

CREATE TABLE command_assets (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER DEFAULT 1 NOT NULL,
    title TEXT NOT NULL,
    folder TEXT DEFAULT '' NOT NULL,
    kind TEXT NOT NULL,
    params TEXT DEFAULT '{}' NOT NULL,
    default_timeout_ms BIGINT,
    effect TEXT NOT NULL,
    sha256 TEXT,
    archived_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT pk_command_assets PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_command_assets_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT fk_command_assets_workspace_id_sha256 FOREIGN KEY(workspace_id, sha256) REFERENCES files (workspace_id, sha256),
    CONSTRAINT ck_command_assets_effect CHECK (effect IN ('repeatable', 'once')),
    CONSTRAINT ck_command_assets_revision CHECK (revision >= 1),
    CONSTRAINT ck_command_assets_default_timeout_ms CHECK (default_timeout_ms >= 1)
);

CREATE TABLE playbook_revisions (
    workspace_id TEXT NOT NULL,
    playbook_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    title TEXT NOT NULL,
    steps TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    CONSTRAINT pk_playbook_revisions PRIMARY KEY (workspace_id, playbook_id, revision),
    CONSTRAINT fk_playbook_revisions_workspace_id_playbook_id FOREIGN KEY(workspace_id, playbook_id) REFERENCES playbooks (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_playbook_revisions_revision CHECK (revision >= 1)
);

CREATE TABLE schedules (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    playbook_id TEXT NOT NULL,
    target TEXT NOT NULL,
    params TEXT DEFAULT '{}' NOT NULL,
    policy TEXT DEFAULT '{}' NOT NULL,
    cron TEXT NOT NULL,
    time_zone TEXT DEFAULT 'UTC' NOT NULL,
    misfire TEXT DEFAULT 'skip' NOT NULL,
    is_enabled BOOLEAN DEFAULT true NOT NULL,
    next_at BIGINT,
    last_at BIGINT,
    last_run_id TEXT,
    last_error_message TEXT,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_schedules PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_schedules_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT fk_schedules_workspace_id_playbook_id FOREIGN KEY(workspace_id, playbook_id) REFERENCES playbooks (workspace_id, id),
    CONSTRAINT ck_schedules_misfire CHECK (misfire IN ('skip', 'once'))
);

CREATE TABLE content_items (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    external_id TEXT NOT NULL,
    url TEXT NOT NULL,
    channel_id TEXT,
    title TEXT,
    duration_ms BIGINT,
    thumbnail_url TEXT,
    published_at BIGINT,
    fetched_at BIGINT,
    etag TEXT,
    last_error_message TEXT,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_content_items PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_content_items_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT fk_content_items_workspace_id_channel_id FOREIGN KEY(workspace_id, channel_id) REFERENCES channels (workspace_id, id),
    CONSTRAINT uq_content_items_workspace_id_external_id UNIQUE (workspace_id, external_id)
);

CREATE TABLE runs (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    playbook_id TEXT NOT NULL,
    playbook_revision INTEGER NOT NULL,
    target TEXT NOT NULL,
    params TEXT DEFAULT '{}' NOT NULL,
    policy TEXT NOT NULL,
    seed BIGINT NOT NULL,
    status TEXT NOT NULL,
    rev BIGINT DEFAULT 1 NOT NULL,
    "trigger" TEXT NOT NULL,
    parent_run_id TEXT,
    rerun TEXT,
    count_queued INTEGER DEFAULT 0 NOT NULL,
    count_running INTEGER DEFAULT 0 NOT NULL,
    count_waiting INTEGER DEFAULT 0 NOT NULL,
    count_succeeded INTEGER DEFAULT 0 NOT NULL,
    count_failed INTEGER DEFAULT 0 NOT NULL,
    count_stopped INTEGER DEFAULT 0 NOT NULL,
    count_lost INTEGER DEFAULT 0 NOT NULL,
    count_skipped_offline INTEGER DEFAULT 0 NOT NULL,
    count_total INTEGER DEFAULT 0 NOT NULL,
    has_stop_run BOOLEAN DEFAULT false NOT NULL,
    deadline_at BIGINT NOT NULL,
    stop_requested_at BIGINT,
    last_error_message TEXT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    created_by TEXT,
    CONSTRAINT pk_runs PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_runs_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT fk_runs_workspace_id_playbook_id_playbook_revision FOREIGN KEY(workspace_id, playbook_id, playbook_revision) REFERENCES playbook_revisions (workspace_id, playbook_id, revision),
    CONSTRAINT ck_runs_status CHECK (status IN ('queued', 'running', 'stopping', 'succeeded', 'partial', 'failed', 'stopped')),
    CONSTRAINT ck_runs_trigger CHECK (trigger IN ('api', 'ui', 'cli', 'schedule', 'rerun', 'adhoc')),
    CONSTRAINT ck_runs_seed CHECK (seed BETWEEN 0 AND 9007199254740991),
    CONSTRAINT ck_runs_counts CHECK (count_queued >= 0 AND count_running >= 0 AND count_waiting >= 0 AND count_succeeded >= 0 AND count_failed >= 0 AND count_stopped >= 0 AND count_lost >= 0 AND count_skipped_offline >= 0),
    CONSTRAINT ck_runs_count_total CHECK (count_total = count_queued + count_running + count_waiting + count_succeeded + count_failed + count_stopped + count_lost + count_skipped_offline),
    CONSTRAINT ck_runs_finished_at CHECK ((finished_at IS NULL) = (status IN ('queued', 'running', 'stopping')))
);

CREATE TABLE run_device_states (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    device_index INTEGER NOT NULL,
    dice_index INTEGER NOT NULL,
    node_id TEXT,
    serial TEXT NOT NULL,
    label TEXT,
    status TEXT NOT NULL,
    late_status TEXT,
    exclusion_reason TEXT,
    first_step_index INTEGER DEFAULT 0 NOT NULL,
    current_step_index INTEGER DEFAULT 0 NOT NULL,
    step_count INTEGER NOT NULL,
    warning_count INTEGER DEFAULT 0 NOT NULL,
    lease_token TEXT,
    lease_epoch INTEGER DEFAULT 0 NOT NULL,
    lease_granted_at BIGINT,
    lease_expires_at BIGINT,
    deadline_at BIGINT NOT NULL,
    offline_deadline_at BIGINT,
    grace_left_ms BIGINT,
    last_event_seq BIGINT DEFAULT 0 NOT NULL,
    status_seq BIGINT DEFAULT 0 NOT NULL,
    step_seq BIGINT DEFAULT 0 NOT NULL,
    error_seq BIGINT DEFAULT 0 NOT NULL,
    finished_seq BIGINT,
    rev BIGINT DEFAULT 1 NOT NULL,
    last_seen_at BIGINT,
    started_at BIGINT,
    finished_at BIGINT,
    last_error_message TEXT,
    CONSTRAINT pk_run_device_states PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_run_device_states_workspace_id_run_id FOREIGN KEY(workspace_id, run_id) REFERENCES runs (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_run_device_states_workspace_id_device_id FOREIGN KEY(workspace_id, device_id) REFERENCES devices (workspace_id, id),
    CONSTRAINT uq_run_device_states_workspace_id_run_id_device_id UNIQUE (workspace_id, run_id, device_id),
    CONSTRAINT uq_run_device_states_workspace_id_run_id_device_index UNIQUE (workspace_id, run_id, device_index),
    CONSTRAINT ck_run_device_states_status CHECK (status IN ('queued', 'running', 'waiting', 'succeeded', 'failed', 'stopped', 'lost', 'skipped_offline')),
    CONSTRAINT ck_run_device_states_late_status CHECK (late_status IN ('queued', 'running', 'waiting', 'succeeded', 'failed', 'stopped', 'lost', 'skipped_offline')),
    CONSTRAINT ck_run_device_states_step_count CHECK (first_step_index >= 0 AND step_count >= 0 AND warning_count >= 0 AND lease_epoch >= 0),
    CONSTRAINT ck_run_device_states_finished_at CHECK ((finished_at IS NULL) = (status IN ('queued', 'running', 'waiting'))),
    CONSTRAINT ck_run_device_states_lease_expires_at CHECK (lease_token IS NULL OR lease_expires_at IS NOT NULL),
    CONSTRAINT ck_run_device_states_started CHECK (status NOT IN ('running', 'waiting') OR lease_token IS NOT NULL)
);

CREATE TABLE run_steps (
    workspace_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    device_index INTEGER NOT NULL,
    step_index INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    step_id TEXT,
    step_type TEXT,
    status TEXT NOT NULL,
    probability DOUBLE,
    draw DOUBLE,
    is_draw_flagged BOOLEAN DEFAULT false NOT NULL,
    decision TEXT,
    exit_code INTEGER,
    output_tail TEXT,
    output_lines BIGINT DEFAULT 0 NOT NULL,
    late BOOLEAN DEFAULT false NOT NULL,
    late_status TEXT,
    last_seq BIGINT DEFAULT 0 NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    error_message TEXT,
    CONSTRAINT pk_run_steps PRIMARY KEY (workspace_id, run_id, device_index, step_index, attempt),
    CONSTRAINT fk_run_steps_workspace_id_run_id_device_index FOREIGN KEY(workspace_id, run_id, device_index) REFERENCES run_device_states (workspace_id, run_id, device_index) ON DELETE CASCADE,
    CONSTRAINT ck_run_steps_status CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'timed_out', 'aborted', 'skipped')),
    CONSTRAINT ck_run_steps_late_status CHECK (late_status IN ('queued', 'running', 'succeeded', 'failed', 'timed_out', 'aborted', 'skipped')),
    CONSTRAINT ck_run_steps_decision CHECK (decision IN ('executed', 'skipped')),
    CONSTRAINT ck_run_steps_step_index CHECK (step_index >= 0 AND attempt >= 1),
    CONSTRAINT ck_run_steps_probability CHECK (probability BETWEEN 0 AND 1 AND draw BETWEEN 0 AND 1)
);

CREATE TABLE artifacts (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    device_index INTEGER NOT NULL,
    step_index INTEGER,
    node_id TEXT,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    storage_key TEXT,
    content_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT,
    late BOOLEAN DEFAULT false NOT NULL,
    created_at BIGINT NOT NULL,
    upload_deadline_at BIGINT NOT NULL,
    CONSTRAINT pk_artifacts PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_artifacts_workspace_id_run_id_device_index FOREIGN KEY(workspace_id, run_id, device_index) REFERENCES run_device_states (workspace_id, run_id, device_index) ON DELETE CASCADE,
    CONSTRAINT ck_artifacts_status CHECK (status IN ('pending', 'stored', 'missing')),
    CONSTRAINT ck_artifacts_size CHECK (size >= 0),
    CONSTRAINT ck_artifacts_storage_key CHECK ((status = 'stored') = (storage_key IS NOT NULL))
);

CREATE INDEX ix_artifacts_deadline ON artifacts (workspace_id, upload_deadline_at) WHERE status = 'pending';

CREATE INDEX ix_artifacts_device_run ON artifacts (workspace_id, run_id, device_index, step_index);

CREATE INDEX ix_audit_log_list ON audit_log (workspace_id, at, id);

CREATE INDEX ix_audit_log_subject ON audit_log (workspace_id, subject, at);

CREATE INDEX ix_channels_due ON channels (workspace_id, next_sync_at) WHERE is_enabled;

CREATE INDEX ix_command_assets_file ON command_assets (workspace_id, sha256) WHERE sha256 IS NOT NULL;

CREATE INDEX ix_command_assets_list ON command_assets (workspace_id, title, id) WHERE archived_at IS NULL;

CREATE INDEX ix_content_items_list ON content_items (workspace_id, created_at, id);

CREATE INDEX ix_devices_activity ON devices (workspace_id, activity_at) WHERE activity IN (3, 4);

CREATE INDEX ix_devices_node ON devices (workspace_id, node_id);

CREATE INDEX ix_devices_rev ON devices (workspace_id, rev);

CREATE INDEX ix_events_received ON events (workspace_id, received_at);

CREATE INDEX ix_idempotency_keys_age ON idempotency_keys (workspace_id, created_at);

CREATE INDEX ix_nodes_online ON nodes (workspace_id, last_seen_at) WHERE is_online;

CREATE INDEX ix_nodes_rev ON nodes (workspace_id, rev);

CREATE INDEX ix_playbooks_list ON playbooks (workspace_id, title, id) WHERE archived_at IS NULL AND NOT is_hidden;

CREATE INDEX ix_run_device_states_deadline ON run_device_states (workspace_id, deadline_at) WHERE status IN ('queued', 'running', 'waiting');

CREATE INDEX ix_run_device_states_device ON run_device_states (workspace_id, device_id, id);

CREATE INDEX ix_run_device_states_expiry ON run_device_states (workspace_id, lease_expires_at) WHERE lease_token IS NOT NULL AND status IN ('queued', 'running', 'waiting');

CREATE INDEX ix_run_device_states_node ON run_device_states (workspace_id, node_id) WHERE status IN ('queued', 'running', 'waiting');

CREATE INDEX ix_run_device_states_offline ON run_device_states (workspace_id, offline_deadline_at) WHERE status = 'queued' AND offline_deadline_at IS NOT NULL;

CREATE INDEX ix_run_device_states_queued ON run_device_states (workspace_id, node_id, run_id, device_index) WHERE status = 'queued';

CREATE INDEX ix_run_device_states_rev ON run_device_states (workspace_id, run_id, rev);

CREATE INDEX ix_runs_deadline ON runs (workspace_id, deadline_at) WHERE status IN ('queued', 'running', 'stopping');

CREATE INDEX ix_runs_list ON runs (workspace_id, created_at, id);

CREATE INDEX ix_runs_open ON runs (workspace_id, created_at, id) WHERE status IN ('queued', 'running', 'stopping');

CREATE INDEX ix_runs_parent ON runs (workspace_id, parent_run_id) WHERE parent_run_id IS NOT NULL;

CREATE INDEX ix_runs_playbook ON runs (workspace_id, playbook_id, playbook_revision);

CREATE INDEX ix_scan_jobs_deadline ON scan_jobs (workspace_id, deadline_at) WHERE status IN ('queued', 'running');

CREATE INDEX ix_scan_jobs_parent ON scan_jobs (workspace_id, parent_id);

CREATE INDEX ix_scan_jobs_pending ON scan_jobs (workspace_id, node_id) WHERE status = 'queued';

CREATE INDEX ix_schedules_due ON schedules (workspace_id, next_at) WHERE is_enabled;

CREATE INDEX ix_sessions_expiry ON sessions (workspace_id, expires_at);

CREATE INDEX ix_sessions_user ON sessions (workspace_id, user_id);

CREATE INDEX ix_webhooks_due ON webhooks (workspace_id, next_try_at) WHERE is_enabled;

CREATE UNIQUE INDEX uq_device_conflicts_open ON device_conflicts (workspace_id, serial) WHERE resolved_at IS NULL;

CREATE UNIQUE INDEX uq_run_device_states_lease ON run_device_states (workspace_id, lease_token);

CREATE UNIQUE INDEX uq_run_device_states_live ON run_device_states (workspace_id, device_id) WHERE lease_token IS NOT NULL AND status IN ('queued', 'running', 'waiting');

CREATE VIEW device_tasks AS
SELECT workspace_id, id, run_id, device_id, node_id, status, last_error_message AS error,
       strftime('%Y-%m-%dT%H:%M:%fZ', started_at / 1000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', finished_at / 1000.0, 'unixepoch') AS finished_at
FROM run_device_states;
