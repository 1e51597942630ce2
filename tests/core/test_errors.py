"""Errors: one tree, and messages that say what is wrong where."""

import pytest

from rackhand.core import errors
from rackhand.core.errors import (
    Busy,
    Conflict,
    FieldError,
    IllegalMove,
    Invalid,
    RackhandError,
    Refused,
    TooMany,
    summarise,
)
from rackhand.core.message import Message

EMPTY = FieldError("/title", "must not be empty")
LONG = FieldError("/steps/0/title", "must have at most {n} characters", {"n": 200})


def test_a_field_error_fills_its_values_in() -> None:
    assert LONG.message == "must have at most 200 characters"
    assert EMPTY.message == "must not be empty"


def test_values_with_braces_stay_as_they_are() -> None:
    assert FieldError("", "has {part}", {"part": "{0.__class__}"}).message == "has {0.__class__}"


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ([], "the request is not valid"),
        ([EMPTY], "/title: must not be empty"),
        ([FieldError("", "must be an object")], "/: must be an object"),
        ([EMPTY, LONG, LONG], "/title: must not be empty (and 2 more)"),
    ],
)
def test_a_list_of_errors_in_one_line(found: list[FieldError], line: str) -> None:
    assert summarise(found) == line
    assert Invalid(found).detail == line


def test_a_detail_knows_its_template_and_values() -> None:
    error = Conflict("{name} is taken", name="{x}", code="taken")

    assert isinstance(error.detail, Message)
    assert (str(error), error.code) == ("{x} is taken", "taken")
    assert (error.detail.template, error.detail.values) == ("{name} is taken", {"name": "{x}"})


def test_a_summary_is_translated_with_the_message_in_it() -> None:
    korean = {LONG.template: "{n}자 이하", "{path}: {message} (and {n} more)": "{path}: {message} (외 {n}건)"}
    summary = summarise([LONG, EMPTY])

    assert summary.translated(lambda text: korean.get(text, text)) == "/steps/0/title: 200자 이하 (외 1건)"


def test_invalid_carries_every_error_and_may_say_it_in_other_words() -> None:
    error = Invalid([EMPTY, LONG], "the playbook has two mistakes")

    assert error.errors == (EMPTY, LONG)
    assert (str(error), error.code) == ("the playbook has two mistakes", "invalid")


def test_a_conflict_names_its_rule() -> None:
    assert Conflict("the lease is gone", code="lease_mismatch").code == "lease_mismatch"
    assert Conflict("the name is taken").code == "conflict"
    assert Conflict.code == "conflict"


def test_busy_says_when_to_come_back() -> None:
    assert Busy("the queue is full").retry_after_s == 1
    assert Busy("the queue is full", retry_after_s=5).retry_after_s == 5


def test_too_many_says_when_to_come_back() -> None:
    error = TooMany("wait {n} minutes", retry_after_s=60, n=1)

    assert (error.retry_after_s, error.detail, error.code) == (60, "wait 1 minutes", "too_many")


def test_each_class_has_its_own_code_and_its_place_in_the_tree() -> None:
    tree = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, RackhandError)]

    assert len({cls.code for cls in tree}) == len(tree)
    assert not issubclass(Busy, Refused)
    assert not issubclass(IllegalMove, Refused)
    assert all(f" {cls.__name__} " in f" {errors.__doc__}".replace("\n", " ") for cls in tree)
