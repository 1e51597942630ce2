"""Playbooks: full copies that no later edit changes, and a portable form that comes back as it went."""

import json
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.core.assets import KINDS, Effect
from rackhand.core.errors import FieldError, Invalid
from rackhand.core.playbook import (
    ADHOC_STEPS,
    MAX_STEPS,
    PLAYBOOK,
    RUN_PARAMS,
    STEPS,
    Asset,
    Step,
    check_document,
    resolve_steps,
    to_document,
)
from rackhand.core.policy import OnFailure, Policy
from rackhand.core.schema import parse

SHA = "0" * 64
SAY = Asset("a1", 3, "Say it", "shell", {"command": "echo {{ params.x }}"}, Effect.ONCE, None)
INSTALL = Asset("a2", 1, "Install", "install_apk", {"file": SHA}, Effect.REPEATABLE, 300_000)
WAIT = Asset("a3", 1, "Wait", "wait", {"duration_ms": 5}, Effect.REPEATABLE, None)
ASSETS = {asset.id: asset for asset in (SAY, INSTALL, WAIT)}


def resolve(*steps: dict[str, Any]) -> tuple[list[Step], dict[str, str]]:
    errors: list[FieldError] = []
    ids = (f"s{n}" for n in count(1))
    resolved = resolve_steps(parse(STEPS, list(steps)), ASSETS, ids, errors)
    return resolved, {error.path: error.message for error in errors}


def check(document: Any) -> tuple[Any, dict[str, str]]:
    errors: list[FieldError] = []
    found = check_document(document, errors)
    return found, {error.path: error.message for error in errors}


# --- resolving ---------------------------------------------------------------------------------------------------


def test_a_step_is_a_full_copy_of_its_asset() -> None:
    [step], errors = resolve({"asset_id": "a1"})

    assert errors == {}
    assert step == Step(
        id="s1",
        asset_id="a1",
        asset_revision=3,
        title="Say it",
        kind="shell",
        params={"command": "echo {{ params.x }}"},
        effect=Effect.ONCE,
        probability=1.0,
        timeout_ms=None,
        retry_count=None,
        on_failure=OnFailure.STOP_DEVICE,
    )


def test_a_steps_own_params_lie_over_those_of_its_asset_field_by_field() -> None:
    [step], errors = resolve({"asset_id": "a2", "params": {"replace": False}, "probability": 0.5})

    assert errors == {}
    assert step.params == {"file": SHA, "replace": False, "grant": True}
    assert INSTALL.params == {"file": SHA}
    assert (step.probability, step.file) == (0.5, SHA)


@pytest.mark.parametrize(
    ("asset_id", "own", "policy_ms", "used"),
    [("a2", None, 1000, 300_000), ("a2", 7, 1000, 7), ("a3", None, 1000, 1000), ("a3", 7, 1000, 7)],
)
def test_a_steps_own_time_limit_beats_its_assets_which_beats_the_policys(
    asset_id: str, own: int | None, policy_ms: int, used: int
) -> None:
    [step], _ = resolve({"asset_id": asset_id, "timeout_ms": own})

    assert step.with_policy(Policy(timeout_ms=policy_ms)).timeout_ms == used


@pytest.mark.parametrize(("own", "used"), [(None, 2), (0, 0), (5, 5)])
def test_a_steps_own_retries_beat_the_policys(own: int | None, used: int) -> None:
    [step], _ = resolve({"asset_id": "a3", "retry_count": own})

    resolved = step.with_policy(Policy(retry_count=2))

    assert resolved.retry_count == used
    assert replace(resolved, timeout_ms=None, retry_count=own) == step


def test_every_wrong_step_is_named_at_once() -> None:
    steps, errors = resolve(
        {"asset_id": "gone"},
        {"asset_id": "a3", "params": {"duration_ms": -1, "speed": 2}},
        {"asset_id": "a1", "params": {"command": "echo {{ user.name }}"}},
        {"asset_id": "a3"},
    )

    assert errors == {
        "/steps/0/asset_id": "names no command asset: gone",
        "/steps/1/params/speed": "is not a known field",
        "/steps/1/params/duration_ms": "must be from 0 to 86400000",
        "/steps/2/params/command": "has the unknown placeholder user.name",
    }
    assert [step.id for step in steps] == ["s2", "s3", "s4"]


@pytest.mark.parametrize(
    ("step", "path"),
    [
        ({}, "/steps/0/asset_id"),
        ({"asset_id": "a1", "params": []}, "/steps/0/params"),
        ({"asset_id": "a1", "probability": 1.5}, "/steps/0/probability"),
        ({"asset_id": "a1", "probability": -0.1}, "/steps/0/probability"),
        ({"asset_id": "a1", "timeout_ms": 0}, "/steps/0/timeout_ms"),
        ({"asset_id": "a1", "retry_count": 101}, "/steps/0/retry_count"),
        ({"asset_id": "a1", "on_failure": "retry"}, "/steps/0/on_failure"),
        ({"asset_id": "a1", "surprise": 1}, "/steps/0/surprise"),
    ],
)
def test_a_step_with_a_wrong_field_is_refused(step: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(PLAYBOOK, {"title": "Sweep", "steps": [step]})

    assert [error.path for error in refused.value.errors] == [path]


@pytest.mark.parametrize("steps", [[], [{"asset_id": "a1"}] * (MAX_STEPS + 1)])
def test_a_playbook_has_a_step_and_not_too_many(steps: list[dict[str, Any]]) -> None:
    with pytest.raises(Invalid) as refused:
        parse(PLAYBOOK, {"title": "", "steps": steps})

    assert [error.path for error in refused.value.errors] == ["/title", "/steps"]


def test_params_are_any_object_to_the_schema_because_their_kind_checks_them() -> None:
    step = STEPS.json_schema()["items"]

    assert step["properties"]["params"] == {"anyOf": [{"type": "object"}, {"type": "null"}]}
    assert step["required"] == ["asset_id"]


@pytest.mark.parametrize("name", ["", "1x", "a-b", "x" * 65, "x\n", "é"])
def test_run_params_have_names_that_a_shell_can_hold(name: str) -> None:
    assert parse(RUN_PARAMS, {"x_1": "any\nthing"}) == {"x_1": "any\nthing"}
    with pytest.raises(Invalid):
        parse(RUN_PARAMS, {name: "v"})


# --- the portable form -------------------------------------------------------------------------------------------

params_of: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "shell": st.fixed_dictionaries({"command": st.sampled_from(["true", "echo {{ params.x }}", "예"])}),
    "wait": st.fixed_dictionaries({"duration_ms": st.integers(0, 1000)}),
    "screenshot": st.just({}),
    "logcat": st.fixed_dictionaries({"lines": st.integers(1, 9)}, optional={"filter": st.just("*:E")}),
    "assert": st.just({"property": "a", "equals": ""}) | st.just({"media_playing": False}),
    "install_apk": st.just({"file": SHA, "replace": False, "grant": True}),
}


@st.composite
def any_step(draw: st.DrawFn) -> Step:
    kind = draw(st.sampled_from(sorted(params_of)))
    return Step(
        id=draw(st.uuids().map(str)),
        asset_id="a1",
        asset_revision=draw(st.integers(1, 9)),
        title=draw(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1)),
        kind=kind,
        params=draw(params_of[kind]),
        effect=draw(st.sampled_from(Effect)),
        probability=draw(st.just(1.0) | st.floats(0, 1)),
        timeout_ms=draw(st.none() | st.integers(1, 86_400_000)),
        retry_count=draw(st.none() | st.integers(0, 100)),
        on_failure=draw(st.sampled_from(OnFailure)),
    )


def is_plain(value: Any) -> bool:
    """Whether only JSON's own types are in it, so that any YAML writer takes it; enums are not."""
    if isinstance(value, dict):
        return type(value) is dict and all(type(key) is str and is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(is_plain(item) for item in value)
    return value is None or type(value) in (str, int, float, bool)


@given(any_step())
def test_a_stored_step_comes_back(step: Step) -> None:
    assert Step.of(json.loads(json.dumps(step.as_json()))) == step


@given(st.lists(any_step(), min_size=1, max_size=4))
def test_a_portable_playbook_comes_back(steps: list[Step]) -> None:
    document = to_document("Sweep", steps)

    found, errors = check(json.loads(json.dumps(document)))

    assert is_plain(document)
    assert errors == {}
    assert (found["rackhand"], found["title"]) == (1, "Sweep")
    names = ("title", "kind", "params", "effect", "probability", "timeout_ms", "retry_count", "on_failure")
    assert found["steps"] == [{name: step.as_json()[name] for name in names} for step in steps]


def test_the_portable_form_says_no_more_than_it_must() -> None:
    [short, full], _ = resolve(
        {"asset_id": "a3"},
        {"asset_id": "a1", "probability": 0.5, "timeout_ms": 9, "retry_count": 0, "on_failure": "continue"},
    )
    bare = replace(short, kind="screenshot", params={}, title="Look")

    assert to_document("Sweep", [bare, replace(full, effect=Effect.REPEATABLE)]) == {
        "rackhand": 1,
        "title": "Sweep",
        "steps": [
            {"title": "Look", "kind": "screenshot"},
            {
                "title": "Say it",
                "kind": "shell",
                "params": {"command": "echo {{ params.x }}"},
                "effect": "repeatable",
                "probability": 0.5,
                "timeout_ms": 9,
                "retry_count": 0,
                "on_failure": "continue",
            },
        ],
    }


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_imported_step_takes_the_effect_of_its_kind(kind: str) -> None:
    found, _ = check({"rackhand": 1, "title": "x", "steps": [{"title": "y", "kind": kind}]})

    assert found["steps"][0]["effect"] == KINDS[kind].effect.value


@pytest.mark.parametrize(
    ("document", "paths"),
    [
        (None, {""}),
        ([], {""}),
        ({}, {"/rackhand", "/title", "/steps"}),
        ({"rackhand": 2, "title": "x", "steps": []}, {"/rackhand", "/steps"}),
        ({"rackhand": 1, "title": "x", "steps": [{"title": "y", "kind": "dance"}]}, {"/steps/0/kind"}),
        (
            {
                "rackhand": 1,
                "title": "x",
                "steps": [
                    {"title": "y", "kind": "wait", "params": {"for": 5}},
                    {"title": "z", "kind": "shell", "params": {"command": "{{ oops }}"}},
                ],
            },
            {"/steps/0/params/for", "/steps/0/params/duration_ms", "/steps/1/params/command"},
        ),
    ],
)
def test_a_wrong_document_names_every_mistake(document: Any, paths: set[str]) -> None:
    assert set(check(document)[1]) == paths


def test_an_adhoc_step_is_of_an_asset_or_a_command_of_its_own() -> None:
    steps = parse(
        ADHOC_STEPS, [{"asset_id": "a1"}, {"kind": "shell", "params": {"command": "true"}, "effect": "repeatable"}]
    )
    assets = {"a1": Asset("a1", 3, "Look", "screenshot", {}, Effect.REPEATABLE, None)}
    errors: list[FieldError] = []
    first, second = resolve_steps(steps, assets, ["s1", "s2"], errors)
    assert errors == []
    assert (first.asset_id, first.asset_revision, second.asset_id, second.asset_revision) == ("a1", 3, "", 0)
    assert (second.title, second.effect) == ("Run a shell command", Effect.REPEATABLE)
    assert resolve_steps(parse(ADHOC_STEPS, [{"kind": "shell"}]), {}, ["s1"], errors)[0].effect is Effect.ONCE
    assert [error.path for error in errors] == ["/steps/0/params/command"]


def test_an_adhoc_step_that_is_neither_lacks_its_asset() -> None:
    with pytest.raises(Invalid) as refused:
        parse(ADHOC_STEPS, [{}, 7, {"kind": "dance"}])
    assert [error.path for error in refused.value.errors] == ["/0/asset_id", "/1", "/2/kind"]
    assert len(ADHOC_STEPS.json_schema()["items"]["anyOf"]) == 2
