"""Reasons: a text in the database is known again, and nothing else is taken for one."""

import string

import pytest

from rackhand.core import content_reasons, reasons, step_reasons
from rackhand.core.message import Message
from rackhand.core.reasons import TEMPLATES, recognise

SAID = {"n": 3, "s": 1.5, "word": "timed out"}


def names(template: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(template) if name]


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_reason_is_known_again(template: str) -> None:
    text = template.format(**{name: SAID.get(name, "PC-01") for name in names(template)})
    found = recognise(text)

    assert isinstance(found, Message)
    assert (found, found.template) == (text, template)


def test_every_reason_is_listed() -> None:
    own = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}

    assert own | set(step_reasons.TEMPLATES) | set(content_reasons.TEMPLATES) == set(TEMPLATES)
    assert len(TEMPLATES) == len(own) + len(step_reasons.TEMPLATES) + len(content_reasons.TEMPLATES)


def test_a_reason_inside_a_reason_is_known_too() -> None:
    inner = reasons.AT_ITS_TURN.format(reason=reasons.QUARANTINED.format(reason="swollen {battery}\nsee log"))
    found = recognise(reasons.LEFT_OUT.format(reason=inner))

    assert isinstance(found, Message)
    assert found.translated(lambda text: f"<{text}>") == (
        "<the device was left out: <<quarantined: swollen {battery}\nsee log> when its turn came>>"
    )


@pytest.mark.parametrize("text", ["", "device is lame", "exit code one", "{reason}", "offline " * 400])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert not isinstance(recognise(text), Message)
    assert recognise(text) == text


def test_a_long_text_of_an_agent_takes_no_time_to_pass() -> None:
    text = "step " + " failed on device " * 100_000

    assert recognise(text) is text
