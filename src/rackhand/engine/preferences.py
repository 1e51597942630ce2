"""What the workspace decides for all its runs: policy defaults, and how long history is kept."""

from dataclasses import dataclass
from typing import Any

from rackhand.core.policy import DEFAULTS, POLICY_CHANGES, Policy
from rackhand.core.schema import Field, Integer, Record
from rackhand.engine.access import Actor, audit
from rackhand.store import workspaces
from rackhand.store.db import Tx

DAY_MS = 86_400_000
MIN_EVENT_DAYS = 2
_DAYS = Integer(1, 36_500)
_EVENT_DAYS = Integer(MIN_EVENT_DAYS, 36_500)
_AUDIT_DAYS = Integer(30, 36_500)
PREFERENCES = Record(
    {
        "policy": Field(POLICY_CHANGES, None),
        "retention": Field(
            Record(
                {
                    "run_days": Field(_DAYS, None),
                    "event_days": Field(_EVENT_DAYS, 30),
                    "audit_days": Field(_AUDIT_DAYS, None),
                }
            ),
            None,
        ),
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


def read(tx: Tx) -> Preferences:
    """What is in force."""
    stored = workspaces.load_settings(tx)
    return Preferences(_policy(stored), Retention(**stored.get("retention", {})))


def default_policy(tx: Tx) -> Policy:
    """The policy of a run that says nothing."""
    return _policy(workspaces.load_settings(tx))


def change(tx: Tx, actor: Actor, body: dict[str, Any]) -> Preferences:
    """Replace what `body` gives: `policy` or `retention`, each whole."""
    stored = dict(workspaces.load_settings(tx, for_update=True))
    if body["policy"] is not None:
        stored["policy"] = {name: value for name, value in body["policy"].items() if value is not None}
    if body["retention"] is not None:
        stored["retention"] = body["retention"]
    workspaces.store_settings(tx, stored)
    audit(tx, actor, "settings.change", "settings", {name: body[name] for name in body if body[name] is not None})
    return read(tx)


def _policy(stored: dict[str, Any]) -> Policy:
    return Policy.of(DEFAULTS | stored.get("policy", {}))
