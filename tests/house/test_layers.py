"""The one-way rule: imports point left only, they are absolute, they stand at the top, and nothing goes in a circle."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from tools.source import PACKAGE, Source, product

# layer -> the layers it may import, besides itself (docs/concepts.md draws it)
MAY_IMPORT = {
    "core": set[str](),
    "wire": {"core"},
    "store": {"core"},
    "engine": {"core", "wire", "store"},  # ADR 12
    "server": {"core", "wire", "store", "engine"},
    "agent": {"core", "wire"},
    "sim": {"core", "wire", "agent"},
    "cli": {"core", "wire", "store", "engine", "server", "agent", "sim"},
}
PURE_LAYERS = {"core", "wire"}
IMPURE_MODULES = {"asyncio", "os", "random", "secrets", "socket", "subprocess", "threading", "time"}
HEAVY_MODULES = {"alembic", "asyncpg", "litestar", "sqlalchemy", "uvicorn"}


def layer_of(module: str) -> str:
    """`core` for `rackhand.core.states`; empty for the package itself."""
    parts = module.split(".")
    if parts[1:] == ["__main__"]:
        return "cli"
    return parts[1] if len(parts) > 1 else ""


def ours() -> Iterator[tuple[Source, str]]:
    """Every module of the product with each module of the product that it imports."""
    for source in product():
        for item in source.imports():
            if item.module.split(".")[0] == "rackhand":
                yield source, item.module


def test_every_folder_of_the_package_is_a_layer() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.rglob("*.py"))}

    assert folders <= set(MAY_IMPORT)


def test_imports_point_left_only() -> None:
    wrong = [
        f"{source.name} imports {module}"
        for source, module in ours()
        if layer_of(source.module) and layer_of(module) not in {"", layer_of(source.module)}
        if layer_of(module) not in MAY_IMPORT[layer_of(source.module)]
    ]

    assert wrong == []


def test_the_server_never_touches_sql() -> None:
    wrong = [
        f"{source.name}:{item.line} imports {item.module}"
        for source in product()
        if layer_of(source.module) in {"server", "agent", "sim", "core", "wire"}
        for item in source.imports()
        if item.module.split(".")[0] in {"alembic", "asyncpg", "sqlalchemy", "sqlite3", "pysqlite3"}
    ]

    assert wrong == []


def test_core_and_wire_have_no_clock_no_chance_and_no_io() -> None:
    wrong = [
        f"{source.name}:{item.line} imports {item.module}"
        for source in product()
        if layer_of(source.module) in PURE_LAYERS
        for item in source.imports()
        if item.module.split(".")[0] in IMPURE_MODULES
    ]

    assert wrong == []


def test_imports_are_absolute() -> None:
    assert [f"{s.name}:{i.line}" for s in product() for i in s.imports() if i.relative] == []


def test_imports_stand_at_the_top_of_the_file() -> None:
    """Only the command line may import lazily: `--help` must answer in 0.3 s."""
    wrong = [
        f"{source.name}:{item.line} imports {item.module} inside a function"
        for source in product()
        if layer_of(source.module) != "cli"
        for item in source.imports()
        if item.in_function
    ]

    assert wrong == []


def test_no_import_goes_in_a_circle() -> None:
    graph: dict[str, set[str]] = {source.module: set() for source in product()}
    for source, module in ours():
        if module in graph and module != source.module:
            graph[source.module].add(module)
    done: set[str] = set()
    circles: list[str] = []

    def visit(module: str, path: tuple[str, ...]) -> None:
        if module in path:
            circles.append(" -> ".join((*path[path.index(module) :], module)))
        elif module not in done:
            for imported in sorted(graph[module]):
                visit(imported, (*path, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())

    assert circles == []


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after running `code`."""
    show = "import sys; print('\\n'.join(sorted({name.split('.')[0] for name in sys.modules})))"
    command = [sys.executable, "-c", f"{code}\n{show}"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_agent_loads_neither_sql_nor_the_web_framework() -> None:
    assert loaded_by("import rackhand.agent.main") & HEAVY_MODULES == set()


@pytest.mark.parametrize("words", [["--help"], ["agent", "--help"]])
def test_help_loads_neither_sql_nor_the_web_framework(words: list[str]) -> None:
    code = (
        "import contextlib, io, sys\n"
        f"sys.argv = {['rackhand', *words]!r}\n"
        "from rackhand.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()\n"
    )

    assert loaded_by(code) & HEAVY_MODULES == set()
