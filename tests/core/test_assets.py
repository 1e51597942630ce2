"""Command kinds: each has a good example, and each of its fields a bad one that is named."""

from typing import Any

import pytest

from rackhand.core.assets import KINDS, Effect, check_asset, check_params, file_of
from rackhand.core.errors import FieldError

SHA = "0123456789abcdef" * 4
GOOD: dict[str, list[dict[str, Any]]] = {
    "shell": [{"command": "echo hi"}],
    "screenshot": [{}],
    "reboot": [{}],
    "reconnect": [{}],
    "open_url": [{"url": "https://example.org"}, {"url": "market://x", "package": "com.android.vending"}],
    "start_app": [{"package": "com.example"}, {"package": "com.example", "activity": ".Main"}],
    "stop_app": [{"package": "com.example"}],
    "uninstall": [{"package": "com.example"}],
    "install_apk": [{"file": SHA, "replace": False, "grant": False}],
    "push_file": [{"file": SHA, "dest": "/sdcard/x"}],
    "pull_file": [{"path": "/sdcard/x"}],
    "input": [
        {"action": "tap", "x": 1, "y": 2},
        {"action": "swipe", "x": 1, "y": 2, "x2": 3, "y2": 4, "duration_ms": 300},
        {"action": "text", "text": "hello"},
        {"action": "key", "key": "HOME"},
    ],
    "wait": [{"duration_ms": 0}],
    "wait_for": [
        {"property": "sys.boot_completed", "equals": "1"},
        {"property": "x", "equals": ""},
        {"focused_app": "com.example"},
        {"dumpsys": "power", "contains": "mWakefulness=Awake"},
        {"command": "true"},
        {"command": "true", "exit_code": 0, "matches": "^ok$"},
        {"media_playing": False},
    ],
    "assert": [{"media_playing": True, "focused_app": "com.example"}],
    "logcat": [{"lines": 500}, {"lines": 1, "duration_ms": 10, "filter": "*:E"}],
    "set_setting": [{"namespace": "system", "key": "screen_brightness", "value": ""}],
}
BAD: dict[str, dict[str, Any]] = {
    "shell": {"command": ""},
    "screenshot": {},
    "reboot": {},
    "reconnect": {},
    "open_url": {"url": 5, "package": ""},
    "start_app": {"package": "", "activity": ""},
    "stop_app": {"package": None},
    "uninstall": {"package": "x" * 256},
    "install_apk": {"file": SHA.upper(), "replace": 1, "grant": None},
    "push_file": {"file": "../x", "dest": ""},
    "pull_file": {"path": "\x00"},
    "input": {
        "action": "shake",
        "x": -1,
        "y": 1.5,
        "x2": "1",
        "y2": 100_001,
        "duration_ms": 60_001,
        "text": "",
        "key": "K" * 65,
    },
    "wait": {"duration_ms": -1},
    "wait_for": {
        "property": "",
        "equals": 1,
        "focused_app": "",
        "dumpsys": "",
        "contains": "",
        "command": "",
        "exit_code": 256,
        "matches": "",
        "media_playing": "yes",
    },
    "assert": {
        "property": 1,
        "equals": "x" * 4097,
        "focused_app": [],
        "dumpsys": {},
        "contains": False,
        "command": 0,
        "exit_code": -1,
        "matches": 1,
        "media_playing": 0,
    },
    "logcat": {"lines": 0, "duration_ms": 0, "filter": ""},
    "set_setting": {"namespace": "local", "key": "", "value": None},
}


def check(kind: str, params: Any) -> tuple[Any, dict[str, str]]:
    errors: list[FieldError] = []
    found = check_params(kind, params, "/params", errors)
    paths = {error.path: error.message for error in errors}
    assert len(paths) == len(errors)
    return found, paths


def test_every_kind_and_every_field_is_covered_here() -> None:
    assert list(KINDS) == list(GOOD) == list(BAD)
    assert {name: set(kind.params.fields) for name, kind in KINDS.items()} == {k: set(v) for k, v in BAD.items()}
    assert all(kind.summary for kind in KINDS.values())


@pytest.mark.parametrize(("kind", "params"), [(kind, params) for kind, many in GOOD.items() for params in many])
def test_good_examples(kind: str, params: dict[str, Any]) -> None:
    assert check(kind, params) == (params, {})


@pytest.mark.parametrize("kind", KINDS)
def test_all_bad_fields_are_named_at_once(kind: str) -> None:
    _, errors = check(kind, {**BAD[kind], "surplus": 1})

    assert set(errors) == {f"/params/{name}" for name in [*BAD[kind], "surplus"]}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, fields in BAD.items() for name in fields])
def test_each_bad_field_alone_is_the_only_one_named(kind: str, name: str) -> None:
    _, errors = check(kind, {**GOOD[kind][-1], name: BAD[kind][name]})

    assert list(errors) == [f"/params/{name}"]


@pytest.mark.parametrize("kind", KINDS)
def test_params_must_be_an_object(kind: str) -> None:
    assert check(kind, []) == ([], {"/params": "must be an object"})


@pytest.mark.parametrize(
    ("kind", "params", "errors"),
    [
        ("wait_for", {}, {"": "needs one or more of property, focused_app, dumpsys, command, media_playing"}),
        ("assert", {"property": "a"}, {"/equals": "is required with property"}),
        ("assert", {"dumpsys": "a"}, {"/contains": "is required with dumpsys"}),
        ("assert", {"focused_app": "a", "exit_code": 0}, {"/command": "is required with exit_code"}),
        (
            "assert",
            {"equals": "a"},
            {
                "": "needs one or more of property, focused_app, dumpsys, command, media_playing",
                "/property": "is required with equals",
            },
        ),
        ("input", {"action": "tap", "y": 1}, {"/x": "is required with tap"}),
        (
            "input",
            {"action": "swipe", "x": 1, "y": 1},
            {"/x2": "is required with swipe", "/y2": "is required with swipe"},
        ),
        ("input", {"action": "text"}, {"/text": "is required with text"}),
        ("input", {"action": "key", "key": None}, {"/key": "is required with key"}),
    ],
)
def test_fields_that_need_each_other(kind: str, params: dict[str, Any], errors: dict[str, str]) -> None:
    assert check(kind, params)[1] == {f"/params{path}": message for path, message in errors.items()}


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "a{1,99999999999999}"])
def test_a_pattern_that_is_no_regular_expression_is_refused_when_saved(pattern: str) -> None:
    _, errors = check("assert", {"command": "x", "matches": pattern})

    assert errors["/params/matches"].startswith("is not a regular expression: ")


def test_defaults_are_filled_in_and_absent_fields_left_out() -> None:
    assert check("install_apk", {"file": SHA})[0] == {"file": SHA, "replace": True, "grant": True}
    assert check("logcat", {"filter": None})[0] == {"lines": 500}


def test_what_may_be_repeated_is_as_in_the_design() -> None:
    once = {name for name, kind in KINDS.items() if kind.effect is Effect.ONCE}

    assert once == {"shell", "input", "start_app", "open_url", "reboot", "push_file"}


def test_the_file_that_a_step_needs() -> None:
    assert {kind: file_of(kind, {"file": SHA}) for kind in KINDS if file_of(kind, {"file": SHA})} == {
        "install_apk": SHA,
        "push_file": SHA,
    }


def asset(value: Any) -> tuple[dict[str, Any], list[str]]:
    errors: list[FieldError] = []
    found = check_asset(value, errors)
    return found, [error.path for error in errors]


def test_an_asset_takes_its_defaults_from_its_kind() -> None:
    assert asset({"title": "Restart", "kind": "reboot"}) == (
        {
            "title": "Restart",
            "kind": "reboot",
            "params": {},
            "folder": "",
            "default_timeout_ms": 240_000,
            "effect": "once",
        },
        [],
    )


def test_an_asset_may_override_effect_and_time_limit() -> None:
    found, errors = asset(
        {"title": "Ls", "kind": "shell", "params": {"command": "ls"}, "effect": "repeatable", "default_timeout_ms": 5}
    )

    assert (found["effect"], found["default_timeout_ms"], errors) == ("repeatable", 5, [])


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ([], [""]),
        (None, [""]),
        ({}, ["/title", "/kind"]),
        ({"title": "x", "kind": "dance", "params": 5}, ["/kind"]),
        ({"title": "x", "kind": ["shell"]}, ["/kind"]),
        ({"title": "x", "kind": {}}, ["/kind"]),
        ({"title": "x", "kind": "wait", "params": None}, ["/params"]),
        ({"title": "x", "kind": "wait"}, ["/params/duration_ms"]),
        (
            {"title": "", "kind": "wait", "effect": "twice", "default_timeout_ms": 0, "params": {"z": 1}, "id": "a"},
            ["/id", "/title", "/default_timeout_ms", "/effect", "/params/z", "/params/duration_ms"],
        ),
    ],
)
def test_all_mistakes_of_an_asset_are_named_at_once(value: Any, paths: list[str]) -> None:
    assert asset(value)[1] == paths
