"""Shapes of what operators send: one declaration checks a value, fills its defaults and draws its JSON Schema.

`check` never stops at the first error: it returns the value with defaults filled in, and appends every error with its
JSON pointer. Only plain JSON values go in and come out. No business rule belongs here.
"""

import math
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Protocol

from rackhand.core.errors import FieldError, Invalid
from rackhand.core.message import Message, word

MAX_SAFE_INTEGER = 2**53 - 1
REQUIRED: Any = object()
"""Default of a field that must be given."""


class Spec(Protocol):
    """A shape that a JSON value can have."""

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any: ...

    def json_schema(self) -> dict[str, Any]: ...


def pointer(path: str, key: str | int) -> str:
    """The JSON pointer (RFC 6901) of `key` below `path`."""
    return f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"


def parse(spec: Spec, value: Any) -> Any:
    """`value` with its defaults filled in, or Invalid with every error."""
    errors: list[FieldError] = []
    parsed = spec.check(value, "", errors)
    if errors:
        raise Invalid(errors)
    return parsed


def _fail(errors: list[FieldError], path: str, template: str, **values: object) -> None:
    errors.append(FieldError(path, template, values))


@dataclass(frozen=True, slots=True)
class Text:
    """A string without NUL or lone surrogates, measured in characters."""

    min: int = 0
    max: int = 1000
    pattern: str | None = None
    hint: str = ""

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any:
        if not isinstance(value, str):
            _fail(errors, path, "must be a text")
        elif "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
            _fail(errors, path, "must not contain NUL or broken characters")
        elif len(value) < self.min:
            _fail(
                errors, path, "must not be empty" if self.min == 1 else "must have at least {n} characters", n=self.min
            )
        elif len(value) > self.max:
            _fail(errors, path, "must have at most {n} characters", n=self.max)
        elif self.pattern is not None and not re.search(self.pattern.removesuffix("$") + r"\Z", value):
            hint = word(self.hint) if self.hint else Message("like {pattern}", pattern=self.pattern)
            _fail(errors, path, "must be {hint}", hint=hint)
        return value

    def json_schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "string", "minLength": self.min, "maxLength": self.max}
        return schema | ({"pattern": self.pattern} if self.pattern else {})


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number in a range; `true` is none."""

    min: int = 0
    max: int = MAX_SAFE_INTEGER

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            _fail(errors, path, "must be a whole number")
        elif not self.min <= value <= self.max:
            _fail(errors, path, "must be from {low} to {high}", low=self.min, high=self.max)
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.min, "maximum": self.max}


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number in a range."""

    min: float
    max: float

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any:
        if not isinstance(value, int | float) or isinstance(value, bool) or not -math.inf < value < math.inf:
            _fail(errors, path, "must be a number")
        elif not self.min <= value <= self.max:
            _fail(errors, path, "must be from {low:g} to {high:g}", low=self.min, high=self.max)
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.min, "maximum": self.max}


@dataclass(frozen=True, slots=True)
class Boolean:
    """true or false."""

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any:
        if not isinstance(value, bool):
            _fail(errors, path, "must be true or false")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any:
        if not isinstance(value, str) or value not in self.words:
            _fail(errors, path, "must be one of {words}", words=", ".join(self.words))
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one shape."""

    item: Spec
    min: int = 0
    max: int = 1000

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any:
        if not isinstance(value, list):
            _fail(errors, path, "must be a list")
            return value
        if len(value) < self.min:
            _fail(errors, path, "must not be empty" if self.min == 1 else "must have at least {n} entries", n=self.min)
        if len(value) > self.max:
            _fail(errors, path, "must have at most {n} entries", n=self.max)
            return value
        return [self.item.check(item, pointer(path, i), errors) for i, item in enumerate(value)]

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.item.json_schema(), "minItems": self.min, "maxItems": self.max}


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object whose keys people choose."""

    item: Spec
    key: Text = field(default_factory=lambda: Text(min=1, max=64))
    max: int = 100

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any:
        if not isinstance(value, dict):
            _fail(errors, path, "must be an object")
            return value
        if len(value) > self.max:
            _fail(errors, path, "must have at most {n} entries", n=self.max)
            return value
        for key in value:
            self.key.check(key, pointer(path, key), errors)
        return {key: self.item.check(item, pointer(path, key), errors) for key, item in value.items()}

    def json_schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "additionalProperties": self.item.json_schema(),
            "propertyNames": self.key.json_schema(),
            "maxProperties": self.max,
        }


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record; a default of None also admits null."""

    spec: Spec
    default: Any = REQUIRED


@dataclass(frozen=True, slots=True)
class Record:
    """An object with known fields; unknown ones are errors. A bare spec stands for a required field."""

    fields: Mapping[str, Spec | Field]

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any:
        if not isinstance(value, dict):
            _fail(errors, path, "must be an object")
            return value
        for key in value:
            if key not in self.fields:
                _fail(errors, pointer(path, key), "is not a known field")
        return {name: self._check_field(name, value, path, errors) for name in self.fields}

    def _check_field(self, name: str, value: dict[str, Any], path: str, errors: list[FieldError]) -> Any:
        entry = _as_field(self.fields[name])
        if name not in value:
            if entry.default is REQUIRED:
                _fail(errors, pointer(path, name), "is required")
            return None if entry.default is REQUIRED else deepcopy(entry.default)
        if value[name] is None and entry.default is None:
            return None
        return entry.spec.check(value[name], pointer(path, name), errors)

    def json_schema(self) -> dict[str, Any]:
        properties, required = {}, []
        for name, spec in self.fields.items():
            entry = _as_field(spec)
            properties[name] = (
                _nullable(entry.spec.json_schema()) if entry.default is None else entry.spec.json_schema()
            )
            if entry.default is REQUIRED:
                required.append(name)
            elif entry.default is not None:
                properties[name] = properties[name] | {"default": entry.default}
        return {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
        } | ({"required": required} if required else {})


@dataclass(frozen=True, slots=True)
class Tagged:
    """One of several records, told apart by the word in field `tag`."""

    tag: str
    records: Mapping[str, Record]

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any:
        if not isinstance(value, dict):
            _fail(errors, path, "must be an object")
            return value
        chosen = Choice(tuple(self.records)).check(value.get(self.tag), pointer(path, self.tag), errors)
        record = self.records.get(chosen) if isinstance(chosen, str) else None
        if record is None:
            return value
        rest = {key: item for key, item in value.items() if key != self.tag}
        return {self.tag: chosen} | record.check(rest, path, errors)

    def json_schema(self) -> dict[str, Any]:
        options = []
        for name, record in self.records.items():
            schema = record.json_schema()
            schema["properties"] = {self.tag: {"const": name}} | schema["properties"]
            schema["required"] = [self.tag, *schema.get("required", [])]
            options.append(schema)
        return {"oneOf": options}


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The first of some shapes that fits; the errors are those of the last one."""

    options: Sequence[Spec]

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any:
        found: list[FieldError] = []
        for option in self.options:
            found = []
            parsed = option.check(value, path, found)
            if not found:
                return parsed
        errors.extend(found)
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [option.json_schema() for option in self.options]}


def _as_field(entry: Spec | Field) -> Field:
    return entry if isinstance(entry, Field) else Field(entry)


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}
