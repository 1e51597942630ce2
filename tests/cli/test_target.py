"""Targets in words."""

from typing import Any

import pytest

from rackhand.cli.target import read_target
from rackhand.core.schema import parse
from rackhand.core.target import TARGET


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("all", {"scope": "all"}),
        ("1-20,25", {"scope": "indexes", "indexes": "1-20,25"}),
        ("7", {"scope": "indexes", "indexes": "7"}),
        ("label:rack=a, row=2", {"scope": "labels", "labels": {"rack": "a", "row": "2"}}),
        ("label:url=a=b", {"scope": "labels", "labels": {"url": "a=b"}}),
        ("node:PC-01, PC-02", {"scope": "nodes", "nodes": ["PC-01", "PC-02"]}),
    ],
)
def test_words_become_a_target_of_the_contract(text: str, target: dict[str, Any]) -> None:
    assert read_target(text) == target
    parse(TARGET, read_target(text, "7,9-11"))
    assert read_target(text, "7,9-11")["exclude"] == "7,9-11"


@pytest.mark.parametrize(
    ("text", "exclude", "reason"),
    [
        ("", "", "where a number or a range"),
        ("5-1", "", "indexes go up"),
        ("1,,2", "", "where a number or a range"),
        ("everything", "", "where a number or a range"),
        ("label:rack", "", "without a value"),
        ("node:", "", "names no node"),
        ("all", "x", "--exclude"),
    ],
)
def test_a_wrong_target_says_what_to_write(text: str, exclude: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        read_target(text, exclude)

    assert "nothing was started" in str(caught.value)
