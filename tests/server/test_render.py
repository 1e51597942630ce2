"""Views as JSON: times become texts, everything else stays, and the schema says the same."""

from dataclasses import dataclass
from enum import StrEnum

from rackhand.server.render import schemas_of, to_json


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Item:
    seen_at: int | None
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class View:
    id: str
    colour: Colour
    created_at: int
    items: tuple[Item, ...]
    looked_at: bool


VIEW = View("x", Colour.RED, 1_500, (Item(None, 5), Item(0, 6)), looked_at=True)


def test_times_are_texts_at_every_depth() -> None:
    assert to_json(VIEW) == (
        b'{"id":"x","colour":"red","created_at":"1970-01-01T00:00:01.500Z",'
        b'"items":[{"seen_at":null,"timeout_ms":5},{"seen_at":"1970-01-01T00:00:00.000Z","timeout_ms":6}],'
        b'"looked_at":true}'
    )


def test_the_schema_says_so() -> None:
    shapes, components = schemas_of([View], "#/components/schemas/{name}")

    assert shapes == [{"$ref": "#/components/schemas/View"}]
    moment = {"type": "string", "format": "date-time"}
    assert components["View"]["properties"]["created_at"] == moment
    assert components["View"]["properties"]["looked_at"] == {"type": "boolean"}
    assert components["Item"]["properties"]["seen_at"] == {"anyOf": [moment, {"type": "null"}]}
    assert components["Item"]["properties"]["timeout_ms"] == {"type": "integer"}
