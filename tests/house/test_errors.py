"""One error shape: every error of ours has its status in one table, and only one module writes problem+json."""

import ast

from tools.source import PACKAGE, Source

from rackhand.core import errors
from rackhand.server.errors import PROBLEM_TYPE, status_of


def tree(kind: type[errors.RackhandError]) -> list[type[errors.RackhandError]]:
    """`kind` and everything derived from it in core."""
    return [
        kind,
        *(below for child in kind.__subclasses__() for below in tree(child) if child.__module__ == errors.__name__),
    ]


def make(kind: type[errors.RackhandError]) -> errors.RackhandError:
    return kind([]) if issubclass(kind, errors.Invalid) else kind("what happened")


def test_what_the_caller_can_mend_is_4xx_and_no_two_kinds_share_a_status() -> None:
    kinds = [kind for kind in tree(errors.Refused) if kind is not errors.Refused]
    statuses = [status_of(make(kind)) for kind in kinds]

    assert all(400 <= status < 500 for status in statuses)
    assert len(set(statuses)) == len(kinds)


def test_what_is_a_fault_of_ours_is_5xx() -> None:
    assert status_of(errors.Busy("too much")) == 503
    assert status_of(errors.IllegalMove("a bug")) == 500


def test_only_one_module_writes_problems() -> None:
    writers = [
        path.relative_to(PACKAGE).as_posix()
        for path in sorted((PACKAGE / "server").rglob("*.py"))
        if f'"{PROBLEM_TYPE}"' in path.read_text(encoding="utf-8")
    ]

    assert writers == ["server/errors.py"]


def test_handlers_raise_errors_of_ours_only() -> None:
    wrong = [
        f"{source.name}:{node.lineno}"
        for path in sorted((PACKAGE / "server" / "api").rglob("*.py"))
        for source in [Source(path)]
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
        if node.exc.func.id not in vars(errors)
    ]

    assert wrong == []
