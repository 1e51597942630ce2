"""How errors become a line on stderr and an exit code."""

import json

import pytest

from rackhand.cli.outcome import Exit, Unreachable, closing, fail, put_json, reported
from rackhand.core.errors import (
    Busy,
    Conflict,
    FieldError,
    Invalid,
    Malformed,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    UpgradeRequired,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unreachable("gone"), Exit.UNREACHABLE),
        (NotAuthenticated("who"), Exit.UNREACHABLE),
        (NotAllowed("no"), Exit.UNREACHABLE),
        (UpgradeRequired("old"), Exit.UNREACHABLE),
        (Malformed("what"), Exit.USAGE),
        (NotFound("where"), Exit.USAGE),
        (ValueError("wrong"), Exit.USAGE),
        (Conflict("taken"), Exit.NOT_SUCCEEDED),
        (Busy("later"), Exit.NOT_SUCCEEDED),
        (OSError("disk"), Exit.NOT_SUCCEEDED),
    ],
)
def test_every_error_has_its_code(error: Exception, code: Exit, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, reported():
        raise error

    said = capsys.readouterr()
    assert ended.value.code == int(code)
    assert said.err.startswith("error: ")
    assert str(error) in said.err
    assert said.out == ""


def test_all_field_errors_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    errors = [FieldError("/a", "must be {what}", {"what": "blue"}), FieldError("", "is too long")]

    with pytest.raises(SystemExit) as ended, reported():
        raise Invalid(errors)

    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[1:] == ["  /a: must be blue", "  /: is too long"]


def test_a_bug_is_internal_and_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, closing():
        raise KeyError("oops")

    said = capsys.readouterr().err
    assert ended.value.code == 4
    assert "oops" in said
    assert "test_outcome.py" in said


def test_ctrl_c_is_130() -> None:
    with pytest.raises(SystemExit) as ended, closing():
        raise KeyboardInterrupt

    assert ended.value.code == 130


def test_an_end_on_purpose_passes_through() -> None:
    with pytest.raises(SystemExit) as ended, closing(), reported():
        fail("no", Exit.NOT_SUCCEEDED)

    assert ended.value.code == 1


def test_data_goes_to_stdout_as_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    put_json({"이름": [1]})

    said = capsys.readouterr()
    assert json.loads(said.out) == {"이름": [1]}
    assert said.out.count("\n") == 1
