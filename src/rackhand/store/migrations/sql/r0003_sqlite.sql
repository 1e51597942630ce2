CREATE TABLE jobs (
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    slot BIGINT NOT NULL,
    holder TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    succeeded_at BIGINT,
    error_message TEXT,
    CONSTRAINT pk_jobs PRIMARY KEY (workspace_id, name),
    CONSTRAINT fk_jobs_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);
