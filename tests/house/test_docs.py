"""The docs name everything that exists, every link leads somewhere, and the generated pages are current."""

import ast
import re
from pathlib import Path

import pytest
from tools import generate_docs
from tools.routes import routes
from tools.source import ROOT, sources, tracked_files

from rackhand.core.assets import KINDS
from rackhand.wire.messages import EventType

PAGES = [path for path in tracked_files() if path.suffix == ".md"]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def text_of(name: str) -> str:
    """A page of docs/."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = [link.split("#")[0] for link in LINK.findall(page.read_text(encoding="utf-8"))]
    local = [target for target in targets if target and "://" not in target]

    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("name", sorted(generate_docs.PAGES))
def test_generated_pages_are_current(name: str) -> None:
    assert text_of(name) == generate_docs.page(name), "run `make docs`"


def test_every_state_is_explained() -> None:
    page = text_of("states.md")

    assert [state for machine in generate_docs.MACHINES for state in machine.moves if f"`{state}`" not in page] == []


def test_every_command_kind_and_event_type_is_explained() -> None:
    assert [name for name in KINDS if f"`{name}`" not in text_of("commands.md")] == []
    assert [str(name) for name in EventType if f"`{name}`" not in text_of("events.md")] == []


def texts_in(node: ast.AST) -> list[str]:
    """The string constants in a piece of code."""
    parts = [item.value for item in ast.walk(node) if isinstance(item, ast.Constant)]
    return [part for part in parts if isinstance(part, str)]


def shape(route: str) -> str:
    """A route without the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", route)


def test_every_route_says_what_it_does_and_who_may_call_it() -> None:
    found = routes()

    assert {route.path for route in found} >= {"/healthz", "/readyz", "/metrics"}
    assert [route for route in found if not (route.path and route.summary and route.caller and route.answers)] == []


def test_the_api_page_names_only_routes_that_exist() -> None:
    named = {shape(route) for route in re.findall(r"^\| [A-Z, ]+ \| `(/[^`?]*)`", text_of("api.md"), re.MULTILINE)}

    assert named - {shape(route.path) for route in routes()} == set()


def commands() -> set[str]:
    """Every command that the command line declares, by its last word."""
    found = set()
    for source in sources("src/rackhand/cli"):
        for function in source.functions():
            for call in function.decorator_list:
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "command":
                    named = texts_in(call.args[0]) if call.args else []
                    found.add(named[0] if named else function.name.rstrip("_").replace("_", "-"))
    return found


def test_every_command_is_in_the_command_line_page() -> None:
    words = set(re.findall(r"[a-z][a-z-]*", text_of("cli.md")))

    assert commands() - words == set()


def test_the_out_of_scope_page_names_what_stays_out() -> None:
    page = text_of("out-of-scope.md").lower()

    for subject in ("engagement automation", "account farming", "detection evasion", "live remote control"):
        assert subject in page


def test_every_decision_gives_its_alternatives() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("0*.md"))

    assert len(pages) >= 8
    assert [page.name for page in pages if "## What else was thought of" not in page.read_text(encoding="utf-8")] == []
    assert [page.name for page in pages if page.name not in text_of("decisions/README.md")] == []
