"""Templates: values are data. A real shell is asked what becomes of them."""

import shutil
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rackhand.core import template
from rackhand.core.errors import FieldError
from rackhand.core.template import placeholders, quote, render, render_shell, variable

SHELL = shutil.which("sh")
needs_shell = pytest.mark.skipif(SHELL is None, reason="a POSIX shell is not part of Windows")
VALUES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=60)
TRICKY = "a'b\"c $(touch x) `id` \\ \n\t* ; & | {{ params.y }} ${RH_params_y} \x01\x81é한\r-n %s"


def ask_shell(script: str) -> str:
    assert SHELL is not None
    done = subprocess.run([SHELL, "-c", script], capture_output=True, check=True, timeout=20)
    return done.stdout.decode()


@needs_shell
@settings(max_examples=40)
@given(VALUES)
@example(TRICKY)
@example("-rf /")
def test_a_real_shell_gives_every_value_back(value: str) -> None:
    script = render_shell('printf %s "{{ params.x }}" \'\' "{{params.x}}"', {"params.x": value})

    assert ask_shell(script) == value * 2
    assert ask_shell(f"printf %s {quote(value)}") == value


@needs_shell
def test_a_value_never_changes_what_the_command_is() -> None:
    values = {"params.x": "'; echo pwned; '", "params.y": "$(echo pwned)"}

    shown = ask_shell(render_shell('printf "<%s>" "{{ params.x }}" "{{ params.y }}"', values))

    assert shown == "<'; echo pwned; '><$(echo pwned)>"


@needs_shell
def test_the_facts_of_the_device_and_the_run_are_there() -> None:
    values = {"device.index": "7", "device.label": "Lobby left", "run.id": "r-1", "params.unused": "x"}
    script = render_shell('printf "%s/%s/%s" {{device.index}} "{{ device.label }}" {{run.id}}', values)

    assert ask_shell(script) == "7/Lobby left/r-1"
    assert "unused" not in script


def test_a_script_without_placeholders_is_left_alone() -> None:
    command = "echo ${HOME} {{ }} {{not closed} { { x } }"

    assert render_shell(command, {}) == command
    assert render(command, {}) == command


def test_nul_cannot_be_passed_and_is_left_out() -> None:
    assert quote("a\x00b") == "'ab'"
    assert quote("") == "''"


@given(VALUES)
def test_elsewhere_the_value_stands_in_the_place_of_its_name(value: str) -> None:
    assert render("<{{ params.x }}|{{params.x}}>", {"params.x": value}) == f"<{value}|{value}>"


def test_a_placeholder_without_a_value_is_a_key_error() -> None:
    with pytest.raises(KeyError, match=r"params\.x"):
        render("{{ params.x }}", {})
    with pytest.raises(KeyError, match=r"params\.x"):
        render_shell("{{ params.x }}", {})


def test_variable_names() -> None:
    assert variable("params.x") == "RH_params_x"
    assert variable("device.index") == "RH_device_index"


def test_placeholders_are_found_anywhere() -> None:
    value = {"a": ["{{ params.x }}", {"b": "{{run.id}} {{params.y}}"}], "{{ params.key }}": 5, "c": None, "d": "plain"}

    assert placeholders(value) == {"params.x", "run.id", "params.y"}


def test_placeholders_of_one_family_go_by_their_own_names() -> None:
    value = {"command": "{{ secrets.pin }} {{ params.x }} {{ secrets.key }} {{ secrets.pin }}"}

    assert template.names_of(value, "secrets") == ("key", "pin")
    assert template.names_of(value, "params") == ("x",)


def problems(value: object, params: set[str] | None = None) -> list[tuple[str, str]]:
    errors: list[FieldError] = []
    template.check(value, "/params", errors, params)
    return [(error.path, error.message) for error in errors]


def test_unknown_placeholders_are_named_with_their_place() -> None:
    value = {"command": "{{ params.x }} {{ user.name }}", "a/b": ["{{device.index}}", "{{ params.1x }} {{params.}}"]}

    assert problems(value) == [
        ("/params/command", "has the unknown placeholder user.name"),
        ("/params/a~1b/1", "has the unknown placeholder params.1x"),
        ("/params/a~1b/1", "has the unknown placeholder params."),
    ]


def test_with_the_values_of_a_run_each_parameter_needs_one() -> None:
    value = ["{{ params.x }}", "{{ params.y }}", "{{ run.id }}", "{{ nothing }}", "{{ secrets.x }}"]

    assert problems(value, {"params.x"}) == [
        ("/params/1", "uses params.y, which the run gives no value"),
        ("/params/3", "has the unknown placeholder nothing"),
        ("/params/4", "uses secrets.x, which the run gives no value"),
    ]
    assert problems(value[:3], {"params.x", "params.y"}) == []
