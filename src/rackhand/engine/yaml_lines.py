"""Where things stand in a YAML document: JSON pointer -> line, for the errors of an import."""

import yaml

from rackhand.core.schema import pointer
from rackhand.engine.portable import MAX_BYTES


def lines_of(text: str) -> dict[str, int]:
    """The line (from 1) of every value by its pointer; {} for what `portable.parse` refuses as no YAML."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        return {}
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    found: dict[str, int] = {}
    _walk(root, "", found)
    return found


def line_of(path: str, lines: dict[str, int]) -> int | None:
    """The line of a path, or of the nearest thing above it that is there."""
    while path not in lines and path:
        path = path.rpartition("/")[0]
    return lines.get(path)


def _walk(node: yaml.Node | None, path: str, found: dict[str, int]) -> None:
    if node is None or path in found:
        return
    found[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = pointer(path, str(key.value))
            _walk(value, below, found)
            found[below] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            _walk(item, pointer(path, i), found)
