"""The checkers see what they are meant to see: a rule that cannot fail guards nothing."""

import ast
from pathlib import Path

import pytest
from tools.individual_coverage import own_tests
from tools.routes import Route, declared_by
from tools.source import Source, full_name

CODE = '''
"""A module."""
import os.path
from rackhand.core import states
from rackhand.core.errors import Invalid
from . import sibling
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import heavy

class Thing:
    def method(self):
        import lazy  # because
'''


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "thing.py"
    path.write_text(CODE, encoding="utf-8")
    return Source(path)


def test_every_import_is_seen_wherever_it_stands(source: Source) -> None:
    seen = {item.module: item for item in source.imports()}

    assert set(seen) >= {"os.path", "rackhand.core.states", "rackhand.core.errors", "typing", "heavy", "lazy"}
    assert [item.module for item in seen.values() if item.in_function] == ["lazy"]
    assert [item.module for item in seen.values() if item.for_types_only] == ["heavy"]
    assert len([item for item in seen.values() if item.relative]) == 1


def test_importing_a_name_is_not_importing_a_module() -> None:
    assert full_name("rackhand.core", "states") == "rackhand.core.states"
    assert full_name("rackhand.core.states", "RunStatus") == "rackhand.core.states"


def test_functions_and_comments_are_found(source: Source) -> None:
    assert [function.name for function in source.functions()] == ["method"]
    assert list(source.comments.values()) == ["# because"]


def declared(text: str) -> list[Route]:
    """The routes of one decorator."""
    return list(declared_by(ast.parse(text, mode="eval").body))


def test_a_route_is_read_from_its_declaration() -> None:
    text = 'post("/api/runs/{run_id:str}/stop", **operation("Stop a run", role=Role.OPERATOR, answers={200: Stopped}))'

    assert declared(text) == [Route("/api/runs/{run_id}/stop", "post", "Stop a run", "operator", (200,))]
    assert declared(text)[0].group == "runs"


@pytest.mark.parametrize("text", ["frozen", "dataclass(frozen=True)", 'get("/api/runs")', "route()"])
def test_other_decorators_are_no_routes(text: str) -> None:
    assert declared(text) == []


def test_a_module_may_have_several_test_files_of_its_own() -> None:
    assert own_tests(Path("core/no_such_module.py")) == []
