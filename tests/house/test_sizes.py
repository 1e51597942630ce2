"""Sizes and names: a file is one noun that a person can hold in mind, and no function needs scrolling."""

import ast
import statistics

import pytest
from tools.source import everything, product

FORBIDDEN_NAMES = {"common", "helper", "helpers", "manager", "managers", "misc", "service", "services", "util", "utils"}
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
MOST_BROAD_EXCEPTS = 5


def function_lengths() -> list[tuple[str, int]]:
    """(where, lines) of each function of the product, its decorators left out."""
    return [
        (f"{source.name}:{function.lineno} {function.name}", (function.end_lineno or 0) - function.lineno + 1)
        for source in product()
        for function in source.functions()
    ]


def test_no_file_is_longer_than_400_lines() -> None:
    assert [f"{s.name}: {s.line_count} lines" for s in everything() if s.line_count > LONGEST_FILE] == []


def test_the_median_file_is_at_most_150_lines() -> None:
    assert statistics.median(source.line_count for source in product()) <= 150


def test_no_function_is_longer_than_60_lines() -> None:
    assert [f"{where}: {lines} lines" for where, lines in function_lengths() if lines > LONGEST_FUNCTION] == []


def test_most_functions_are_short() -> None:
    lengths = sorted(lines for _, lines in function_lengths())

    assert statistics.median(lengths) <= 8
    assert lengths[len(lengths) * 9 // 10] <= 30


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [source.name for source in everything() if source.path.stem in FORBIDDEN_NAMES] == []


def test_every_module_says_what_belongs_in_it() -> None:
    wrong = [source.name for source in everything() if source.text.strip() and not ast.get_docstring(source.tree)]

    assert wrong == []


def test_broad_excepts_are_few_and_each_gives_its_reason() -> None:
    """The reason is a comment on the line itself or on one of the two after it."""
    broad, unexplained = [], []
    for source in product():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ExceptHandler) and is_broad(node.type):
                broad.append(f"{source.name}:{node.lineno}")
                if not any(has_reason(source.comments.get(node.lineno + below, "")) for below in range(3)):
                    unexplained.append(broad[-1])

    assert unexplained == []
    assert len(broad) <= MOST_BROAD_EXCEPTS, broad


def is_broad(caught: ast.expr | None) -> bool:
    """True for `except:`, `except Exception`, `except BaseException` and for tuples with one of them."""
    if isinstance(caught, ast.Tuple):
        return any(is_broad(item) for item in caught.elts)
    return caught is None or (isinstance(caught, ast.Name) and caught.id in {"Exception", "BaseException"})


def has_reason(comment: str) -> bool:
    """True if the comment is more than a directive to a tool."""
    words = comment.replace("# noqa: BLE001", "").strip("#-: ")
    return len(words.split()) >= 3


@pytest.mark.parametrize(
    ("comment", "expected"), [("# noqa: BLE001", False), ("# noqa: BLE001 - one poison event hurts nobody", True)]
)
def test_a_directive_is_no_reason(comment: str, expected: bool) -> None:
    assert has_reason(comment) is expected
