"""Views to JSON and back to documentation: the one place where `*_at` milliseconds become RFC 3339 texts."""

from typing import Any

import msgspec

from rackhand.core.clock import to_rfc3339
from rackhand.core.message import Message


def to_json(view: object) -> bytes:
    """The JSON of a view: dataclasses as objects, enums as their words, integer `*_at` as RFC 3339."""
    return msgspec.json.encode(to_plain(view))


def to_plain(view: object) -> Any:
    """Plain JSON values of a view, times rendered."""
    return _with_times(msgspec.to_builtins(view, str_keys=True, enc_hook=_plain))


def _plain(value: object) -> str:
    """A Message is its English text; of any other type that JSON has no form for, msgspec is told that it is one."""
    if isinstance(value, Message):
        return str(value)
    raise NotImplementedError


def _with_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _at(key, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_times(item) for item in value]
    return value


def _at(key: str, item: Any) -> Any:
    if key.endswith("_at") and isinstance(item, int) and not isinstance(item, bool):
        return to_rfc3339(item)
    return _with_times(item)


def schemas_of(types: list[Any], ref_template: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """JSON Schemas of view types as `to_json` renders them, and the components that they refer to."""
    shapes, components = msgspec.json.schema_components(types, ref_template=ref_template)
    return [_schema_with_times(shape) for shape in shapes], _schema_with_times(components)


def _schema_with_times(value: Any) -> Any:
    if isinstance(value, list):
        return [_schema_with_times(item) for item in value]
    if not isinstance(value, dict):
        return value
    plain = {key: _schema_with_times(item) for key, item in value.items()}
    if isinstance(plain.get("properties"), dict):
        plain["properties"] = {
            name: _time_schema(item) if name.endswith("_at") else item for name, item in plain["properties"].items()
        }
    return plain


def _time_schema(schema: Any) -> Any:
    moment = {"type": "string", "format": "date-time"}
    if schema.get("type") == "integer":
        return {key: item for key, item in schema.items() if key == "description"} | moment
    if "anyOf" in schema:
        return schema | {"anyOf": [moment if item.get("type") == "integer" else item for item in schema["anyOf"]]}
    return schema
