"""Plain text tables."""

from typing import Any

import pytest

from rackhand.cli.render import facts, table, text_of, width


def test_columns_line_up_also_with_wide_characters() -> None:
    lines = table(("ID", "LABEL", "N"), [(1, "왼쪽", 7), (20, None, 8)]).splitlines()

    assert lines == ["ID  LABEL  N", "1   왼쪽   7", "20  -      8"]
    assert width("왼쪽") == 4


def test_an_empty_table_has_its_head() -> None:
    assert table(("ID", "TITLE"), []) == "ID  TITLE"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("", "-"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        ({"a": 1, "b": "x"}, "a=1,b=x"),
        ({}, "-"),
        ("2026-11-22T10:00:00.123Z", "2026-11-22 10:00:00Z"),
        ("two\nlines\t here", "two lines here"),
    ],
)
def test_a_value_is_one_line(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_facts_leave_out_what_is_nested() -> None:
    assert facts({"id": 1, "title": "x", "steps": [1]}) == "id     1\ntitle  x"
