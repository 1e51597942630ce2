CREATE TABLE hub_incidents (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    hub TEXT NOT NULL,
    serials JSONB NOT NULL,
    total INTEGER NOT NULL,
    began_at BIGINT NOT NULL,
    ended_at BIGINT,
    CONSTRAINT pk_hub_incidents PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_hub_incidents_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
    CONSTRAINT fk_hub_incidents_workspace_id_node_id FOREIGN KEY(workspace_id, node_id) REFERENCES nodes (workspace_id, id) ON DELETE CASCADE
);

COMMENT ON TABLE hub_incidents IS 'hubs whose devices went at once: one incident, not one per device';

COMMENT ON COLUMN hub_incidents.workspace_id IS 'tenant';

COMMENT ON COLUMN hub_incidents.id IS 'UUIDv7';

COMMENT ON COLUMN hub_incidents.node_id IS 'where';

COMMENT ON COLUMN hub_incidents.hub IS 'prefix of the USB paths';

COMMENT ON COLUMN hub_incidents.serials IS 'the devices that went together';

COMMENT ON COLUMN hub_incidents.total IS 'devices that the hub had';

COMMENT ON COLUMN hub_incidents.began_at IS 'when they went';

COMMENT ON COLUMN hub_incidents.ended_at IS 'when half of them were back, or they were given up';

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

COMMENT ON TABLE device_health IS 'what the agent makes of a device and does about it; no row: nothing to tell';

COMMENT ON COLUMN device_health.workspace_id IS 'tenant';

COMMENT ON COLUMN device_health.device_id IS 'whose';

COMMENT ON COLUMN device_health.since_at IS 'when devices.health became what it is';

COMMENT ON COLUMN device_health.reason IS 'why it is flapping or quarantined';

COMMENT ON COLUMN device_health.rung IS 'what the repair ladder tried last in this spell';

COMMENT ON COLUMN device_health.rung_at IS 'when';

COMMENT ON COLUMN device_health.next_rung IS 'what it tries next';

COMMENT ON COLUMN device_health.next_at IS 'not before';

COMMENT ON COLUMN device_health.hold IS 'what the next rung waits for: the end of a lease, or the hub';

COMMENT ON COLUMN device_health.good_probes IS 'in a row, while quarantined';

COMMENT ON COLUMN device_health.probation_probes IS 'as many end the quarantine';

COMMENT ON COLUMN device_health.pardoned_at IS 'when an operator ended the quarantine; NULL once the agent has followed';

COMMENT ON COLUMN device_health.limited_by IS 'the limit that keeps it out of runs: heat, battery or storage';

COMMENT ON COLUMN device_health.limit_reason IS 'the same in words';

COMMENT ON COLUMN device_health.limited_at IS 'since when';

COMMENT ON COLUMN device_health.storage_total_mb IS 'size of /data, where it is known';

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

COMMENT ON TABLE device_events IS 'the history of devices: flapping, rungs, quarantine, release; kept as long as events';

COMMENT ON COLUMN device_events.workspace_id IS 'tenant';

COMMENT ON COLUMN device_events.id IS 'UUIDv7';

COMMENT ON COLUMN device_events.device_id IS 'whose';

COMMENT ON COLUMN device_events.node_id IS 'the node that reported it';

COMMENT ON COLUMN device_events.at IS 'when it happened, by the server''s clock as the agent knows it';

COMMENT ON COLUMN device_events.kind IS 'see core.health.Happening';

COMMENT ON COLUMN device_events.text IS 'the reason, or what came of a rung';

CREATE INDEX ix_device_events_at ON device_events (workspace_id, at);

CREATE INDEX ix_device_events_device ON device_events (workspace_id, device_id, at);

CREATE INDEX ix_device_health_pardoned ON device_health (workspace_id, device_id) WHERE pardoned_at IS NOT NULL;

CREATE UNIQUE INDEX uq_hub_incidents_open ON hub_incidents (workspace_id, node_id, hub) WHERE ended_at IS NULL;
