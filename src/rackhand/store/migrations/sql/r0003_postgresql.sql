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

COMMENT ON TABLE jobs IS 'background jobs: who does which one in which period';

COMMENT ON COLUMN jobs.workspace_id IS 'tenant';

COMMENT ON COLUMN jobs.name IS 'of the table of background jobs';

COMMENT ON COLUMN jobs.slot IS 'the last period that somebody took, counted from 1970';

COMMENT ON COLUMN jobs.holder IS 'the process that took it';

COMMENT ON COLUMN jobs.started_at IS 'when';

COMMENT ON COLUMN jobs.finished_at IS 'when it ended well or badly; NULL while it runs, and if its process died';

COMMENT ON COLUMN jobs.succeeded_at IS 'when it last ended well';

COMMENT ON COLUMN jobs.error_message IS 'why it ended badly';
