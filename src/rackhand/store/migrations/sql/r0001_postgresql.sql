CREATE TABLE workspaces (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    fleet_rev BIGINT DEFAULT 0 NOT NULL,
    layout BIGINT DEFAULT 0 NOT NULL,
    settings JSONB DEFAULT '{}' NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_workspaces PRIMARY KEY (id)
);

COMMENT ON TABLE workspaces IS 'tenants; one named default exists';

COMMENT ON COLUMN workspaces.id IS 'tenant';

COMMENT ON COLUMN workspaces.name IS 'what people read';

COMMENT ON COLUMN workspaces.fleet_rev IS 'revision of the fleet: +1 in each transaction that changes what it shows';

COMMENT ON COLUMN workspaces.layout IS '+1 when a tile appears, moves or disappears';

COMMENT ON COLUMN workspaces.settings IS 'settings of this workspace';

COMMENT ON COLUMN workspaces.created_at IS 'when the workspace was made';

CREATE TABLE sweeps (
    workspace_id TEXT NOT NULL,
    last_sweep_at BIGINT,
    resumed_at BIGINT,
    CONSTRAINT pk_sweeps PRIMARY KEY (workspace_id),
    CONSTRAINT fk_sweeps_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);

COMMENT ON TABLE sweeps IS 'one row per workspace: the memory of the sweep';

COMMENT ON COLUMN sweeps.workspace_id IS 'tenant';

COMMENT ON COLUMN sweeps.last_sweep_at IS 'when the last sweep ran; a gap means that all servers were down or slept';

COMMENT ON COLUMN sweeps.resumed_at IS 'when the last such gap ended: silence counts from here at the earliest';

CREATE TABLE fleet_hours (
    workspace_id TEXT NOT NULL,
    hour_at BIGINT NOT NULL,
    devices INTEGER NOT NULL,
    online INTEGER NOT NULL,
    attention INTEGER NOT NULL,
    CONSTRAINT pk_fleet_hours PRIMARY KEY (workspace_id, hour_at),
    CONSTRAINT fk_fleet_hours_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);

COMMENT ON TABLE fleet_hours IS 'the fleet''s size by hour, for trends: the sweep looks once a minute';

COMMENT ON COLUMN fleet_hours.workspace_id IS 'tenant';

COMMENT ON COLUMN fleet_hours.hour_at IS 'start of the hour';

COMMENT ON COLUMN fleet_hours.devices IS 'devices at the last look in this hour';

COMMENT ON COLUMN fleet_hours.online IS 'of these online';

COMMENT ON COLUMN fleet_hours.attention IS 'of these in need of attention';

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

COMMENT ON TABLE nodes IS 'PCs that run the agent';

COMMENT ON COLUMN nodes.workspace_id IS 'tenant';

COMMENT ON COLUMN nodes.id IS 'chosen name of the PC, such as PC-01';

COMMENT ON COLUMN nodes.name IS 'what people read';

COMMENT ON COLUMN nodes.token_hash IS 'SHA-256 of the node token';

COMMENT ON COLUMN nodes.agent_version IS 'as reported';

COMMENT ON COLUMN nodes.adb_version IS 'as reported';

COMMENT ON COLUMN nodes.capacity IS 'live leases of all runs on this node: the heartbeat''s node.concurrency';

COMMENT ON COLUMN nodes.state IS 'active, or draining: gets no new work';

COMMENT ON COLUMN nodes.is_online IS 'written by heartbeat and sweep, so that every visible change has a rev';

COMMENT ON COLUMN nodes.last_seen_at IS 'last heartbeat or pull';

COMMENT ON COLUMN nodes.last_error_message IS 'the agent''s last own trouble';

COMMENT ON COLUMN nodes.rev IS 'fleet rev of the last visible change';

COMMENT ON COLUMN nodes.created_at IS 'when it was enrolled';

CREATE TABLE device_conflicts (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    serial TEXT NOT NULL,
    kind TEXT NOT NULL,
    node_id TEXT NOT NULL,
    sightings JSONB NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    resolved_at BIGINT,
    resolved_by TEXT,
    CONSTRAINT pk_device_conflicts PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_device_conflicts_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT ck_device_conflicts_kind CHECK (kind IN ('same_node', 'two_nodes'))
);

COMMENT ON TABLE device_conflicts IS 'the same serial seen twice: kept apart until an operator resolves it';

COMMENT ON COLUMN device_conflicts.workspace_id IS 'tenant';

COMMENT ON COLUMN device_conflicts.id IS 'UUIDv7';

COMMENT ON COLUMN device_conflicts.serial IS 'the serial that is there twice';

COMMENT ON COLUMN device_conflicts.kind IS 'same_node: twice on one node; two_nodes: online on two nodes at once';

COMMENT ON COLUMN device_conflicts.node_id IS 'the node that reported it last';

COMMENT ON COLUMN device_conflicts.sightings IS '[{node_id, runtime_handle, usb_path, seen_at}]';

COMMENT ON COLUMN device_conflicts.first_seen_at IS 'when it began';

COMMENT ON COLUMN device_conflicts.last_seen_at IS 'last heartbeat that showed it';

COMMENT ON COLUMN device_conflicts.resolved_at IS 'when an operator resolved it; until then the device is no target';

COMMENT ON COLUMN device_conflicts.resolved_by IS 'who';

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

COMMENT ON TABLE users IS 'people';

COMMENT ON COLUMN users.workspace_id IS 'tenant';

COMMENT ON COLUMN users.id IS 'UUIDv7';

COMMENT ON COLUMN users.name IS 'login name';

COMMENT ON COLUMN users.name_key IS 'the name in NFKC, case folded: two people never have the same';

COMMENT ON COLUMN users.password_hash IS 'argon2; NULL until the person has set one';

COMMENT ON COLUMN users.locale IS 'language of the pages; NULL: what the browser asks for';

COMMENT ON COLUMN users.is_active IS 'whether the person may log in';

COMMENT ON COLUMN users.last_login_at IS 'last login';

COMMENT ON COLUMN users.created_at IS 'when it was made';

CREATE TABLE audit_log (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT,
    detail JSONB DEFAULT '{}' NOT NULL,
    remote_addr TEXT,
    CONSTRAINT pk_audit_log PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_audit_log_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);

COMMENT ON TABLE audit_log IS 'append-only: who did what';

COMMENT ON COLUMN audit_log.workspace_id IS 'tenant';

COMMENT ON COLUMN audit_log.id IS 'UUIDv7';

COMMENT ON COLUMN audit_log.at IS 'when';

COMMENT ON COLUMN audit_log.actor IS 'user, token or node, such as user:kim';

COMMENT ON COLUMN audit_log.action IS 'such as run.create';

COMMENT ON COLUMN audit_log.subject IS 'such as run:0190...';

COMMENT ON COLUMN audit_log.detail IS 'what exactly, without secrets';

COMMENT ON COLUMN audit_log.remote_addr IS 'from where';

CREATE TABLE idempotency_keys (
    workspace_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    state TEXT NOT NULL,
    status INTEGER,
    body TEXT,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (workspace_id, scope, key),
    CONSTRAINT fk_idempotency_keys_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT ck_idempotency_keys_state CHECK (state IN ('in_flight', 'done'))
);

COMMENT ON TABLE idempotency_keys IS 'answers to requests that may be sent again';

COMMENT ON COLUMN idempotency_keys.workspace_id IS 'tenant';

COMMENT ON COLUMN idempotency_keys.scope IS 'credential and route';

COMMENT ON COLUMN idempotency_keys.key IS 'the Idempotency-Key header';

COMMENT ON COLUMN idempotency_keys.request_hash IS 'SHA-256 of the body; another body is refused';

COMMENT ON COLUMN idempotency_keys.state IS 'in_flight or done';

COMMENT ON COLUMN idempotency_keys.status IS 'HTTP status to replay';

COMMENT ON COLUMN idempotency_keys.body IS 'answer to replay';

COMMENT ON COLUMN idempotency_keys.created_at IS 'kept for 24 h';

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

COMMENT ON TABLE files IS 'uploaded scripts and APKs, kept while an asset or a revision refers to them';

COMMENT ON COLUMN files.workspace_id IS 'tenant';

COMMENT ON COLUMN files.sha256 IS 'hex digest of the content: the name it is stored under';

COMMENT ON COLUMN files.size IS 'bytes';

COMMENT ON COLUMN files.name IS 'as uploaded first';

COMMENT ON COLUMN files.content_type IS 'as uploaded first';

COMMENT ON COLUMN files.created_at IS 'first upload';

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

COMMENT ON TABLE playbooks IS 'ordered steps over command assets; the steps are in the revisions';

COMMENT ON COLUMN playbooks.workspace_id IS 'tenant';

COMMENT ON COLUMN playbooks.id IS 'UUIDv7';

COMMENT ON COLUMN playbooks.title IS 'title of the current revision';

COMMENT ON COLUMN playbooks.revision IS 'the current revision';

COMMENT ON COLUMN playbooks.is_hidden IS 'made for one ad hoc run; not listed';

COMMENT ON COLUMN playbooks.archived_at IS 'deleted for people; its runs keep their revision';

COMMENT ON COLUMN playbooks.created_at IS 'when it was made';

COMMENT ON COLUMN playbooks.updated_at IS 'when the current revision was saved';

COMMENT ON COLUMN playbooks.created_by IS 'actor';

CREATE TABLE saved_targets (
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    target JSONB NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_saved_targets PRIMARY KEY (workspace_id, name),
    CONSTRAINT fk_saved_targets_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);

COMMENT ON TABLE saved_targets IS 'targets saved by name';

COMMENT ON COLUMN saved_targets.workspace_id IS 'tenant';

COMMENT ON COLUMN saved_targets.name IS 'chosen by people';

COMMENT ON COLUMN saved_targets.target IS 'the target as in a run';

COMMENT ON COLUMN saved_targets.created_at IS 'when it was saved';

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

COMMENT ON TABLE channels IS 'channels whose uploads are listed';

COMMENT ON COLUMN channels.workspace_id IS 'tenant';

COMMENT ON COLUMN channels.id IS 'UUIDv7';

COMMENT ON COLUMN channels.external_id IS 'id at the source';

COMMENT ON COLUMN channels.title IS 'as the source says';

COMMENT ON COLUMN channels.uploads_id IS 'the playlist of its uploads';

COMMENT ON COLUMN channels.etag IS 'of the last answer';

COMMENT ON COLUMN channels.is_enabled IS 'whether it is synchronised';

COMMENT ON COLUMN channels.next_sync_at IS 'next due time';

COMMENT ON COLUMN channels.last_sync_at IS 'last good one';

COMMENT ON COLUMN channels.last_error_message IS 'why the last one failed';

COMMENT ON COLUMN channels.created_at IS 'when it was registered';

CREATE TABLE webhooks (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    events JSONB DEFAULT '[]' NOT NULL,
    is_enabled BOOLEAN DEFAULT true NOT NULL,
    failure_count INTEGER DEFAULT 0 NOT NULL,
    next_try_at BIGINT,
    last_error_message TEXT,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_webhooks PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_webhooks_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);

COMMENT ON TABLE webhooks IS 'addresses that are told of ends of runs and of trouble';

COMMENT ON COLUMN webhooks.workspace_id IS 'tenant';

COMMENT ON COLUMN webhooks.id IS 'UUIDv7';

COMMENT ON COLUMN webhooks.url IS 'where to';

COMMENT ON COLUMN webhooks.secret IS 'signs the body';

COMMENT ON COLUMN webhooks.events IS 'names of the events to send';

COMMENT ON COLUMN webhooks.is_enabled IS 'whether it is called';

COMMENT ON COLUMN webhooks.failure_count IS 'failures in a row';

COMMENT ON COLUMN webhooks.next_try_at IS 'when a delivery is due';

COMMENT ON COLUMN webhooks.last_error_message IS 'why the last delivery failed';

COMMENT ON COLUMN webhooks.created_at IS 'when it was registered';

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
);

COMMENT ON TABLE events IS 'facts that nodes reported; heartbeats are not rows';

COMMENT ON COLUMN events.workspace_id IS 'tenant';

COMMENT ON COLUMN events.node_id IS 'who reported; no foreign key: history outlives nodes';

COMMENT ON COLUMN events.event_id IS 'given by the node, unique on the node';

COMMENT ON COLUMN events.type IS 'event type';

COMMENT ON COLUMN events.run_id IS 'of which run, as reported';

COMMENT ON COLUMN events.lease_token IS 'of which lease, as reported';

COMMENT ON COLUMN events.verdict IS 'what the server made of it; a repeated event gets it again';

COMMENT ON COLUMN events.received_at IS 'when it was first here';

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
    labels JSONB DEFAULT '{}' NOT NULL,
    model TEXT,
    os_version TEXT,
    battery INTEGER,
    temperature_c DOUBLE PRECISION,
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

COMMENT ON TABLE devices IS 'phones; identity is the hardware serial, never the adb transport';

COMMENT ON COLUMN devices.workspace_id IS 'tenant';

COMMENT ON COLUMN devices.id IS 'UUIDv7';

COMMENT ON COLUMN devices.node_id IS 'the node that reported it last; NULL after that node was deleted';

COMMENT ON COLUMN devices.index_no IS 'tile number, kept for life; NULL when an operator released it';

COMMENT ON COLUMN devices.serial IS 'hardware serial (ro.serialno): the identity';

COMMENT ON COLUMN devices.runtime_handle IS 'how the node addresses it (adb serial)';

COMMENT ON COLUMN devices.transport IS 'usb or tcp';

COMMENT ON COLUMN devices.usb_path IS 'bus and ports of the USB socket';

COMMENT ON COLUMN devices.label IS 'name given by people';

COMMENT ON COLUMN devices.labels IS 'key to value, for targets';

COMMENT ON COLUMN devices.model IS 'ro.product.model';

COMMENT ON COLUMN devices.os_version IS 'ro.build.version.release';

COMMENT ON COLUMN devices.battery IS 'percent';

COMMENT ON COLUMN devices.temperature_c IS 'battery temperature in degrees Celsius';

COMMENT ON COLUMN devices.storage_free_mb IS 'free space on /data';

COMMENT ON COLUMN devices.adb_state IS 'device, offline, unauthorized ... as adb says';

COMMENT ON COLUMN devices.health IS 'ok or the agent''s short word for what is wrong';

COMMENT ON COLUMN devices.is_simulated IS 'not a real phone';

COMMENT ON COLUMN devices.is_online IS 'background of the tile; written by heartbeat and sweep';

COMMENT ON COLUMN devices.activity IS '0 idle, 1 running, 2 waiting, 3 error, 4 done';

COMMENT ON COLUMN devices.activity_run_id IS 'the run that the activity is of; retention may have removed it';

COMMENT ON COLUMN devices.activity_at IS 'when the activity changed';

COMMENT ON COLUMN devices.quarantined_at IS 'since when no run may use it';

COMMENT ON COLUMN devices.quarantine_reason IS 'why';

COMMENT ON COLUMN devices.last_seen_at IS 'last heartbeat that listed it';

COMMENT ON COLUMN devices.last_probe_at IS 'last good probe; written at most once a minute';

COMMENT ON COLUMN devices.last_error_message IS 'the device''s last own trouble';

COMMENT ON COLUMN devices.rev IS 'fleet rev of the last visible change';

COMMENT ON COLUMN devices.created_at IS 'when it was first seen';

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

COMMENT ON TABLE unidentified_transports IS 'transports whose serial cannot be read: no device row, but on the to-do list';

COMMENT ON COLUMN unidentified_transports.workspace_id IS 'tenant';

COMMENT ON COLUMN unidentified_transports.node_id IS 'where';

COMMENT ON COLUMN unidentified_transports.runtime_handle IS 'the adb serial';

COMMENT ON COLUMN unidentified_transports.adb_state IS 'offline, unauthorized ... as adb says';

COMMENT ON COLUMN unidentified_transports.last_error_message IS 'what adb said';

COMMENT ON COLUMN unidentified_transports.last_seen_at IS 'last heartbeat that listed it';

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

COMMENT ON TABLE scan_jobs IS 'requests to a node to list its devices now';

COMMENT ON COLUMN scan_jobs.workspace_id IS 'tenant';

COMMENT ON COLUMN scan_jobs.id IS 'UUIDv7';

COMMENT ON COLUMN scan_jobs.parent_id IS 'the job over all nodes that this one is a part of';

COMMENT ON COLUMN scan_jobs.node_id IS 'NULL for a parent over all nodes';

COMMENT ON COLUMN scan_jobs.status IS 'see core.states.SCAN';

COMMENT ON COLUMN scan_jobs.progress IS 'transports looked at so far';

COMMENT ON COLUMN scan_jobs.total IS 'transports the agent found';

COMMENT ON COLUMN scan_jobs.found IS 'devices found, counted by the server';

COMMENT ON COLUMN scan_jobs.added IS 'new devices, counted by the server';

COMMENT ON COLUMN scan_jobs.error_message IS 'why it failed';

COMMENT ON COLUMN scan_jobs.deadline_at IS 'timed_out after this';

COMMENT ON COLUMN scan_jobs.created_at IS 'when it was asked for';

COMMENT ON COLUMN scan_jobs.delivered_at IS 'when the node was last told';

COMMENT ON COLUMN scan_jobs.started_at IS 'first progress';

COMMENT ON COLUMN scan_jobs.finished_at IS 'when it became final';

CREATE TABLE memberships (
    workspace_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_memberships PRIMARY KEY (workspace_id, user_id),
    CONSTRAINT fk_memberships_workspace_id_user_id FOREIGN KEY(workspace_id, user_id) REFERENCES users (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_memberships_role CHECK (role IN ('viewer', 'operator', 'admin'))
);

COMMENT ON TABLE memberships IS 'what a person may do in the workspace';

COMMENT ON COLUMN memberships.workspace_id IS 'tenant';

COMMENT ON COLUMN memberships.user_id IS 'who';

COMMENT ON COLUMN memberships.role IS 'viewer, operator or admin';

COMMENT ON COLUMN memberships.created_at IS 'since when';

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

COMMENT ON TABLE api_tokens IS 'bearer tokens of people and of automation';

COMMENT ON COLUMN api_tokens.workspace_id IS 'tenant';

COMMENT ON COLUMN api_tokens.id IS 'UUIDv7';

COMMENT ON COLUMN api_tokens.token_hash IS 'SHA-256 of the token';

COMMENT ON COLUMN api_tokens.name IS 'what it is for';

COMMENT ON COLUMN api_tokens.role IS 'viewer, operator or admin';

COMMENT ON COLUMN api_tokens.user_id IS 'whose it is; NULL for automation';

COMMENT ON COLUMN api_tokens.created_at IS 'when it was made';

COMMENT ON COLUMN api_tokens.created_by IS 'actor';

COMMENT ON COLUMN api_tokens.expires_at IS 'until when it is valid';

COMMENT ON COLUMN api_tokens.last_used_at IS 'written at most once a minute';

COMMENT ON COLUMN api_tokens.revoked_at IS 'since when it is not valid';

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

COMMENT ON TABLE sessions IS 'logged-in browsers';

COMMENT ON COLUMN sessions.workspace_id IS 'tenant';

COMMENT ON COLUMN sessions.id_hash IS 'SHA-256 of the cookie''s value';

COMMENT ON COLUMN sessions.user_id IS 'who';

COMMENT ON COLUMN sessions.csrf_hash IS 'SHA-256 of the form token';

COMMENT ON COLUMN sessions.created_at IS 'login';

COMMENT ON COLUMN sessions.last_used_at IS 'written at most once a minute';

COMMENT ON COLUMN sessions.expires_at IS 'until when it is valid';

COMMENT ON COLUMN sessions.user_agent IS 'the browser, for the person''s list of sessions';

COMMENT ON COLUMN sessions.remote_addr IS 'from where';

CREATE TABLE login_links (
    workspace_id TEXT NOT NULL,
    id_hash TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT pk_login_links PRIMARY KEY (workspace_id, id_hash),
    CONSTRAINT fk_login_links_workspace_id_user_id FOREIGN KEY(workspace_id, user_id) REFERENCES users (workspace_id, id) ON DELETE CASCADE
);

COMMENT ON TABLE login_links IS 'one-time links for logging in without a password';

COMMENT ON COLUMN login_links.workspace_id IS 'tenant';

COMMENT ON COLUMN login_links.id_hash IS 'SHA-256 of the secret in the link';

COMMENT ON COLUMN login_links.user_id IS 'whom it logs in, once: the row goes when it is used';

COMMENT ON COLUMN login_links.created_at IS 'when it was made';

COMMENT ON COLUMN login_links.expires_at IS 'until when it is valid';

CREATE TABLE command_assets (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER DEFAULT 1 NOT NULL,
    title TEXT NOT NULL,
    folder TEXT DEFAULT '' NOT NULL,
    kind TEXT NOT NULL,
    params JSONB DEFAULT '{}' NOT NULL,
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

COMMENT ON TABLE command_assets IS 'reusable actions';

COMMENT ON COLUMN command_assets.workspace_id IS 'tenant';

COMMENT ON COLUMN command_assets.id IS 'UUIDv7';

COMMENT ON COLUMN command_assets.revision IS '+1 with every edit';

COMMENT ON COLUMN command_assets.title IS 'what people read';

COMMENT ON COLUMN command_assets.folder IS 'path of the folder it is shown in, '''' for none';

COMMENT ON COLUMN command_assets.kind IS 'command kind, see DESIGN section 8';

COMMENT ON COLUMN command_assets.params IS 'parameters of the kind';

COMMENT ON COLUMN command_assets.default_timeout_ms IS 'per attempt; NULL: the policy''s';

COMMENT ON COLUMN command_assets.effect IS 'once: never repeated by itself after an unknown outcome';

COMMENT ON COLUMN command_assets.sha256 IS 'the file it installs or pushes';

COMMENT ON COLUMN command_assets.archived_at IS 'deleted for people; saved playbooks keep their copy';

COMMENT ON COLUMN command_assets.created_at IS 'when it was made';

COMMENT ON COLUMN command_assets.updated_at IS 'when it was last edited';

CREATE TABLE playbook_revisions (
    workspace_id TEXT NOT NULL,
    playbook_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    title TEXT NOT NULL,
    steps JSONB NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    CONSTRAINT pk_playbook_revisions PRIMARY KEY (workspace_id, playbook_id, revision),
    CONSTRAINT fk_playbook_revisions_workspace_id_playbook_id FOREIGN KEY(workspace_id, playbook_id) REFERENCES playbooks (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_playbook_revisions_revision CHECK (revision >= 1)
);

COMMENT ON TABLE playbook_revisions IS 'immutable: editing an asset or a playbook changes no saved revision';

COMMENT ON COLUMN playbook_revisions.workspace_id IS 'tenant';

COMMENT ON COLUMN playbook_revisions.playbook_id IS 'of which playbook';

COMMENT ON COLUMN playbook_revisions.revision IS 'counts from 1';

COMMENT ON COLUMN playbook_revisions.title IS 'title in this revision';

COMMENT ON COLUMN playbook_revisions.steps IS '[{step_id, asset_id, asset_revision, kind, params, effect, ...}]: full copies';

COMMENT ON COLUMN playbook_revisions.created_at IS 'when it was saved';

COMMENT ON COLUMN playbook_revisions.created_by IS 'actor';

CREATE TABLE schedules (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    playbook_id TEXT NOT NULL,
    target JSONB NOT NULL,
    params JSONB DEFAULT '{}' NOT NULL,
    policy JSONB DEFAULT '{}' NOT NULL,
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

COMMENT ON TABLE schedules IS 'playbooks that run by the clock';

COMMENT ON COLUMN schedules.workspace_id IS 'tenant';

COMMENT ON COLUMN schedules.id IS 'UUIDv7';

COMMENT ON COLUMN schedules.title IS 'what people read';

COMMENT ON COLUMN schedules.playbook_id IS 'what to run, in its current revision';

COMMENT ON COLUMN schedules.target IS 'as in a run';

COMMENT ON COLUMN schedules.params IS 'as in a run';

COMMENT ON COLUMN schedules.policy IS 'as in a run';

COMMENT ON COLUMN schedules.cron IS 'five fields';

COMMENT ON COLUMN schedules.time_zone IS 'IANA name the cron expression is read in';

COMMENT ON COLUMN schedules.misfire IS 'what to do with a missed run';

COMMENT ON COLUMN schedules.is_enabled IS 'whether it fires';

COMMENT ON COLUMN schedules.next_at IS 'next due time';

COMMENT ON COLUMN schedules.last_at IS 'last time it fired';

COMMENT ON COLUMN schedules.last_run_id IS 'the run it made; retention may have removed it';

COMMENT ON COLUMN schedules.last_error_message IS 'why the last firing made no run';

COMMENT ON COLUMN schedules.created_at IS 'when it was made';

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

COMMENT ON TABLE content_items IS 'registered media with their preview';

COMMENT ON COLUMN content_items.workspace_id IS 'tenant';

COMMENT ON COLUMN content_items.id IS 'UUIDv7';

COMMENT ON COLUMN content_items.external_id IS 'id at the source';

COMMENT ON COLUMN content_items.url IS 'where it can be opened';

COMMENT ON COLUMN content_items.channel_id IS 'NULL: registered by hand, or its channel is gone';

COMMENT ON COLUMN content_items.title IS 'as the source says';

COMMENT ON COLUMN content_items.duration_ms IS 'length';

COMMENT ON COLUMN content_items.thumbnail_url IS 'as the source says';

COMMENT ON COLUMN content_items.published_at IS 'as the source says';

COMMENT ON COLUMN content_items.fetched_at IS 'when the preview was read';

COMMENT ON COLUMN content_items.etag IS 'of the last answer';

COMMENT ON COLUMN content_items.last_error_message IS 'why there is no preview';

COMMENT ON COLUMN content_items.created_at IS 'when it was registered';

CREATE TABLE runs (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    playbook_id TEXT NOT NULL,
    playbook_revision INTEGER NOT NULL,
    target JSONB NOT NULL,
    params JSONB DEFAULT '{}' NOT NULL,
    policy JSONB NOT NULL,
    seed BIGINT NOT NULL,
    status TEXT NOT NULL,
    rev BIGINT DEFAULT 1 NOT NULL,
    trigger TEXT NOT NULL,
    parent_run_id TEXT,
    rerun JSONB,
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

COMMENT ON TABLE runs IS 'one playbook revision against one target';

COMMENT ON COLUMN runs.workspace_id IS 'tenant';

COMMENT ON COLUMN runs.id IS 'UUIDv7';

COMMENT ON COLUMN runs.title IS 'what people read';

COMMENT ON COLUMN runs.playbook_id IS 'what is run';

COMMENT ON COLUMN runs.playbook_revision IS 'in which revision';

COMMENT ON COLUMN runs.target IS 'as asked';

COMMENT ON COLUMN runs.params IS 'values for the templates';

COMMENT ON COLUMN runs.policy IS 'resolved: every field is there';

COMMENT ON COLUMN runs.seed IS 'of the dice, 0..2^53-1';

COMMENT ON COLUMN runs.status IS 'see core.states.RUN';

COMMENT ON COLUMN runs.rev IS '+1 in each transaction that changes what the run shows';

COMMENT ON COLUMN runs.trigger IS 'what made it';

COMMENT ON COLUMN runs.parent_run_id IS 'the run that this one repeats; retention may have removed it';

COMMENT ON COLUMN runs.rerun IS 'how it repeats it: outcomes, from, dice ...';

COMMENT ON COLUMN runs.count_queued IS 'device runs that are queued';

COMMENT ON COLUMN runs.count_running IS 'device runs that are running';

COMMENT ON COLUMN runs.count_waiting IS 'device runs that are waiting';

COMMENT ON COLUMN runs.count_succeeded IS 'device runs that are succeeded';

COMMENT ON COLUMN runs.count_failed IS 'device runs that are failed';

COMMENT ON COLUMN runs.count_stopped IS 'device runs that are stopped';

COMMENT ON COLUMN runs.count_lost IS 'device runs that are lost';

COMMENT ON COLUMN runs.count_skipped_offline IS 'device runs that are skipped_offline';

COMMENT ON COLUMN runs.count_total IS 'all device runs';

COMMENT ON COLUMN runs.has_stop_run IS 'a step''s on_failure asked to stop the queued device runs';

COMMENT ON COLUMN runs.deadline_at IS 'the sweep ends the run after this';

COMMENT ON COLUMN runs.stop_requested_at IS 'when an operator stopped it';

COMMENT ON COLUMN runs.last_error_message IS 'the last message of a device run that failed';

COMMENT ON COLUMN runs.created_at IS 'when it was made';

COMMENT ON COLUMN runs.started_at IS 'first device run started';

COMMENT ON COLUMN runs.finished_at IS 'when it became final';

COMMENT ON COLUMN runs.created_by IS 'actor';

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

COMMENT ON TABLE run_device_states IS 'one device''s part of one run; one lease covers one device run';

COMMENT ON COLUMN run_device_states.workspace_id IS 'tenant';

COMMENT ON COLUMN run_device_states.id IS 'UUIDv7';

COMMENT ON COLUMN run_device_states.run_id IS 'of which run';

COMMENT ON COLUMN run_device_states.device_id IS 'which device';

COMMENT ON COLUMN run_device_states.device_index IS 'the device''s tile number when the run was made, unique in the run';

COMMENT ON COLUMN run_device_states.dice_index IS 'what the dice are rolled with; kept by a rerun with the same dice';

COMMENT ON COLUMN run_device_states.node_id IS 'the device''s node, a copy for history';

COMMENT ON COLUMN run_device_states.serial IS 'the device''s serial, a copy for history';

COMMENT ON COLUMN run_device_states.label IS 'the device''s label, a copy for history';

COMMENT ON COLUMN run_device_states.status IS 'see core.states.DEVICE_RUN';

COMMENT ON COLUMN run_device_states.late_status IS 'what the node reported after the lease was lost';

COMMENT ON COLUMN run_device_states.exclusion_reason IS 'why it was left out';

COMMENT ON COLUMN run_device_states.first_step_index IS 'where it starts: > 0 in a rerun from the failed step';

COMMENT ON COLUMN run_device_states.current_step_index IS 'where it is';

COMMENT ON COLUMN run_device_states.step_count IS 'steps of the playbook';

COMMENT ON COLUMN run_device_states.warning_count IS 'failed steps that say continue';

COMMENT ON COLUMN run_device_states.lease_token IS 'of the last lease; kept after the end, so that late results are known';

COMMENT ON COLUMN run_device_states.lease_epoch IS 'leases given so far';

COMMENT ON COLUMN run_device_states.lease_granted_at IS 'when it was claimed';

COMMENT ON COLUMN run_device_states.lease_expires_at IS 'when the lease ends unless a heartbeat renews it';

COMMENT ON COLUMN run_device_states.deadline_at IS 'the sweep ends the device run after this';

COMMENT ON COLUMN run_device_states.offline_deadline_at IS 'until when an offline device is waited for';

COMMENT ON COLUMN run_device_states.grace_left_ms IS 'what was left of the grace when the device run began to wait or last said so';

COMMENT ON COLUMN run_device_states.last_event_seq IS 'highest seq folded';

COMMENT ON COLUMN run_device_states.status_seq IS 'seq of the event that the status is from';

COMMENT ON COLUMN run_device_states.step_seq IS 'seq of the event that current_step_index is from';

COMMENT ON COLUMN run_device_states.error_seq IS 'seq of the event that last_error_message is from';

COMMENT ON COLUMN run_device_states.finished_seq IS 'seq of the agent''s own task_finished';

COMMENT ON COLUMN run_device_states.rev IS 'the run''s rev of the last visible change';

COMMENT ON COLUMN run_device_states.last_seen_at IS 'last event of its lease';

COMMENT ON COLUMN run_device_states.started_at IS 'task_started';

COMMENT ON COLUMN run_device_states.finished_at IS 'when it became final';

COMMENT ON COLUMN run_device_states.last_error_message IS 'why it failed, was skipped or lost';

CREATE TABLE run_steps (
    workspace_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    device_index INTEGER NOT NULL,
    step_index INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    step_id TEXT,
    step_type TEXT,
    status TEXT NOT NULL,
    probability DOUBLE PRECISION,
    draw DOUBLE PRECISION,
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

COMMENT ON TABLE run_steps IS 'one attempt of one step on one device; a row appears with its first event';

COMMENT ON COLUMN run_steps.workspace_id IS 'tenant';

COMMENT ON COLUMN run_steps.run_id IS 'of which run';

COMMENT ON COLUMN run_steps.device_index IS 'of which device run';

COMMENT ON COLUMN run_steps.step_index IS 'counts from 0';

COMMENT ON COLUMN run_steps.attempt IS 'counts from 1';

COMMENT ON COLUMN run_steps.step_id IS 'id of the playbook''s step';

COMMENT ON COLUMN run_steps.step_type IS 'command kind';

COMMENT ON COLUMN run_steps.status IS 'see core.states.STEP';

COMMENT ON COLUMN run_steps.probability IS 'of the step, 0..1';

COMMENT ON COLUMN run_steps.draw IS 'what the dice gave, 0..1';

COMMENT ON COLUMN run_steps.is_draw_flagged IS 'the agent''s draw is not what the seed gives';

COMMENT ON COLUMN run_steps.decision IS 'what the dice decided';

COMMENT ON COLUMN run_steps.exit_code IS 'of the command';

COMMENT ON COLUMN run_steps.output_tail IS 'last part of the output, at most 16 KiB';

COMMENT ON COLUMN run_steps.output_lines IS 'lines of output so far';

COMMENT ON COLUMN run_steps.late IS 'reported after the lease was lost';

COMMENT ON COLUMN run_steps.late_status IS 'what the node reported of an attempt that was already closed';

COMMENT ON COLUMN run_steps.last_seq IS 'highest seq folded into this row';

COMMENT ON COLUMN run_steps.started_at IS 'as the agent says';

COMMENT ON COLUMN run_steps.finished_at IS 'as the agent says';

COMMENT ON COLUMN run_steps.error_message IS 'the device''s or adb''s own words';

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

COMMENT ON TABLE artifacts IS 'files that steps produced; a missing upload never changes an outcome';

COMMENT ON COLUMN artifacts.workspace_id IS 'tenant';

COMMENT ON COLUMN artifacts.id IS 'given by the agent';

COMMENT ON COLUMN artifacts.run_id IS 'of which run';

COMMENT ON COLUMN artifacts.device_index IS 'of which device run';

COMMENT ON COLUMN artifacts.step_index IS 'of which step';

COMMENT ON COLUMN artifacts.node_id IS 'who may upload it';

COMMENT ON COLUMN artifacts.kind IS 'screenshot, log, file';

COMMENT ON COLUMN artifacts.status IS 'see core.states.ARTIFACT';

COMMENT ON COLUMN artifacts.storage_key IS 'where the content is, once stored';

COMMENT ON COLUMN artifacts.content_type IS 'as the agent says; served only if safe';

COMMENT ON COLUMN artifacts.size IS 'bytes';

COMMENT ON COLUMN artifacts.sha256 IS 'hex digest';

COMMENT ON COLUMN artifacts.late IS 'declared after the lease was lost';

COMMENT ON COLUMN artifacts.created_at IS 'when it was declared';

COMMENT ON COLUMN artifacts.upload_deadline_at IS 'missing after this';

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
       to_timestamp(started_at / 1000.0) AS started_at,
       to_timestamp(finished_at / 1000.0) AS finished_at
FROM run_device_states;
