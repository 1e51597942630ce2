"""A draft as it was typed: read from a form or a revision, edited by its buttons, turned into a body for the engine.

Everything in it is text, as in the form, so that nothing that was typed is lost. Pure: no request, no database.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rackhand.core.assets import KINDS
from rackhand.core.playbook import Step
from rackhand.core.schema import Boolean, Field, Record, Spec
from rackhand.engine.catalog import AssetView
from rackhand.engine.drafts import Known
from rackhand.engine.playbooks import PlaybookRevision
from rackhand.server.web.forms import nest

EDITS = ("up", "down", "duplicate", "delete", "add", "update", "draw")
_SCOPES = {"indexes": "indexes", "labels": "labels", "nodes": "nodes"}
_TYPED_STEP = ("asset_id", "copy_of", "probability", "retry_count", "on_failure")


@dataclass(slots=True)
class Draft:
    """Texts by field; `steps` and `run` have the shape of the form."""

    title: str = ""
    playbook_id: str = ""
    revision: str = ""
    steps: list[dict[str, Any]] = field(default_factory=list)
    run: dict[str, Any] = field(default_factory=dict)

    @property
    def base(self) -> tuple[str | None, int | None]:
        """The playbook and revision that it was loaded from."""
        known = self.playbook_id and self.revision.isascii() and self.revision.isdigit()
        return (self.playbook_id[:64], int(self.revision[:7])) if known else (self.playbook_id[:64] or None, None)

    def asset_ids(self) -> set[str]:
        return {text_at(step, "asset_id")[:64] for step in self.steps} - {""}


def read(pairs: Iterable[tuple[str, str]]) -> Draft:
    """From the fields of the form; what has another shape than the form is dropped."""
    tree = nest((name, value) for name, value in pairs if name.startswith("/"))
    steps, run = tree.get("steps"), tree.get("run")
    return Draft(
        text_at(tree, "title"),
        text_at(tree, "playbook_id"),
        text_at(tree, "revision"),
        [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else [],
        run if isinstance(run, dict) else {},
    )


def text_at(tree: Any, *keys: str) -> str:
    """A text in the tree; "" where there is none."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree if isinstance(tree, str) else ""


def below(tree: dict[str, Any], key: str) -> dict[str, Any]:
    """A branch of the tree; {} where there is none."""
    found = tree.get(key)
    return found if isinstance(found, dict) else {}


def of_revision(revision: PlaybookRevision) -> Draft:
    """A saved revision, opened for editing."""
    steps = [of_copy(step) for step in revision.steps]
    return Draft(revision.title, revision.playbook_id, str(revision.revision), steps)


def of_copy(step: Step) -> dict[str, Any]:
    return {
        "asset_id": step.asset_id,
        "copy_of": step.id,
        "probability": f"{step.probability:g}",
        "timeout_s": seconds(step.timeout_ms),
        "retry_count": "" if step.retry_count is None else str(step.retry_count),
        "on_failure": step.on_failure.value,
        "params": {name: as_text(value) for name, value in step.params.items()},
    }


def of_asset(asset: AssetView) -> dict[str, Any]:
    """A new step over a command as it is now."""
    return {
        "asset_id": asset.id,
        "copy_of": "",
        "probability": "1",
        "timeout_s": seconds(asset.default_timeout_ms),
        "retry_count": "",
        "on_failure": "stop_device",
        "params": {name: as_text(value) for name, value in asset.params.items()},
    }


def as_text(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def seconds(ms: int | None) -> str:
    """90000 -> `90`, 1500 -> `1.5`, None -> ``."""
    return "" if ms is None else f"{ms / 1000:.3f}".rstrip("0").rstrip(".")


def edit(draft: Draft, do: str, known: Known) -> None:
    """Do what a button without JavaScript says: `up:2`, `add:<asset>`; what does not fit does nothing."""
    verb, _, argument = do.partition(":")
    steps = draft.steps
    if verb == "add" and argument in known.assets:
        steps.append(of_asset(known.assets[argument]))
    elif verb == "update":
        draft.steps = [_updated(step, known) for step in steps]
    elif argument.isascii() and argument.isdigit() and int(argument[:5]) < len(steps):
        _edit_step(steps, verb, int(argument[:5]))


def _edit_step(steps: list[dict[str, Any]], verb: str, at: int) -> None:
    match verb:
        case "up" if at > 0:
            steps.insert(at - 1, steps.pop(at))
        case "down":
            steps.insert(at + 1, steps.pop(at))
        case "duplicate":
            steps.insert(at + 1, {**steps[at], "params": dict(below(steps[at], "params"))})
        case "delete":
            del steps[at]


def _updated(step: dict[str, Any], known: Known) -> dict[str, Any]:
    """With its command as it is now, if that was edited since; probability, retries and what follows a failure stay."""
    copy = known.copy(text_at(step, "copy_of"))
    if copy is None or not known.has_newer(copy):
        return step
    fresh = of_asset(known.assets[copy.asset_id])
    return fresh | {name: step[name] for name in ("probability", "retry_count", "on_failure") if name in step}


def to_body(draft: Draft, known: Known) -> dict[str, Any]:
    """The draft with numbers for texts where numbers belong; the engine's specs check it."""
    playbook_id, revision = draft.base
    return {
        "playbook_id": playbook_id,
        "revision": revision,
        "title": draft.title,
        "steps": [_step(step, known) for step in draft.steps],
        "run": _run(draft.run),
    }


def save_body(draft: Draft, known: Known) -> dict[str, Any]:
    """The part of it that is saved."""
    return {name: value for name, value in to_body(draft, known).items() if name != "run"}


def _step(step: dict[str, Any], known: Known) -> dict[str, Any]:
    body: dict[str, Any] = {name: step[name] for name in _TYPED_STEP if step.get(name, "") != ""}
    body.setdefault("asset_id", "")
    for name, convert in (("probability", number), ("retry_count", number)):
        if name in body:
            body[name] = convert(body[name])
    timeout_ms = _milliseconds(step, "timeout")
    if timeout_ms is not None:
        body["timeout_ms"] = timeout_ms
    body["params"] = _params(step, known)
    return body


def _params(step: dict[str, Any], known: Known) -> dict[str, Any]:
    """Typed by the kind of the command. An emptied optional field is null: not what the command says, but nothing."""
    kind = kind_of(step, known)
    given = {name: value for name, value in below(step, "params").items() if isinstance(value, str)}
    if kind not in KINDS:
        return given
    spec = KINDS[kind].params
    params = nest(((f"/{name}", text) for name, text in given.items()), spec)
    emptied = {name for name, text in given.items() if text == "" and _is_clearable(spec, name)}
    return params | dict.fromkeys(emptied)


def _is_clearable(spec: Record, name: str) -> bool:
    entry: Spec | Field | None = spec.fields.get(name)
    return isinstance(entry, Field) and entry.default is None and not isinstance(entry.spec, Boolean)


def kind_of(step: dict[str, Any], known: Known) -> str | None:
    """The kind of a step's command: that of the copy that it keeps, else of the command; None if neither is known."""
    source = known.copy(text_at(step, "copy_of")) or known.assets.get(text_at(step, "asset_id"))
    return None if source is None else source.kind


def run_body(draft: Draft) -> dict[str, Any]:
    """How it is to run: target, values and policy, as a run request has them."""
    return _run(draft.run)


def _run(run: dict[str, Any]) -> dict[str, Any]:
    params = {name: text for name, text in below(run, "params").items() if isinstance(text, str)}
    secrets = {name: text for name, text in below(run, "secrets").items() if isinstance(text, str) and text}
    body: dict[str, Any] = {"target": _target(below(run, "target")), "params": params, "secrets": secrets}
    if text_at(run, "content"):
        body["content"] = text_at(run, "content")
    policy = _policy(below(run, "policy"))
    if policy:
        body["policy"] = policy
    if below(run, "rollout").get("on") == "true":
        body["rollout"] = rollout_of(below(run, "rollout"))
    seed = text_at(run, "seed") or (text_at(run, "planned_seed") if "rollout" in body else "")
    if seed:
        body["seed"] = number(seed)
    return body


def rollout_of(rollout: dict[str, Any]) -> dict[str, Any]:
    """`1, 10%, 100%` and a share in percent; what was left empty is the default."""
    body: dict[str, Any] = {"auto": text_at(rollout, "by_hand") != "true"}
    waves = [part.strip() for part in text_at(rollout, "waves").split(",")]
    if any(waves):
        body["waves"] = [number(wave) for wave in waves]
    percent = text_at(rollout, "max_failed_percent")
    if percent:
        value = number(percent)
        body["max_failed_ratio"] = value if isinstance(value, str) else value / 100
    return body


def _target(target: dict[str, Any]) -> dict[str, Any]:
    """Only what belongs to the scope that was chosen; the other boxes keep what was typed."""
    scope = text_at(target, "scope") or "all"
    body: dict[str, Any] = {"scope": scope}
    if scope in _SCOPES:
        body[_SCOPES[scope]] = target.get(_SCOPES[scope], [] if scope == "nodes" else "")
    if scope == "labels":
        body["labels"] = labels_of(text_at(target, "labels"))
    if text_at(target, "exclude").strip():
        body["exclude"] = text_at(target, "exclude")
    return body


def labels_of(text: str) -> dict[str, str] | str:
    """`rack=a, floor=2` as an object; the text itself where a part has no name."""
    labels = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if not name.strip() or "=" not in part:
            return text
        labels[name.strip()] = value.strip()
    return labels or text


def _policy(policy: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {
        name: number(text_at(policy, name))
        for name in ("concurrency", "retry_count", "deadline_s")
        if text_at(policy, name)
    }
    for name in ("timeout", "grace_wait"):
        ms = _milliseconds(policy, name)
        if ms is not None:
            body[f"{name}_ms"] = ms
    wait_s = text_at(policy, "offline", "wait_s")
    if wait_s:
        body["offline"] = {"wait_s": number(wait_s)}
    return body


def _milliseconds(fields: dict[str, Any], name: str) -> int | float | str | None:
    """`<name>_s` of the form in milliseconds, or `<name>_ms` as it is."""
    typed = text_at(fields, f"{name}_s")
    if typed:
        value = number(typed)
        return value if isinstance(value, str) else round(value * 1000)
    exact = text_at(fields, f"{name}_ms")
    return number(exact) if exact else None


def number(text: str) -> int | float | str:
    """The number in a text, or the text, which the check then refuses."""
    try:
        value = float(text)
    except ValueError:
        return text
    if value != value or abs(value) > 2**53:
        return text
    return int(value) if value.is_integer() else value
