"""Lists every text of a problem, a to-do and a stored reason: the msgids that a Korean catalogue must have.

    python -m tools.problem_texts            all of them
    python -m tools.problem_texts --missing  as entries for errors.po, those that no catalogue has

A text is the template argument of an error, a FieldError or a Message. It must be a literal: only then can it be found
here, and only then can nothing that a person typed become a part of it.
"""

import ast
import string
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from rackhand.core import errors, reasons, step_reasons
from rackhand.core.states import ROLLOUT, RUN, RunStatus
from rackhand.engine.access import Role, Scope
from tools.source import PACKAGE, Source

FOLDERS = ("core", "store", "engine", "server", "wire")
"""Where texts for the web are made; those of agent, sim and cli go to terminals and logs, in English."""
CATALOGUES = PACKAGE / "server" / "locale" / "ko"
_NEVER_SHOWN = {"IllegalMove"}  # a bug: the answer is the text of a 500
_TEMPLATE_AT = {
    **{
        name: 0
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.RackhandError) and name not in _NEVER_SHOWN
    },
    "Message": 0,
    "FieldError": 1,
    "Invalid": 1,
}
_FORWARDERS = {("core/schema.py", "_fail"): 2, ("core/target.py", "_invalid"): 0}
"""Functions that hand a template on: `(file, function)` -> which argument it is. Their calls count, not their body."""
_COMPUTING = {("core/message.py", "word"), ("core/message.py", "joined"), ("core/reasons.py", "recognise")}
_COMPUTING |= {("core/errors.py", "message"), ("core/errors.py", "__init__")}
_ARTIFACTS = ("pending", "missing")
_HEALTH = ("absent", "offline", "unauthorized", "booting", "unresponsive")
_ADB = ("authorizing", "bootloader", "recovery", "sideload", "no permissions", "not readable")
_ROLLOUTS = sorted(ROLLOUT.final)
WORDS = (
    *(status for status in RunStatus if not RUN.is_final(status)),
    *Role,
    *Scope,
    *_ARTIFACTS,
    *_HEALTH,
    *_ADB,
    *_ROLLOUTS,
    *step_reasons.WORDS,
)
"""What `word` is called with, besides the hints of `Text`."""


@dataclass(frozen=True, slots=True)
class Found:
    """A template argument; `template` is None if it is computed."""

    where: str
    template: str | None


def found_in(tree: ast.Module, name: str) -> Iterator[Found]:
    """Every template argument in a file; `name` is its path below the package."""
    forwarders = {function: index for (file, function), index in _FORWARDERS.items() if file == name}
    for node in _outside(tree, {function for file, function in {*_FORWARDERS, *_COMPUTING} if file == name}):
        if isinstance(node, ast.Call):
            called = _name(node.func)
            index = forwarders.get(called, _TEMPLATE_AT.get(called))
            if index is not None and len(node.args) > index:
                yield from _texts(node.args[index], f"{name}:{node.lineno}")
            if called == "Text":
                hints = [keyword.value for keyword in node.keywords if keyword.arg == "hint"]
                yield from (found for hint in hints for found in _texts(hint, f"{name}:{node.lineno}"))


def _outside(tree: ast.AST, functions: set[str]) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(child, ast.FunctionDef) and child.name in functions):
            yield child
            yield from _outside(child, functions)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _texts(argument: ast.expr, where: str) -> Iterator[Found]:
    if isinstance(argument, ast.IfExp):
        yield from _texts(argument.body, where)
        yield from _texts(argument.orelse, where)
    elif not (isinstance(argument, ast.Attribute) and argument.attr == "template"):  # another error's, handed on
        is_text = isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        yield Found(where, str(argument.value) if is_text else None)  # type: ignore[attr-defined]


def everything() -> list[Found]:
    """Of the whole product."""
    return [
        found
        for folder in FOLDERS
        for path in sorted((PACKAGE / folder).rglob("*.py"))
        for found in found_in(Source(path).tree, path.relative_to(PACKAGE).as_posix())
    ]


def msgids() -> set[str]:
    """Every text that needs a translation; those that are places only (`{path}: {message}`) need none."""
    texts = {found.template for found in everything() if found.template is not None}
    return {text for text in (*texts, *reasons.TEMPLATES, *map(str, WORDS)) if _has_words(text)}


def _has_words(template: str) -> bool:
    return any(char.isalpha() for literal, *_ in string.Formatter().parse(template) for char in literal)


def places(template: str) -> set[tuple[str, str, str]]:
    """What stands between braces: name, format and conversion."""
    return {(name, spec or "", how or "") for _, name, spec, how in string.Formatter().parse(template) if name}


def catalogue(path: Path) -> dict[str, str]:
    """msgid -> translation."""
    with path.open("rb") as file:
        read = read_po(file, locale="ko")
    return {entry.id: entry.string for entry in read if isinstance(entry.id, str) and isinstance(entry.string, str)}


def main() -> None:
    wanted = msgids()
    if "--missing" not in sys.argv:
        print("\n".join(sorted(wanted)))
        return
    known = {msgid for path in CATALOGUES.glob("*.po") for msgid in catalogue(path)}
    missing = Catalog(locale="ko")
    for msgid in sorted(wanted - known):
        missing.add(msgid)
    write_po(sys.stdout.buffer, missing, omit_header=True, width=120)


if __name__ == "__main__":
    main()
