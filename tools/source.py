"""The checkout as the house tests see it: the tracked files, and each Python file with its tree and its imports."""

import ast
import functools
import io
import subprocess
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "rackhand"


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module: `from rackhand.core import states` names `rackhand.core.states` if that is a module."""

    module: str
    line: int
    relative: bool
    in_function: bool
    for_types_only: bool


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: Path

    @property
    def name(self) -> str:
        """The path from the root of the checkout, with forward slashes."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def module(self) -> str:
        """The dotted name under which the file is imported."""
        parts = list(self.path.relative_to(ROOT / "src").with_suffix("").parts)
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @functools.cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def line_count(self) -> int:
        return self.text.count("\n")

    @functools.cached_property
    def comments(self) -> dict[int, str]:
        """Comments by line number."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def imports(self) -> list[Import]:
        """Every import, wherever it stands."""
        found: list[Import] = []
        self._collect(self.tree, found, in_function=False, for_types_only=False)
        return found

    def _collect(self, node: ast.AST, found: list[Import], *, in_function: bool, for_types_only: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                names = [alias.name for alias in child.names]
            elif isinstance(child, ast.ImportFrom):
                names = [full_name(child.module or "", alias.name) for alias in child.names]
            else:
                inside = in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                typed = for_types_only or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test))
                self._collect(child, found, in_function=inside, for_types_only=typed)
                continue
            relative = isinstance(child, ast.ImportFrom) and child.level > 0
            found += [Import(name, child.lineno, relative, in_function, for_types_only) for name in names]


def full_name(module: str, name: str) -> str:
    """What `from module import name` depends on: the submodule if `name` is one, else the module."""
    path = ROOT / "src" / Path(*module.split("."), name)
    return f"{module}.{name}" if path.with_suffix(".py").exists() or path.is_dir() else module


@functools.cache
def tracked_files() -> tuple[Path, ...]:
    """Every file that is, or on the next commit may be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode("utf-8")
    paths = {ROOT / name for name in listed.split("\0") if name}
    return tuple(sorted(path for path in paths if path.is_file()))


@functools.cache
def sources(folder: str) -> tuple[Source, ...]:
    """The Python files under `src/rackhand`, `tests`, `tools` or `bench`."""
    return tuple(Source(path) for path in tracked_files() if path.suffix == ".py" and ROOT / folder in path.parents)


@functools.cache
def product() -> tuple[Source, ...]:
    """The Python files that ship."""
    return sources("src/rackhand")


@functools.cache
def everything() -> tuple[Source, ...]:
    """The Python files that are kept by hand."""
    return tuple(source for folder in ("src/rackhand", "tests", "tools", "bench") for source in sources(folder))
