"""Targets: index expressions come back as they went in, and a wrong part is named."""

from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.core.errors import FieldError, Invalid
from rackhand.core.schema import parse
from rackhand.core.target import MAX_INDEX, TARGET, IndexExpression, format_indexes, parse_indexes, select


@dataclass(frozen=True)
class Phone:
    index_no: int | None
    node_id: str | None = "PC-01"
    labels: dict[str, str] = field(default_factory=dict)


def expand(ranges: list[tuple[int, int]]) -> set[int]:
    return {index for low, high in ranges for index in range(low, high + 1)}


@given(st.sets(st.integers(1, 300), min_size=1))
def test_a_set_of_indexes_comes_back(indexes: set[int]) -> None:
    text = format_indexes(indexes)

    assert expand(parse_indexes(text)) == indexes
    assert format_indexes(expand(parse_indexes(text))) == text


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 40)), min_size=1, max_size=10))
def test_any_order_and_any_overlap_of_ranges(parts: list[tuple[int, int]]) -> None:
    text = " , ".join(f"{low} - {low + more}" if more else str(low) for low, more in parts)

    ranges = parse_indexes(text)

    assert expand(ranges) == {index for low, more in parts for index in range(low, low + more + 1)}
    assert all(b[0] > a[1] + 1 for a, b in pairwise(ranges))


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("7", [(7, 7)]),
        ("1-20,25", [(1, 20), (25, 25)]),
        ("3,1-2", [(1, 3)]),
        ("5-5,5", [(5, 5)]),
        ("007", [(7, 7)]),
        (f"{MAX_INDEX}", [(MAX_INDEX, MAX_INDEX)]),
    ],
)
def test_known_expressions(text: str, ranges: list[tuple[int, int]]) -> None:
    assert parse_indexes(text) == ranges


def test_the_shortest_expression() -> None:
    assert format_indexes({5, 1, 2, 3}) == "1-3,5"
    assert format_indexes([]) == ""


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("1,x,3", "has x where"),
        ("1,2..5", "has 2..5 where"),
        ("-3", "has -3 where"),
        ("1-2-3", "has 1-2-3 where"),
        ("1,,2", "has nothing where"),
        ("", "has nothing where"),
        ("٣", "has ٣ where"),
        ("1.5", "has 1.5 where"),
        ("12345678", "has 12345678 where"),
        ("1,0", "the range 0:"),
        ("20-1", "the range 20-1:"),
        ("1-1000001", "the range 1-1000001:"),
        ("1," + "y" * 90, "has " + "y" * 40 + " where"),
    ],
)
def test_a_wrong_part_is_named(text: str, named: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_indexes(text)

    assert named in refused.value.errors[0].message


@given(st.text("0123456789-, x", max_size=30))
def test_no_text_raises_anything_but_invalid(text: str) -> None:
    with suppress(Invalid):
        assert parse_indexes(text)


TEN = [Phone(n, "PC-01" if n <= 5 else "PC-02", {"rack": "a" if n % 2 else "b", "row": "1"}) for n in range(1, 11)]
STRAY = Phone(None, None)


@pytest.mark.parametrize(
    ("target", "indexes"),
    [
        ({"scope": "all"}, "1-10"),
        ({"scope": "all", "exclude": "2-9"}, "1,10"),
        ({"scope": "indexes", "indexes": "9,2-3,77"}, "2-3,9"),
        ({"scope": "indexes", "indexes": "1-5", "exclude": "1-5"}, ""),
        ({"scope": "labels", "labels": {"rack": "a"}}, "1,3,5,7,9"),
        ({"scope": "labels", "labels": {"rack": "a", "row": "2"}}, ""),
        ({"scope": "nodes", "nodes": ["PC-02"]}, "6-10"),
        ({"scope": "nodes", "nodes": ["PC-02", "PC-01"], "exclude": "3"}, "1-2,4-10"),
    ],
)
def test_selection(target: dict[str, Any], indexes: str) -> None:
    chosen = select(parse(TARGET, target), reversed(TEN))

    assert format_indexes(d.index_no or 0 for d in chosen) == indexes
    assert chosen == sorted(chosen, key=lambda d: d.index_no or 0)


def test_devices_without_an_index_come_last_and_cannot_be_named() -> None:
    assert select(parse(TARGET, {"scope": "all"}), [STRAY, TEN[0]]) == [TEN[0], STRAY]
    assert select(parse(TARGET, {"scope": "indexes", "indexes": "1"}), [STRAY, TEN[0]]) == [TEN[0]]


@given(st.sets(st.integers(1, 20)), st.sets(st.integers(1, 20), min_size=1), st.sets(st.integers(1, 20), min_size=1))
def test_selection_is_set_arithmetic(present: set[int], named: set[int], excluded: set[int]) -> None:
    target = {"scope": "indexes", "indexes": format_indexes(named), "exclude": format_indexes(excluded)}

    chosen = select(parse(TARGET, target), [Phone(n) for n in present])

    assert {d.index_no for d in chosen} == (present & named) - excluded


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("all", ""),
        ({}, "/scope"),
        ({"scope": "planet"}, "/scope"),
        ({"scope": ["all"]}, "/scope"),
        ({"scope": "all", "indexes": "1"}, "/indexes"),
        ({"scope": "indexes"}, "/indexes"),
        ({"scope": "indexes", "indexes": 5}, "/indexes"),
        ({"scope": "indexes", "indexes": ""}, "/indexes"),
        ({"scope": "indexes", "indexes": "5-1"}, "/indexes"),
        ({"scope": "all", "exclude": "a"}, "/exclude"),
        ({"scope": "labels", "labels": {"rack": 1}}, "/labels/rack"),
        ({"scope": "nodes", "nodes": []}, "/nodes"),
        ({"scope": "nodes", "nodes": ["PC-01", ""]}, "/nodes/1"),
    ],
)
def test_wrong_targets_say_where(target: Any, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(TARGET, target)

    assert [error.path for error in refused.value.errors] == [path]


def test_both_expressions_of_a_target_are_checked_at_once() -> None:
    errors: list[FieldError] = []

    TARGET.check({"scope": "indexes", "indexes": "1-", "exclude": "0"}, "/target", errors)

    assert [error.path for error in errors] == ["/target/indexes", "/target/exclude"]


def test_the_schema_of_an_expression_gives_an_example_that_parses() -> None:
    schema = IndexExpression().json_schema()

    assert [parse_indexes(example) for example in schema["examples"]] == [[(1, 20), (25, 25)]]
