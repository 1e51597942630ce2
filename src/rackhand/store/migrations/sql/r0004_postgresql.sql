ALTER TABLE api_tokens ADD COLUMN scope TEXT DEFAULT 'full' NOT NULL
    CONSTRAINT ck_api_tokens_scope CHECK (scope IN ('full', 'read', 'runs'));

COMMENT ON TABLE audit_log IS 'append-only, triggers see to it: who did what';

CREATE TABLE audit_retention (
    workspace_id TEXT NOT NULL,
    kept_from BIGINT NOT NULL,
    CONSTRAINT pk_audit_retention PRIMARY KEY (workspace_id),
    CONSTRAINT fk_audit_retention_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);

COMMENT ON TABLE audit_retention IS 'the mark that retention moves before it deletes from audit_log';

COMMENT ON COLUMN audit_retention.workspace_id IS 'tenant';

COMMENT ON COLUMN audit_retention.kept_from IS 'rows of audit_log from before this may be deleted; without a row here, none';

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

COMMENT ON TABLE identities IS 'people as an OpenID Connect provider knows them';

COMMENT ON COLUMN identities.workspace_id IS 'tenant';

COMMENT ON COLUMN identities.issuer IS 'the provider''s address, as its tokens say';

COMMENT ON COLUMN identities.subject IS 'the person''s id there; never used for somebody else';

COMMENT ON COLUMN identities.user_id IS 'who it is here';

COMMENT ON COLUMN identities.created_at IS 'first login';

COMMENT ON COLUMN identities.last_login_at IS 'last login';

COMMENT ON COLUMN api_tokens.scope IS 'what of the role it may use: full, read or runs';

CREATE TABLE run_secrets (
    workspace_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    CONSTRAINT pk_run_secrets PRIMARY KEY (workspace_id, run_id, name),
    CONSTRAINT fk_run_secrets_workspace_id_run_id FOREIGN KEY(workspace_id, run_id) REFERENCES runs (workspace_id, id) ON DELETE CASCADE
);

COMMENT ON TABLE run_secrets IS 'values that only the nodes of the run get in the clear';

COMMENT ON COLUMN run_secrets.workspace_id IS 'tenant';

COMMENT ON COLUMN run_secrets.run_id IS 'of which run';

COMMENT ON COLUMN run_secrets.name IS 'what {{ secrets.name }} in its steps stands for';

COMMENT ON COLUMN run_secrets.sealed IS 'the value, encrypted with the server''s own key';

CREATE INDEX ix_audit_log_actor ON audit_log (workspace_id, actor, at);

CREATE INDEX ix_identities_user ON identities (workspace_id, user_id);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
IF TG_OP = 'DELETE' AND OLD.at < coalesce((SELECT kept_from FROM audit_retention WHERE workspace_id = OLD.workspace_id), 0) THEN RETURN OLD; END IF;
RAISE EXCEPTION 'audit_log is append-only';
END $$;

CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();

CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
