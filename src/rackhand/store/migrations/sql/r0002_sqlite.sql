CREATE TABLE hub_incidents (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    hub TEXT NOT NULL,
    serials TEXT NOT NULL,
    total INTEGER NOT NULL,
    began_at BIGINT NOT NULL,
    ended_at BIGINT,
    CONSTRAINT pk_hub_incidents PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_hub_incidents_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT fk_hub_incidents_workspace_id_node_id FOREIGN KEY(workspace_id, node_id) REFERENCES nodes (workspace_id, id) ON DELETE CASCADE
);

CREATE TABLE device_health (
    workspace_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    since_at BIGINT,
    reason TEXT,
    rung TEXT,
    rung_at BIGINT,
    next_rung TEXT,
    next_at BIGINT,
    hold TEXT,
    good_probes INTEGER,
    probation_probes INTEGER,
    pardoned_at BIGINT,
    limited_by TEXT,
    limit_reason TEXT,
    limited_at BIGINT,
    storage_total_mb BIGINT,
    CONSTRAINT pk_device_health PRIMARY KEY (workspace_id, device_id),
    CONSTRAINT fk_device_health_workspace_id_device_id FOREIGN KEY(workspace_id, device_id) REFERENCES devices (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_device_health_rung CHECK (rung IN ('probe', 'reconnect', 'reboot', 'quarantine')),
    CONSTRAINT ck_device_health_next_rung CHECK (next_rung IN ('probe', 'reconnect', 'reboot', 'quarantine')),
    CONSTRAINT ck_device_health_hold CHECK (hold IN ('lease', 'hub')),
    CONSTRAINT ck_device_health_limited_by CHECK (limited_by IN ('heat', 'battery', 'storage'))
);

CREATE TABLE device_events (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    node_id TEXT,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT,
    CONSTRAINT pk_device_events PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_device_events_workspace_id_device_id FOREIGN KEY(workspace_id, device_id) REFERENCES devices (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX ix_device_events_at ON device_events (workspace_id, at);

CREATE INDEX ix_device_events_device ON device_events (workspace_id, device_id, at);

CREATE INDEX ix_device_health_pardoned ON device_health (workspace_id, device_id) WHERE pardoned_at IS NOT NULL;

CREATE UNIQUE INDEX uq_hub_incidents_open ON hub_incidents (workspace_id, node_id, hub) WHERE ended_at IS NULL;
