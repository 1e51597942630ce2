"""Tables and single things as plain text: columns that line up, also with wide characters. Prints nothing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from unicodedata import east_asian_width


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Aligned columns under their names; `-` for what is not there."""
    cells = [list(columns), *([text_of(value) for value in row] for row in rows)]
    widths = [max(width(row[i]) for row in cells) for i in range(len(columns))]
    lines = ["  ".join(_pad(cell, size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join(lines)


def facts(values: Mapping[str, Any]) -> str:
    """One `name  value` per line, without what is nested."""
    flat = {key: value for key, value in values.items() if not isinstance(value, list | tuple)}
    size = max((len(key) for key in flat), default=0)
    return "\n".join(f"{key:<{size}}  {text_of(value)}" for key, value in flat.items())


def text_of(value: Any) -> str:
    """A value on one line: times without fractions, mappings as `a=1,b=2`."""
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case dict():
            return ",".join(f"{key}={item}" for key, item in value.items()) or "-"
        case str() if _is_time(value):
            return value[:19].replace("T", " ") + "Z"
        case str():
            return " ".join(value.split())
    return str(value)


def width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _pad(text: str, size: int) -> str:
    return text + " " * (size - width(text))


def _is_time(text: str) -> bool:
    return len(text) == 24 and text[4:5] == "-" and text[10:11] == "T" and text.endswith("Z")
