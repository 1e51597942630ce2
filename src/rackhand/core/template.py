"""Templates: `{{ params.x }}`, `{{ secrets.x }}`, `{{ device.index }}`, `{{ run.id }}`. Values are data, never code.

In a shell command a placeholder becomes `${RH_params_x}`, and a prelude exports every value single-quoted, so that no
value can change what the command is. Elsewhere a placeholder is replaced in the one argument it stands in.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from rackhand.core.errors import FieldError
from rackhand.core.schema import pointer

FACTS = ("device.index", "device.label", "run.id")
_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_.-]{1,100})\s*\}\}")
CONTENT = ("content.id", "content.title", "content.url", "content.video_id")
"""Parameters that a run has of the video that it names; nobody else may set them."""
_GIVEN = re.compile(rf"(params|secrets)\.[A-Za-z_][A-Za-z0-9_]{{0,63}}|params\.({'|'.join(CONTENT)})", re.ASCII)
PARAM_NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"


def placeholders(value: Any) -> set[str]:
    """Every name that stands between double braces anywhere in a JSON value."""
    return {name for _, text in _texts(value, "") for name in _PLACEHOLDER.findall(text)}


def names_of(value: Any, family: str) -> tuple[str, ...]:
    """The placeholders of one family, `params` or `secrets`, by what stands after the dot."""
    return tuple(sorted(name.partition(".")[2] for name in placeholders(value) if name.startswith(f"{family}.")))


def check(value: Any, path: str, errors: list[FieldError], given: Collection[str] | None = None) -> None:
    """Append an error for each unknown placeholder and, with `given` (`params.x`, `secrets.y`), for each without a
    value. What a step calls a secret is no parameter: its value is never shown."""
    for where, text in _texts(value, path):
        for name in _PLACEHOLDER.findall(text):
            if name not in FACTS and not _GIVEN.fullmatch(name):
                errors.append(FieldError(where, "has the unknown placeholder {name}", {"name": name}))
            elif given is not None and name not in FACTS and name not in given:
                errors.append(FieldError(where, "uses {name}, which the run gives no value", {"name": name}))


def render(text: str, values: Mapping[str, str]) -> str:
    """`text` with each placeholder replaced by its value; KeyError names one without a value."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def render_shell(command: str, values: Mapping[str, str]) -> str:
    """A shell script: the prelude that exports the values in use, then `command` over those variables."""
    names = sorted(set(_PLACEHOLDER.findall(command)))
    prelude = "".join(f"export {variable(name)}={quote(values[name])}\n" for name in names)
    return prelude + _PLACEHOLDER.sub(lambda found: f"${{{variable(found[1])}}}", command)


def variable(name: str) -> str:
    """`params.x` -> `RH_params_x`."""
    return "RH_" + re.sub(r"[^A-Za-z0-9_]", "_", name)


def quote(value: str) -> str:
    """One shell word that is exactly `value` (POSIX single quotes; NUL cannot be passed and is left out)."""
    return "'" + value.replace("\x00", "").replace("'", "'\\''") + "'"


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, pointer(path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _texts(item, pointer(path, i))
