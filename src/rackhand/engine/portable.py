"""Playbooks as YAML: reading text that strangers wrote, safely and within bounds, and writing it. No SQL here."""

from typing import Any

import yaml

from rackhand.core.errors import FieldError, Invalid, Malformed
from rackhand.core.message import Message
from rackhand.core.playbook import check_document, to_document
from rackhand.engine.playbooks import PlaybookRevision

MAX_BYTES = 1_048_576
MAX_EVENTS = 100_000
MAX_DEPTH = 20


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen if isinstance(key, yaml.ScalarNode) else False:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is there twice", key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def parse(raw: bytes) -> dict[str, Any]:
    """The checked document in YAML bytes. Malformed if it is no YAML, Invalid with every error and its path."""
    if len(raw) > MAX_BYTES:
        raise Invalid([FieldError("", "the document has more than {n} bytes", {"n": MAX_BYTES})])
    try:
        text = raw.decode("utf-8-sig")
        _bound(text)
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except UnicodeDecodeError as error:
        raise Malformed("the document is not UTF-8; nothing was changed") from error
    except yaml.YAMLError as error:
        raise Malformed("the document is not YAML: {where}; nothing was changed", where=_where(error)) from error
    except (ValueError, OverflowError) as error:
        raise Malformed(
            "the document has a value that cannot be read: {reason}; nothing was changed", reason=str(error)
        ) from error
    errors: list[FieldError] = []
    document = check_document(value, errors)
    if errors:
        raise Invalid(errors)
    return document


def render(revision: PlaybookRevision) -> bytes:
    """A revision as YAML that `parse` takes."""
    document = to_document(revision.title, revision.steps)
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    return text.encode()


def _bound(text: str) -> None:
    """Refuse aliases, and too much or too deep nesting, before anything is built."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        if isinstance(event, yaml.AliasEvent):
            raise Invalid([FieldError("", "line {line} uses an alias; write the value out", _line(event))])
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or count > MAX_EVENTS:
            raise Invalid(
                [FieldError("", "line {line} is nested too deep, or the document is too large", _line(event))]
            )


def _line(event: yaml.Event) -> dict[str, object]:
    return {"line": event.start_mark.line + 1 if event.start_mark else 0}


def _where(error: yaml.YAMLError) -> Message:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if mark is None:
        return Message("{problem}", problem=problem)
    return Message(
        "{problem} (line {line}, column {column})", problem=problem, line=mark.line + 1, column=mark.column + 1
    )
