"""Script text becomes a tree, or a problem that names what was not expected."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.sim.shell_parser import SyntaxProblem, parse
from rackhand.sim.shell_tree import Choice, Each, Group, Loop, Simple, Text, Variable


def test_a_chain_of_pipelines() -> None:
    first, second = parse("a 'b c' | d && e || f & g")
    assert first.is_background
    assert [operator for operator, _ in first.links] == ["", "&&", "||"]
    pipeline = first.links[0][1]
    assert len(pipeline.commands) == 2
    command = pipeline.commands[0]
    assert isinstance(command, Simple)
    assert command.words == ((Text("a"),), (Text("b c", True),))
    assert not second.is_background


def test_words_and_redirections() -> None:
    command = parse('A=1 x "$B"y${C:-z} 2>>/f 2>&1 <in')[0].links[0][1].commands[0]
    assert isinstance(command, Simple)
    assert command.assignments == (("A", (Text("1"),)),)
    assert Variable("B", is_quoted=True) in command.words[1]
    assert Variable("C", ":-", "z") in command.words[1]
    assert [(r.descriptor, r.operator) for r in command.redirects] == [(2, ">>"), (2, ">&"), (0, "<")]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("if a; then b; fi", Choice),
        ("while a; do b; done", Loop),
        ("for x in 1 2; do echo; done", Each),
        ("(a)", Group),
        ("{ a; }", Group),
    ],
)
def test_compound_commands(text: str, kind: type) -> None:
    assert isinstance(parse(text)[0].links[0][1].commands[0], kind)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a |", "end of script"),
        ("; a", "; a"),
        ("(a", "end of script"),
        ("fi", "fi"),
        ("a 'b", "quote"),
        ("`a", "backquote"),
    ],
)
def test_a_problem_names_what_was_found(text: str, found: str) -> None:
    with pytest.raises(SyntaxProblem, match=found):
        parse(text)


def test_nesting_has_an_end() -> None:
    with pytest.raises(SyntaxProblem, match="nested too deeply"):
        parse("(" * 5000 + "a" + ")" * 5000)
    with pytest.raises(SyntaxProblem, match="nested too deeply"):
        parse("$(" * 5000 + "a" + ")" * 5000)


@given(st.text())
def test_any_text_parses_or_is_a_problem(text: str) -> None:
    with contextlib.suppress(SyntaxProblem):
        assert isinstance(parse(text), tuple)
