"""All tables under one name, and the one view. Definitions live in the modules tables_*."""

from rackhand.store.metadata import metadata
from rackhand.store.tables_access import (
    api_tokens,
    audit_log,
    idempotency_keys,
    login_links,
    memberships,
    sessions,
    users,
)
from rackhand.store.tables_catalog import (
    channels,
    command_assets,
    content_items,
    files,
    playbook_revisions,
    playbooks,
    saved_targets,
    schedules,
    webhooks,
)
from rackhand.store.tables_health import device_events, device_health, hub_incidents
from rackhand.store.tables_inventory import (
    DEFAULT_WORKSPACE,
    device_conflicts,
    devices,
    fleet_hours,
    nodes,
    scan_jobs,
    sweeps,
    unidentified_transports,
    workspaces,
)
from rackhand.store.tables_runs import COUNT_COLUMNS, artifacts, events, run_device_states, run_steps, runs

__all__ = [
    "COUNT_COLUMNS",
    "DEFAULT_WORKSPACE",
    "api_tokens",
    "artifacts",
    "audit_log",
    "channels",
    "command_assets",
    "content_items",
    "device_conflicts",
    "device_events",
    "device_health",
    "devices",
    "events",
    "files",
    "fleet_hours",
    "hub_incidents",
    "idempotency_keys",
    "login_links",
    "memberships",
    "metadata",
    "nodes",
    "playbook_revisions",
    "playbooks",
    "run_device_states",
    "run_steps",
    "runs",
    "saved_targets",
    "scan_jobs",
    "schedules",
    "sessions",
    "sweeps",
    "unidentified_transports",
    "users",
    "webhooks",
    "workspaces",
]
