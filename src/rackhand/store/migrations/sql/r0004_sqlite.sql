CREATE TEMP TABLE old_api_tokens AS SELECT workspace_id, id, token_hash, name, role, user_id, created_at, created_by, expires_at, last_used_at, revoked_at FROM api_tokens;

DROP TABLE api_tokens;

CREATE TABLE api_tokens (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    token_hash TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    scope TEXT DEFAULT 'full' NOT NULL,
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
    CONSTRAINT ck_api_tokens_role CHECK (role IN ('viewer', 'operator', 'admin')),
    CONSTRAINT ck_api_tokens_scope CHECK (scope IN ('full', 'read', 'runs'))
);

INSERT INTO api_tokens (workspace_id, id, token_hash, name, role, user_id, created_at, created_by, expires_at, last_used_at, revoked_at)
SELECT workspace_id, id, token_hash, name, role, user_id, created_at, created_by, expires_at, last_used_at, revoked_at FROM old_api_tokens;

DROP TABLE old_api_tokens;

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
