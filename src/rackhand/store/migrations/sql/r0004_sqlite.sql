ALTER TABLE api_tokens ADD COLUMN scope TEXT DEFAULT 'full' NOT NULL
    CONSTRAINT ck_api_tokens_scope CHECK (scope IN ('full', 'read', 'runs'));

CREATE TABLE audit_retention (
    workspace_id TEXT NOT NULL,
    kept_from BIGINT NOT NULL,
    CONSTRAINT pk_audit_retention PRIMARY KEY (workspace_id),
    CONSTRAINT fk_audit_retention_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);

CREATE TABLE identities (
    workspace_id TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_login_at BIGINT NOT NULL,
    CONSTRAINT pk_identities PRIMARY KEY (workspace_id, issuer, subject),
    CONSTRAINT fk_identities_workspace_id_user_id FOREIGN KEY(workspace_id, user_id) REFERENCES users (workspace_id, id) ON DELETE CASCADE
);

CREATE TABLE run_secrets (
    workspace_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    CONSTRAINT pk_run_secrets PRIMARY KEY (workspace_id, run_id, name),
    CONSTRAINT fk_run_secrets_workspace_id_run_id FOREIGN KEY(workspace_id, run_id) REFERENCES runs (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX ix_audit_log_actor ON audit_log (workspace_id, actor, at);

CREATE INDEX ix_identities_user ON identities (workspace_id, user_id);

CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;

CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
WHEN OLD.at >= coalesce((SELECT kept_from FROM audit_retention WHERE workspace_id = OLD.workspace_id), 0)
BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;
