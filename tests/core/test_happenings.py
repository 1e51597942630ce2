"""Every kind of happening has its sentence."""

import pytest

from rackhand.core.happenings import RULED, Happening, message_of

VALUES = {
    "title": "Morning",
    "failed": 2,
    "total": 7,
    "node": "PC-01",
    "device": "7 (Lobby)",
    "reason": "it went away",
    "channel": "News",
    "left": 400,
    "budget": 10_000,
}


@pytest.mark.parametrize("kind", Happening)
def test_every_kind_has_a_sentence(kind: Happening) -> None:
    said = message_of(kind, VALUES)

    assert said != ""
    assert "–" not in said
    assert said.translated(str) == said


def test_what_is_not_known_is_a_dash() -> None:
    assert message_of(Happening.NODE_SILENT, {}) == "node – is silent: its devices are out of reach"
    assert Happening.TEST not in RULED
