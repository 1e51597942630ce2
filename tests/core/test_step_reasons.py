"""Reasons of steps: what an agent writes down is known again, layer by layer, with what the device said left alone."""

import pytest

from rackhand.core import step_reasons
from rackhand.core.message import Message
from rackhand.core.reasons import recognise

PLACE = {"n": 2, "text": "Wait (long): 5 s"}


def layers(text: str) -> str:
    """The text with the template of each layer around it."""
    found = recognise(text)
    assert isinstance(found, Message)
    return found.translated(lambda template: f"<{template}>")


def test_every_template_is_listed() -> None:
    own = [value for name, value in vars(step_reasons).items() if name.isupper() and isinstance(value, str)]

    assert sorted(own) == sorted(step_reasons.TEMPLATES)


def test_a_step_that_came_to_no_end() -> None:
    late = step_reasons.LATE.format(n=30_000)
    trouble = step_reasons.UNANSWERED.format(reason=late, **PLACE)

    assert layers(step_reasons.WAITED.format(reason=trouble, s="15")) == (
        "<<step 2 (Wait (long): 5 s) <did not end within 30000 ms> and the device does not answer>; waited 15 s>"
    )


def test_a_device_that_went_away() -> None:
    trouble = step_reasons.AT_STEP.format(reason=step_reasons.DISCONNECTED, **PLACE)

    assert layers(step_reasons.WAITED.format(reason=trouble, s="0.4")) == (
        "<<<device was disconnected> at step 2 (Wait (long): 5 s)>; waited 0.4 s>"
    )


@pytest.mark.parametrize("word", step_reasons.WORDS)
def test_how_it_ended(word: str) -> None:
    exit_code = step_reasons.EXIT_CODE_SAID.format(n=127, text="foo: not found; waited 3 s?")
    text = step_reasons.ENDED_AT.format(word=word, reason=exit_code, **PLACE)

    assert layers(text) == f"<step 2 (Wait (long): 5 s) <{word}>: <exit code 127: foo: not found; waited 3 s?>>"


def test_what_a_device_said_stays() -> None:
    assert layers(step_reasons.RESTARTED.format(reason="Failure [INSTALL_FAILED]")) == (
        "<the device restarted meanwhile: Failure [INSTALL_FAILED]>"
    )
