"""What a run request may say, and what becomes of it: resolved steps, policy, target, seed. No run is made here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rackhand.core import dice, template
from rackhand.core.assets import KINDS
from rackhand.core.errors import FieldError, Invalid, NotFound
from rackhand.core.playbook import ADHOC_STEPS, RUN_PARAMS, RUN_SECRETS, Step
from rackhand.core.policy import POLICY_CHANGES, Policy
from rackhand.core.rollout import ROLLOUT_REQUEST
from rackhand.core.schema import Field, Integer, Record, Text
from rackhand.core.target import TARGET
from rackhand.engine import content, playbooks, preferences
from rackhand.store.db import Tx

_ID = Text(min=1, max=64)
RUN_REQUEST = Record(
    {
        "playbook_id": Field(_ID, None),
        "steps": Field(ADHOC_STEPS, None),
        "revision": Field(Integer(1, 1_000_000), None),
        "title": Field(Text(min=1, max=200), None),
        "target": TARGET,
        "params": Field(RUN_PARAMS, {}),
        "content": Field(_ID, None),
        "secrets": Field(RUN_SECRETS, {}),
        "policy": Field(POLICY_CHANGES, None),
        "seed": Field(Integer(0, dice.MAX_SEED), None),
        "rollout": Field(ROLLOUT_REQUEST, None),
    }
)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A run request after every check."""

    title: str
    playbook_id: str | None
    playbook_revision: int | None
    steps: tuple[Step, ...]
    target: dict[str, Any]
    params: dict[str, str]
    policy: Policy
    seed: int | None
    rollout: dict[str, Any] | None = None

    @property
    def is_adhoc(self) -> bool:
        return self.playbook_id is None


def resolve(tx: Tx, request: dict[str, Any], ready: Sequence[Step] | None = None) -> Resolved:
    """Check what a shape alone cannot: that the playbook exists, that steps fit, that every placeholder has a value.
    `ready` are steps that are resolved already; the request then names neither playbook nor steps."""
    errors: list[FieldError] = []
    if ready is None and (request["playbook_id"] is None) == (request["steps"] is None):
        errors.append(FieldError("/playbook_id", "give either playbook_id or steps, and not both"))
        raise Invalid(errors)
    title, revision, steps = _steps_of(tx, request, errors) if ready is None else (_adhoc_title(ready), None, ready)
    params = request["params"]
    if request["content"] is not None:
        params = params | content.run_params(tx, request["content"], "/content")
    given_names = {f"params.{name}" for name in params} | {f"secrets.{name}" for name in request["secrets"]}
    for i, step in enumerate(steps):
        template.check(step.params, f"/steps/{i}/params", errors, given_names)
    if errors:
        raise Invalid(errors)
    given = {name: value for name, value in (request["policy"] or {}).items() if value is not None}
    return Resolved(
        title=request["title"] or title,
        playbook_id=request["playbook_id"],
        playbook_revision=revision,
        steps=tuple(steps),
        target={key: value for key, value in request["target"].items() if value is not None},
        params=params,
        policy=Policy.of(preferences.default_policy(tx).as_json() | given),
        seed=request["seed"],
        rollout=request["rollout"],
    )


def _steps_of(tx: Tx, request: dict[str, Any], errors: list[FieldError]) -> tuple[str, int | None, Sequence[Step]]:
    if request["steps"] is not None:
        steps = playbooks.resolve(tx, request["steps"], errors)
        return _adhoc_title(steps), None, steps
    try:
        found = playbooks.load_revision(tx, request["playbook_id"], request["revision"])
    except NotFound as error:
        errors.append(FieldError("/playbook_id", "{detail}", {"detail": error.detail}))
        raise Invalid(errors) from error
    return found.title, found.revision, found.steps


def _adhoc_title(steps: Sequence[Step]) -> str:
    if not steps:
        return "Ad hoc"
    first = steps[0].title or KINDS[steps[0].kind].summary
    return first if len(steps) == 1 else f"{first} + {len(steps) - 1}"
