"""The server's routes as its handlers declare them, read from the source: nothing is imported or started."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tools.source import sources

METHODS = ("get", "post", "put", "patch", "delete")
CALLERS = {"PUBLIC": "anyone", "NODE": "node"}


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: `path` has its parameters without their types."""

    path: str
    method: str
    summary: str
    caller: str
    answers: tuple[int, ...]

    @property
    def group(self) -> str:
        """The first word after `/api`; `process` for what lies outside it."""
        parts = self.path.strip("/").split("/")
        return parts[1] if parts[0] == "api" and "." not in parts[1] else "process"


def routes() -> list[Route]:
    """Every route, in the order of its path, then of its method."""
    found = [
        route
        for source in sources("src/rackhand/server")
        for function in source.functions()
        for decorator in function.decorator_list
        for route in declared_by(decorator)
    ]
    return sorted(found, key=lambda route: (route.group, route.path, METHODS.index(route.method)))


def declared_by(decorator: ast.expr) -> Iterator[Route]:
    """The routes of one decorator such as `@get("/api/runs", **operation(...))`."""
    if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Name) or not decorator.args:
        return
    operation = next((item.value for item in decorator.keywords if is_operation(item.value)), None)
    if decorator.func.id not in METHODS or not isinstance(operation, ast.Call):
        return
    given = {item.arg: item.value for item in operation.keywords}
    summary = text_of(operation.args[0]) if operation.args else text_of(given.get("summary"))
    for path in paths_of(decorator.args[0]):
        yield Route(path, decorator.func.id, summary, caller_of(given.get("role")), statuses_of(given.get("answers")))


def is_operation(node: ast.expr) -> bool:
    """True for a call of `operation`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "operation"


def paths_of(node: ast.expr) -> list[str]:
    """One path or a list of them; `{id:str}` becomes `{id}`."""
    items = node.elts if isinstance(node, ast.List | ast.Tuple) else [node]
    return [re.sub(r"\{(\w+):\w+\}", r"{\1}", text_of(item)) for item in items]


def text_of(node: ast.expr | None) -> str:
    """A string constant, or nothing."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def caller_of(node: ast.expr | None) -> str:
    """Who may call: `Role.ADMIN` is `admin`."""
    name = ast.unparse(node).rsplit(".", 1)[-1] if node else ""
    return CALLERS.get(name, name.lower())


def statuses_of(node: ast.expr | None) -> tuple[int, ...]:
    """The statuses of a mapping from status to answer."""
    keys = node.keys if isinstance(node, ast.Dict) else []
    return tuple(key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, int))
