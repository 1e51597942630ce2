"""What the audit log says of a run: who started it, from where, and which commands go to which devices.

One row per run, written in the transaction that makes it, so that no run exists without it. It is a copy and outlives
the run; when each command was sent to each device is in the run's own steps. Values of secrets are in neither.
"""

from collections.abc import Sequence
from typing import Any

from rackhand.core.target import format_indexes
from rackhand.engine.run_requests import Resolved
from rackhand.store import audit
from rackhand.store.db import Tx
from rackhand.store.runs import RunRow

MAX_TEXT = 1_000
"""Of one parameter: a script is longer only where its beginning says what it is; the revision has it whole."""


def note(
    tx: Tx,
    run: RunRow,
    resolved: Resolved,
    indexes: Sequence[int],
    remote_addr: str | None,
    secrets: Sequence[str],
) -> None:
    """Append the row of a run that sends its steps to the devices with these indexes. `secrets`: their names."""
    detail: dict[str, Any] = {
        "title": run.title,
        "trigger": run.trigger,
        "playbook": run.playbook_id,
        "revision": run.playbook_revision,
        "target": run.target,
        "devices": format_indexes(indexes),
        "device_count": len(indexes),
        "commands": [
            {"kind": step.kind, "title": step.title, "params": clipped(step.params)} for step in resolved.steps
        ],
    }
    if run.params:
        detail["params"] = clipped(run.params)
    if secrets:
        detail["secrets"] = list(secrets)
    if run.parent_run_id is not None:
        detail["parent"] = run.parent_run_id
    action = "run.create" if run.parent_run_id is None else "run.rerun"
    audit.add_audit(tx, run.created_by or "system", action, f"run:{run.id}", detail, remote_addr)


def clipped(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters with long texts cut."""
    return {name: _cut(value) if isinstance(value, str) else value for name, value in params.items()}


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… ({len(text)})"
