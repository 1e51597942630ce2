"""What the workspace decides for all its runs: policy defaults, limits of devices, and how long history is kept."""

from dataclasses import asdict, dataclass
from typing import Any

from rackhand.core.policy import DEFAULTS, POLICY_CHANGES, Policy
from rackhand.core.schema import Field, Integer, Number, Record
from rackhand.core.vitals import Limits
from rackhand.engine.access import Actor, audit
from rackhand.store import workspaces
from rackhand.store.db import Tx

DAY_MS = 86_400_000
MIN_EVENT_DAYS = 2
_DAYS = Integer(1, 36_500)
_EVENT_DAYS = Integer(MIN_EVENT_DAYS, 36_500)
_AUDIT_DAYS = Integer(30, 36_500)
_RETENTION = Record(
    {"run_days": Field(_DAYS, None), "event_days": Field(_EVENT_DAYS, 30), "audit_days": Field(_AUDIT_DAYS, None)}
)
_NORMAL = Limits()
_PERCENT, _MEGABYTES, _CELSIUS = Integer(0, 100), Integer(0, 10_000_000), Number(20, 90)
LIMITS = Record(
    {
        "hot_c": Field(_CELSIUS, _NORMAL.hot_c),
        "warm_c": Field(_CELSIUS, _NORMAL.warm_c),
        "min_battery": Field(_PERCENT, _NORMAL.min_battery),
        "low_battery": Field(_PERCENT, _NORMAL.low_battery),
        "min_storage_percent": Field(_PERCENT, _NORMAL.min_storage_percent),
        "low_storage_percent": Field(_PERCENT, _NORMAL.low_storage_percent),
        "min_storage_mb": Field(_MEGABYTES, _NORMAL.min_storage_mb),
        "low_storage_mb": Field(_MEGABYTES, _NORMAL.low_storage_mb),
    }
)
PREFERENCES = Record(
    {
        "policy": Field(POLICY_CHANGES, None),
        "retention": Field(_RETENTION, None),
        "limits": Field(LIMITS, None),
    }
)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long history is kept. `run_days` or `audit_days` None: for ever. An event is kept for two days at
    least: a node may send it again for 24 h."""

    run_days: int | None = None
    event_days: int = 30
    audit_days: int | None = None


@dataclass(frozen=True, slots=True)
class Preferences:
    """The settings of the workspace, resolved; `policy` is what a run gets for each field that it does not give."""

    policy: Policy
    retention: Retention
    limits: Limits


def read(tx: Tx) -> Preferences:
    """What is in force."""
    stored = workspaces.load_settings(tx)
    limits = Limits(**asdict(_NORMAL) | stored.get("limits", {}))
    return Preferences(_policy(stored), Retention(**stored.get("retention", {})), limits)


def default_policy(tx: Tx) -> Policy:
    """The policy of a run that says nothing."""
    return _policy(workspaces.load_settings(tx))


def change(tx: Tx, actor: Actor, body: dict[str, Any]) -> Preferences:
    """Replace what `body` gives: `policy`, `retention` or `limits`, each whole."""
    stored = dict(workspaces.load_settings(tx, for_update=True))
    if body["policy"] is not None:
        stored["policy"] = {name: value for name, value in body["policy"].items() if value is not None}
    if body["retention"] is not None:
        stored["retention"] = body["retention"]
    if body["limits"] is not None:
        stored["limits"] = body["limits"]
    workspaces.store_settings(tx, stored)
    audit(tx, actor, "settings.change", "settings", {name: body[name] for name in body if body[name] is not None})
    return read(tx)


def _policy(stored: dict[str, Any]) -> Policy:
    return Policy.of(DEFAULTS | stored.get("policy", {}))
