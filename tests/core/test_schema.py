"""Shapes: what one accepts, its own JSON Schema accepts too (asked of a reference validator), and every error shows."""

import json
import math
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.core.assets import ASSET, KINDS
from rackhand.core.errors import FieldError, Invalid
from rackhand.core.playbook import DOCUMENT, PLAYBOOK, RUN_PARAMS
from rackhand.core.policy import POLICY
from rackhand.core.schema import (
    MAX_SAFE_INTEGER,
    AnyOf,
    Boolean,
    Choice,
    Field,
    Integer,
    ListOf,
    MapOf,
    Number,
    Record,
    Spec,
    Tagged,
    Text,
    parse,
    pointer,
)
from rackhand.core.target import TARGET

WORD = Text(min=2, max=4, pattern="^[a-z]+$", hint="lower-case letters")
TOOL = Record({"name": WORD, "size": Field(Integer(1, 9), 3), "note": Field(Text(max=3), None)})
SHAPE = Tagged("shape", {"dot": Record({}), "disc": Record({"radius": Number(0, 2.5)})})
SPECS: dict[str, Spec] = {
    "text": Text(max=5),
    "word": WORD,
    "integer": Integer(-3, 9),
    "number": Number(-1, 2.5),
    "boolean": Boolean(),
    "choice": Choice(("red", "green")),
    "list": ListOf(Integer(0, 5), min=1, max=3),
    "map": MapOf(Boolean(), key=WORD, max=2),
    "record": TOOL,
    "tagged": SHAPE,
    "any of": AnyOf((Choice(("skip",)), Record({"wait_s": Integer(0, 9)}))),
    "nested": Record({"tools": ListOf(TOOL, max=2), "shape": Field(SHAPE, None)}),
    "policy": POLICY,
    "target": TARGET,
    "asset": ASSET,
    "playbook": PLAYBOOK,
    "document": DOCUMENT,
    "run params": RUN_PARAMS,
    **{f"kind {name}": kind.params for name, kind in KINDS.items()},
}


def check(spec: Spec, value: Any) -> tuple[Any, list[tuple[str, str]]]:
    errors: list[FieldError] = []
    parsed = spec.check(value, "", errors)
    return parsed, [(error.path, error.message) for error in errors]


# --- against the reference validator -----------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-5, 11)
    | st.sampled_from([0.0, 1.0, 2.5, 2.6, -1.5, 1e300, MAX_SAFE_INTEGER + 1])
    | st.sampled_from(["", "a", "ab", "abcd", "abcde", "A1", "red", "skip", "한글", "ab\n"])
)
NAMES = ["name", "size", "note", "shape", "radius", "wait_s", "tools", "ab", "abc", "x", "scope", "exclude", "kind"]


def nearly(spec: Spec) -> st.SearchStrategy[Any]:
    """Values that often fit a spec and often miss it by a little."""
    match spec:
        case Record(fields):
            names = {n: nearly(f.spec if isinstance(f, Field) else f) | scalars for n, f in fields.items()}
            return st.fixed_dictionaries({}, optional={**names, "extra": scalars})
        case Tagged(tag, records):
            options = [st.tuples(nearly(record), st.just({tag: word})) for word, record in records.items()]
            return st.one_of(*options).map(lambda pair: pair[0] | pair[1])
        case ListOf(item):
            return st.lists(nearly(item), max_size=4)
        case MapOf(item):
            return st.dictionaries(st.sampled_from(NAMES), nearly(item), max_size=3)
        case AnyOf(options):
            return st.one_of(*[nearly(option) for option in options])
        case Choice(words):
            return st.sampled_from([*words, "blue"])
    return scalars


json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=6,
)
VALIDATORS = {name: jsonschema_rs.validator_for(spec.json_schema()) for name, spec in SPECS.items()}


@given(st.data(), st.sampled_from(sorted(SPECS)))
def test_a_value_is_accepted_exactly_if_its_json_schema_accepts_it(data: st.DataObject, name: str) -> None:
    value = data.draw(nearly(SPECS[name]) | json_values)

    _, errors = check(SPECS[name], value)

    assert (errors == []) == VALIDATORS[name].is_valid(value)


@given(st.data(), st.sampled_from(sorted(SPECS)))
def test_what_comes_out_is_accepted_again_and_stays(data: st.DataObject, name: str) -> None:
    value = data.draw(nearly(SPECS[name]))
    sent = json.dumps(value)
    parsed, errors = check(SPECS[name], value)

    assert json.dumps(value) == sent
    if not errors:
        assert check(SPECS[name], parsed) == (parsed, [])
        assert VALIDATORS[name].is_valid(parsed)


@pytest.mark.parametrize("name", sorted(SPECS))
def test_every_schema_is_valid_json_schema_and_plain_json(name: str) -> None:
    schema = SPECS[name].json_schema()

    assert jsonschema_rs.meta.is_valid(schema)
    assert json.loads(json.dumps(schema)) == schema


# --- one by one --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "value", "message"),
    [
        (Text(), 5, "must be a text"),
        (Text(), None, "must be a text"),
        (Text(), "a\x00", "must not contain NUL or broken characters"),
        (Text(), "\ud83d", "must not contain NUL or broken characters"),
        (Text(min=1), "", "must not be empty"),
        (Text(min=3), "ab", "must have at least 3 characters"),
        (Text(max=3), "abcd", "must have at most 3 characters"),
        (WORD, "AB", "must be lower-case letters"),
        (WORD, "ab\n", "must be lower-case letters"),
        (Text(pattern="^x"), "y", "must be like ^x"),
        (Integer(), True, "must be a whole number"),
        (Integer(), 1.5, "must be a whole number"),
        (Integer(), math.nan, "must be a whole number"),
        (Integer(), "1", "must be a whole number"),
        (Integer(1, 9), 10, "must be from 1 to 9"),
        (Integer(), 10**400, f"must be from 0 to {MAX_SAFE_INTEGER}"),
        (Number(0, 1), False, "must be a number"),
        (Number(0, 1), math.nan, "must be a number"),
        (Number(0, 1), math.inf, "must be a number"),
        (Number(0, 1), "0.5", "must be a number"),
        (Number(0, 1), 1.01, "must be from 0 to 1"),
        (Number(0, 1), 10**400, "must be from 0 to 1"),
        (Boolean(), 1, "must be true or false"),
        (Choice(("a", "b")), "c", "must be one of a, b"),
        (Choice(("a", "b")), ["a"], "must be one of a, b"),
        (ListOf(Text()), {}, "must be a list"),
        (ListOf(Text(), min=2), ["a"], "must have at least 2 entries"),
        (ListOf(Text(), min=1), [], "must not be empty"),
        (ListOf(Text(), max=1), ["a", 5], "must have at most 1 entries"),
        (MapOf(Text()), [], "must be an object"),
        (MapOf(Text(), max=1), {"a": 1, "b": 2}, "must have at most 1 entries"),
        (Record({}), [], "must be an object"),
        (SHAPE, 5, "must be an object"),
        (AnyOf((Choice(("a",)), Boolean())), "c", "must be true or false"),
    ],
)
def test_each_mistake_has_its_words(spec: Spec, value: Any, message: str) -> None:
    assert check(spec, value)[1] == [("", message)]


def test_a_whole_float_is_an_integer() -> None:
    parsed, errors = check(Integer(), 4.0)

    assert (type(parsed), parsed, errors) == (int, 4, [])


def test_defaults_are_filled_in_and_null_stands_for_a_default_of_none() -> None:
    assert parse(TOOL, {"name": "saw"}) == {"name": "saw", "size": 3, "note": None}
    assert parse(TOOL, {"name": "saw", "note": None, "size": 4.0}) == {"name": "saw", "size": 4, "note": None}
    assert check(TOOL, {"name": "saw", "size": None})[1] == [("/size", "must be a whole number")]


def test_a_default_is_never_shared() -> None:
    spec = Record({"params": Field(Record({}), {})})

    parse(spec, {})["params"]["changed"] = True

    assert parse(spec, {}) == {"params": {}}


def test_every_error_is_collected_with_its_pointer() -> None:
    value = {"tools": [{"name": "A"}, {"size": 0, "a/b~c": 1}, 5], "shape": {"shape": "disc", "radius": 3}, "more": 1}
    spec = Record({"tools": ListOf(TOOL), "shape": SHAPE})

    with pytest.raises(Invalid) as refused:
        parse(spec, value)

    assert [(error.path, error.message) for error in refused.value.errors] == [
        ("/more", "is not a known field"),
        ("/tools/0/name", "must have at least 2 characters"),
        ("/tools/1/a~1b~0c", "is not a known field"),
        ("/tools/1/name", "is required"),
        ("/tools/1/size", "must be from 1 to 9"),
        ("/tools/2", "must be an object"),
        ("/shape/radius", "must be from 0 to 2.5"),
    ]


def test_a_map_checks_its_keys_and_its_values() -> None:
    errors = check(MapOf(Boolean(), key=WORD), {"a": True, "bb": 1, "cc": False})[1]

    assert errors == [("/a", "must have at least 2 characters"), ("/bb", "must be true or false")]


@pytest.mark.parametrize("value", [{}, {"shape": "cube"}, {"shape": None}, {"shape": ["dot"]}])
def test_an_unknown_tag_names_the_known_ones(value: dict[str, Any]) -> None:
    assert check(SHAPE, value) == (value, [("/shape", "must be one of dot, disc")])


def test_a_tagged_record_keeps_its_tag() -> None:
    assert parse(SHAPE, {"radius": 1, "shape": "disc"}) == {"shape": "disc", "radius": 1}


def test_a_pointer_escapes_what_rfc_6901_says() -> None:
    assert pointer("", "a") == "/a"
    assert pointer("/steps", 0) == "/steps/0"
    assert pointer("/x", "~/") == "/x/~0~1"
