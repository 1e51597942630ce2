"""Every text of a problem can be said in Korean: it is a literal, a catalogue has it, and its places are the same."""

import ast

import pytest
from tools.problem_texts import CATALOGUES, catalogue, everything, found_in, msgids, places


def translations() -> dict[str, str]:
    return {msgid: text for path in CATALOGUES.glob("*.po") for msgid, text in catalogue(path).items()}


def test_no_text_is_put_together_where_it_is_raised() -> None:
    assert [found.where for found in everything() if found.template is None] == []


def test_every_text_is_translated_with_the_same_places() -> None:
    known = translations()

    assert [text for text in sorted(msgids()) if not known.get(text)] == []
    assert [text for text in sorted(msgids()) if places(text) != places(known[text])] == []


def test_no_translation_is_left_over() -> None:
    assert set(catalogue(CATALOGUES / "errors.po")) - {""} - msgids() == set()


@pytest.mark.parametrize(
    ("code", "templates"),
    [
        ('NotFound("there is no {id}", id=1)', ["there is no {id}"]),
        ('errors.Busy("later")', ["later"]),
        ('FieldError("/a", "is wrong")', ["is wrong"]),
        ('Invalid([], "all is wrong")', ["all is wrong"]),
        ('Invalid([FieldError("", "is wrong")])', ["is wrong"]),
        ('Message("one" if a else "two")', ["one", "two"]),
        ('Text(1, 9, hint="a colour")', ["a colour"]),
        ('FieldError("/a", error.template, error.values)', []),
        ('NotFound(f"there is no {id}")', [None]),
        ('NotFound("there is no " + id)', [None]),
        ("Conflict(text)", [None]),
        ('IllegalMove(f"{a} to {b}")', []),
    ],
)
def test_a_template_is_seen_wherever_it_stands(code: str, templates: list[str | None]) -> None:
    assert [found.template for found in found_in(ast.parse(code), "engine/thing.py")] == templates
