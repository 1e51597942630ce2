"""Rollouts: waves of device runs, and how far the rollout of a run is. Rows of before have none."""

from alembic import op

revision = "0006"
down_revision = "0004"

_JSON = {"sqlite": "TEXT", "postgresql": "JSONB"}
_OPEN = "rollout_state IN ('halted', 'rolling')"
_STATES = "rollout_state IN ('rolling', 'halted', 'aborted', 'done')"
_QUEUED = "ix_run_device_states_queued"
_RUNS = (
    "rollout {json}",
    f"rollout_state TEXT CONSTRAINT ck_runs_rollout_state CHECK ({_STATES})"
    " CONSTRAINT ck_runs_rollout CHECK ((rollout IS NULL) = (rollout_state IS NULL))"
    f" CONSTRAINT ck_runs_rollout_end CHECK (finished_at IS NULL OR rollout_state IS NULL OR NOT {_OPEN})",
    "rollout_reason TEXT",
    "open_wave INTEGER DEFAULT 0 NOT NULL",
)
_COMMENTS = {
    "runs.rollout": "its waves, resolved, and what a resume has accepted; NULL: all devices at once",
    "runs.rollout_state": "see core.states.ROLLOUT",
    "runs.rollout_reason": "why the rollout halted or was cut short",
    "runs.open_wave": "device runs of this wave may be claimed; 0 without a rollout",
    "run_device_states.wave": "of its run''s rollout, from 1; 0: in none",
}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    for column in _RUNS:
        op.execute(f"ALTER TABLE runs ADD COLUMN {column.format(json=_JSON[dialect])}")
    op.execute("ALTER TABLE run_device_states ADD COLUMN wave INTEGER DEFAULT 0 NOT NULL")
    op.execute(f"CREATE INDEX ix_runs_rollout ON runs (workspace_id, rollout_state, id) WHERE {_OPEN}")
    op.execute(f"DROP INDEX {_QUEUED}")
    columns = "workspace_id, node_id, run_id, wave, device_index"
    op.execute(f"CREATE INDEX {_QUEUED} ON run_device_states ({columns}) WHERE status = 'queued'")
    if dialect == "postgresql":
        for column, comment in _COMMENTS.items():
            op.execute(f"COMMENT ON COLUMN {column} IS '{comment}'")
