"""What `/commands` shows of command assets: how each did lately, and where it is used; and trying one on one device.

Lately is bounded, so that the page costs the same after ten million steps: the newest RUNS runs say when a command was
used last, and of these as many as have ATTEMPTS attempts at most say how often it succeeded.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rackhand.core import template
from rackhand.core.clock import Millis
from rackhand.core.schema import parse
from rackhand.engine import catalog, runs
from rackhand.engine.access import Actor
from rackhand.engine.catalog import AssetView
from rackhand.engine.run_requests import RUN_REQUEST
from rackhand.engine.runs import Created, Origin
from rackhand.store import catalog as rows
from rackhand.store import devices, uses
from rackhand.store.db import Tx
from rackhand.store.run_secrets import Sealed

RUNS = 200
ATTEMPTS = 20_000
PLAYBOOKS = 500
FOLDERS = 200


@dataclass(slots=True)
class Use:
    """Of one command: attempts that ended lately, and how many of them succeeded."""

    last_used_at: Millis | None = None
    ended: int = 0
    succeeded: int = 0
    playbooks: int = 0

    @property
    def share(self) -> float | None:
        """0..1; None if nothing ended."""
        return self.succeeded / self.ended if self.ended else None


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command asset in the table."""

    asset: AssetView
    use: Use


@dataclass(frozen=True, slots=True)
class CommandTable:
    """One page of the table; `folders` are all folders, `seen_runs` how many runs the figures are of."""

    items: tuple[CommandRow, ...]
    next_cursor: str | None
    folders: tuple[str, ...]
    seen_runs: int
    has_any: bool


@dataclass(frozen=True, slots=True)
class CommandPage:
    """One command: what its editor and its trial show. `placeholders` and `secrets` need a value to run;
    `device` is a good one."""

    asset: AssetView
    file_name: str | None
    folders: tuple[str, ...]
    placeholders: tuple[str, ...]
    secrets: tuple[str, ...]
    device: int | None


@dataclass(slots=True)
class _Seen:
    """What the newest runs tell: uses by command."""

    runs: int = 0
    by_asset: dict[str, Use] = field(default_factory=dict)

    def of(self, asset_id: str) -> Use:
        return self.by_asset.setdefault(asset_id, Use())


def read_table(tx: Tx, query: dict[str, Any]) -> CommandTable:
    """`query` has what `catalog.list_assets` takes."""
    found = catalog.list_assets(tx, query)
    seen = _seen(tx)
    items = tuple(CommandRow(asset, seen.of(asset.id)) for asset in found.items)
    is_narrowed = any(query.get(name) for name in ("q", "folder", "kind", "cursor", "is_archived"))
    return CommandTable(items, found.next_cursor, _folders(tx), seen.runs, bool(items) or is_narrowed)


def _seen(tx: Tx) -> _Seen:
    seen, left = _Seen(), ATTEMPTS
    newest = uses.newest_runs(tx, RUNS)
    steps = uses.steps_of(tx, {(run.playbook_id, run.playbook_revision) for run in newest})
    counted: dict[str, list[str]] = {}
    for run in newest:
        asset_ids = [str(step["asset_id"]) for step in steps.get((run.playbook_id, run.playbook_revision), [])]
        for asset_id in asset_ids:
            use = seen.of(asset_id)
            use.last_used_at = use.last_used_at or run.created_at
        left -= run.count_total * len(asset_ids)
        if left >= 0 or not counted:
            counted[run.id] = asset_ids
    for outcome in uses.outcomes(tx, list(counted)):
        asset_ids = counted[outcome.run_id]
        if outcome.step_index < len(asset_ids):
            use = seen.of(asset_ids[outcome.step_index])
            use.ended += outcome.count
            use.succeeded += outcome.count if outcome.status == "succeeded" else 0
    for listed in uses.steps_of_playbooks(tx, PLAYBOOKS):
        for asset_id in Counter(str(step["asset_id"]) for step in listed):
            seen.of(asset_id).playbooks += 1
    seen.runs = len(counted)
    return seen


def _folders(tx: Tx) -> tuple[str, ...]:
    return tuple(rows.folders(tx, FOLDERS))


def read_folders(tx: Tx) -> tuple[str, ...]:
    """All folders, by name."""
    return _folders(tx)


def read_command(tx: Tx, asset_id: str) -> CommandPage:
    """One command; NotFound."""
    asset = catalog.get_asset(tx, asset_id)
    file = None if asset.sha256 is None else rows.get_file(tx, asset.sha256)
    return CommandPage(
        asset=asset,
        file_name=None if file is None else file.name,
        folders=_folders(tx),
        placeholders=template.names_of(asset.params, "params"),
        secrets=template.names_of(asset.params, "secrets"),
        device=devices.first_idle(tx),
    )


@dataclass(frozen=True, slots=True)
class TrialValues:
    """What a trial gives the placeholders of its command; `secrets` in the clear for the checks, `sealed` to
    be kept."""

    params: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    sealed: Mapping[str, Sealed] = field(default_factory=dict)


def try_command(tx: Tx, actor: Actor, asset_id: str, index: int, values: TrialValues) -> Created:
    """Run a command as it is saved, once, on one device: an ad hoc run, recorded like every other."""
    asset = catalog.get_asset(tx, asset_id)
    wanted = {
        "steps": [{"asset_id": asset.id}],
        "target": {"scope": "indexes", "indexes": str(index)},
        "params": dict(values.params),
        "secrets": dict(values.secrets),
        "title": asset.title,
    }
    origin = Origin("adhoc", actor.name, remote_addr=actor.remote_addr, sealed=values.sealed)
    return runs.create_run(tx, parse(RUN_REQUEST, wanted), origin)
