"""Playbooks: ordered steps over command assets, resolved to full copies that no later edit changes."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from rackhand.core import template
from rackhand.core.assets import KINDS, Effect, check_params, file_of
from rackhand.core.errors import FieldError
from rackhand.core.masking import MIN_SECRET
from rackhand.core.policy import OnFailure, Policy
from rackhand.core.schema import Choice, Field, Integer, ListOf, MapOf, Number, Record, Text, pointer

MAX_STEPS = 200


@dataclass(frozen=True, slots=True)
class AnyObject:
    """An object whose fields another rule checks (a step's params: by the kind of its asset)."""

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any:
        if not isinstance(value, dict):
            errors.append(FieldError(path, "must be an object"))
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "object"}


STEP = Record(
    {
        "asset_id": Text(min=1, max=64),
        "params": Field(AnyObject(), None),
        "probability": Field(Number(0, 1), 1),
        "timeout_ms": Field(Integer(1, 86_400_000), None),
        "retry_count": Field(Integer(0, 100), None),
        "on_failure": Field(Choice(tuple(OnFailure)), OnFailure.STOP_DEVICE.value),
    }
)
STEPS = ListOf(STEP, min=1, max=MAX_STEPS)
_COMMAND_STEP = Record(
    {
        "title": Field(Text(min=1, max=200), None),
        "kind": Choice(tuple(KINDS)),
        "effect": Field(Choice(tuple(Effect)), None),
        **{name: entry for name, entry in STEP.fields.items() if name != "asset_id"},
    }
)


@dataclass(frozen=True, slots=True)
class AdhocStep:
    """A step of a run without a playbook: of an asset, or with `kind` a command of its own ("try it")."""

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any:
        shape = _COMMAND_STEP if isinstance(value, dict) and "kind" in value else STEP
        return shape.check(value, path, errors)

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [STEP.json_schema(), _COMMAND_STEP.json_schema()]}


ADHOC_STEPS = ListOf(AdhocStep(), min=1, max=MAX_STEPS)
PLAYBOOK = Record({"title": Text(min=1, max=200), "steps": STEPS})
RUN_PARAMS = MapOf(
    Text(max=65_536),
    key=Text(min=1, max=64, pattern=template.PARAM_NAME_PATTERN, hint="a name of letters, digits and _"),
)

RUN_SECRETS = MapOf(Text(min=MIN_SECRET, max=4_096), key=RUN_PARAMS.key, max=20)
"""Values that only the node gets; too short ones could not be masked."""


@dataclass(frozen=True, slots=True)
class Asset:
    """What a step copies from its command asset."""

    id: str
    revision: int
    title: str
    kind: str
    params: dict[str, Any]
    effect: Effect
    default_timeout_ms: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a playbook revision: a full copy of its asset and its own settings (None = the next rule's)."""

    id: str
    asset_id: str
    asset_revision: int
    title: str
    kind: str
    params: dict[str, Any]
    effect: Effect
    probability: float
    timeout_ms: int | None
    retry_count: int | None
    on_failure: OnFailure

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Step":
        """From what `as_json` made."""
        return cls(**{**stored, "effect": Effect(stored["effect"]), "on_failure": OnFailure(stored["on_failure"])})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def file(self) -> str | None:
        """The sha256 of the file that this step needs on the node."""
        return file_of(self.kind, self.params)

    def with_policy(self, policy: Policy) -> "Step":
        """With no None left: a step's own value beats its asset's (copied in), which beats the policy's."""
        return replace(
            self,
            timeout_ms=policy.timeout_ms if self.timeout_ms is None else self.timeout_ms,
            retry_count=policy.retry_count if self.retry_count is None else self.retry_count,
        )


def resolve_steps(
    steps: Iterable[dict[str, Any]],
    assets: Mapping[str, Asset],
    ids: Iterable[str],
    errors: list[FieldError],
    path: str = "/steps",
) -> list[Step]:
    """Full copies of checked steps; unknown assets and params that do not fit their kind are appended to `errors`.

    A step's own params are laid over those of its asset, field by field.
    """
    resolved = []
    for i, (step, step_id) in enumerate(zip(steps, ids, strict=False)):
        where = pointer(path, i)
        asset = _own_command(step) if "kind" in step else assets.get(step["asset_id"])
        if asset is None:
            errors.append(
                FieldError(pointer(where, "asset_id"), "names no command asset: {id}", {"id": step["asset_id"]})
            )
            continue
        resolved.append(_copy(step, asset, step_id, where, errors))
    return resolved


def _own_command(step: Mapping[str, Any]) -> Asset:
    """What an ad hoc step says instead of an asset; its id is empty."""
    kind = KINDS[step["kind"]]
    effect = kind.effect if step["effect"] is None else Effect(step["effect"])
    return Asset("", 0, step["title"] or kind.summary, kind.name, {}, effect, kind.default_timeout_ms)


def _copy(step: dict[str, Any], asset: Asset, step_id: str, where: str, errors: list[FieldError]) -> Step:
    params = check_params(asset.kind, asset.params | (step["params"] or {}), pointer(where, "params"), errors)
    template.check(params, pointer(where, "params"), errors)
    return Step(
        id=step_id,
        asset_id=asset.id,
        asset_revision=asset.revision,
        title=asset.title,
        kind=asset.kind,
        params=params,
        effect=asset.effect,
        probability=float(step["probability"]),
        timeout_ms=asset.default_timeout_ms if step["timeout_ms"] is None else step["timeout_ms"],
        retry_count=step["retry_count"],
        on_failure=OnFailure(step["on_failure"]),
    )


def to_document(title: str, steps: Iterable[Step]) -> dict[str, Any]:
    """The portable form of a playbook (YAML export): assets by kind and params, no ids of this installation."""
    return {"rackhand": 1, "title": title, "steps": [_portable(step) for step in steps]}


def _portable(step: Step) -> dict[str, Any]:
    entry: dict[str, Any] = {"title": step.title, "kind": step.kind}
    if step.params:
        entry["params"] = step.params
    if step.effect is not KINDS[step.kind].effect:
        entry["effect"] = step.effect.value
    if step.probability != 1:
        entry["probability"] = step.probability
    for name in ("timeout_ms", "retry_count"):
        if getattr(step, name) is not None:
            entry[name] = getattr(step, name)
    if step.on_failure is not OnFailure.STOP_DEVICE:
        entry["on_failure"] = step.on_failure.value
    return entry


_PORTABLE_STEP = Record(
    {
        "title": Text(min=1, max=200),
        "kind": Choice(tuple(KINDS)),
        "params": Field(AnyObject(), {}),
        "effect": Field(Choice(tuple(Effect)), None),
        "probability": Field(Number(0, 1), 1),
        "timeout_ms": Field(Integer(1, 86_400_000), None),
        "retry_count": Field(Integer(0, 100), None),
        "on_failure": Field(Choice(tuple(OnFailure)), OnFailure.STOP_DEVICE.value),
    }
)
DOCUMENT = Record(
    {"rackhand": Integer(1, 1), "title": Text(min=1, max=200), "steps": ListOf(_PORTABLE_STEP, 1, MAX_STEPS)}
)
"""The portable form; import makes a command asset for each step that has no equal one yet."""


def check_document(value: Any, errors: list[FieldError]) -> dict[str, Any]:
    """A portable playbook with its defaults; params are checked by kind."""
    document: dict[str, Any] = DOCUMENT.check(value, "", errors)
    if errors:
        return document
    for i, step in enumerate(document["steps"]):
        where = f"/steps/{i}/params"
        step["params"] = check_params(step["kind"], step["params"], where, errors)
        template.check(step["params"], where, errors)
        step["effect"] = step["effect"] or KINDS[step["kind"]].effect.value
    return document
