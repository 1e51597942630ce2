"""HTML forms as bodies of the API: a field's name is the JSON pointer of its value, so an error's path is a field."""

import re
from collections.abc import Iterable
from typing import Any

from litestar.datastructures import UploadFile

from rackhand.core.errors import Invalid
from rackhand.core.schema import Boolean, Field, Integer, ListOf, Number, Record, Spec, parse
from rackhand.server.contract import Request

FormValues = dict[str, str]
"""Field name -> what was typed; the last one of several with the same name."""


async def typed(request: Request) -> FormValues:
    """Everything that was typed, to fill the form again; files are left out."""
    form = await request.form()
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


async def uploads(request: Request) -> dict[str, UploadFile]:
    """The files of a multipart form by field name; a field left empty is left out."""
    form = await request.form()
    return {name: value for name, value in form.multi_items() if isinstance(value, UploadFile) and value.filename}


async def read_form(request: Request, spec: Spec) -> Any:
    """The checked body of a form; Invalid with every error. Fields left empty are missing unless `spec` says text."""
    return parse(spec, await read_unchecked(request, spec))


async def read_unchecked(request: Request, spec: Spec | None = None) -> dict[str, Any]:
    """The body of a form, numbers and switches read as `spec` says where it says so, nothing checked."""
    form = await request.form()
    pairs = [(name, value) for name, value in form.multi_items() if name.startswith("/") and isinstance(value, str)]
    return nest(pairs, spec)


def nest(pairs: Iterable[tuple[str, str]], spec: Spec | None = None) -> dict[str, Any]:
    """`[("/steps/0/title", "x")]` -> `{"steps": [{"title": "x"}]}`; a name given several times below a list adds up."""
    tree: dict[str, Any] = {}
    for name, text in pairs:
        keys = [key.replace("~1", "/").replace("~0", "~") for key in name.split("/")[1:]]
        _put(tree, keys, text)
    body = _shape(tree, spec)
    return body if isinstance(body, dict) else {}


class _Several(list[str]):
    """Values of one name that came more than once."""


def _put(tree: dict[str, Any], keys: list[str], text: str) -> None:
    for key in keys[:-1]:
        below = tree.setdefault(key, {})
        if not isinstance(below, dict):
            return
        tree = below
    last = keys[-1]
    if isinstance(tree.get(last), str):
        tree[last] = _Several([tree[last], text])
    elif isinstance(tree.get(last), _Several):
        tree[last].append(text)
    elif last not in tree:
        tree[last] = text


def _shape(value: Any, spec: Spec | None) -> Any:
    if isinstance(value, dict):
        return _shape_tree(value, spec)
    if isinstance(spec, ListOf):
        return [_leaf(text, spec.item) for text in (value if isinstance(value, _Several) else [value]) if text]
    return _leaf(value[-1] if isinstance(value, _Several) else value, spec)


def _shape_tree(value: dict[str, Any], spec: Spec | None) -> Any:
    if value and all(re.fullmatch(r"\d{1,5}", key) for key in value) and not isinstance(spec, Record):
        item = spec.item if isinstance(spec, ListOf) else None
        return [_shape(value[key], item) for key in sorted(value, key=int)]
    known = spec.fields if isinstance(spec, Record) else {}
    shaped: dict[str, Any] = {}
    for key, below in value.items():
        wanted = _spec_of(known.get(key))
        if below == "" and _is_optional(known.get(key), wanted):
            continue
        shaped[key] = _shape(below, wanted)
    return shaped


def _spec_of(entry: Spec | Field | None) -> Spec | None:
    return entry.spec if isinstance(entry, Field) else entry


def _is_optional(entry: Spec | Field | None, spec: Spec | None) -> bool:
    """An empty box of a number or of a field with a default says nothing."""
    return isinstance(entry, Field) or isinstance(spec, Integer | Number | Boolean)


def _leaf(text: str, spec: Spec | None) -> Any:
    if isinstance(spec, Boolean):
        return {"on": True, "true": True, "false": False}.get(text, text)
    if isinstance(spec, Integer) and re.fullmatch(r"-?\d{1,19}", text):
        return int(text)
    if isinstance(spec, Integer | Number):
        try:
            return float(text)
        except ValueError:
            return text
    return text.replace("\r\n", "\n")


def errors_by_field(error: Exception) -> dict[str, str]:
    """Field name -> message, for the pages; only of Invalid."""
    return {item.path: item.message for item in reversed(error.errors)} if isinstance(error, Invalid) else {}
