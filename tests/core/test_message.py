"""Messages: English texts that know what they were made from."""

import copy
import json
import pickle

from rackhand.core.message import Message, joined, said, word

KOREAN = {
    "device {name}": "기기 {name}",
    "{device} is {state}: {{}}": "{device} 상태 {state}: {{}}",
    "offline": "오프라인",
    "{__class__}": "nothing",
}


def korean(template: str) -> str:
    return KOREAN.get(template, template)


def test_a_message_is_its_english_text() -> None:
    message = Message("device {name}", name="Kim")

    assert message == "device Kim"
    assert json.dumps({"text": message}) == '{"text": "device Kim"}'
    assert (message.template, message.values) == ("device {name}", {"name": "Kim"})


def test_messages_inside_are_translated_and_what_people_typed_is_not() -> None:
    message = Message(
        "{device} is {state}: {{}}", device=Message("device {name}", name="offline"), state=word("offline")
    )

    assert message == "device offline is offline: {}"
    assert message.translated(korean) == "기기 offline 상태 오프라인: {}"


def test_braces_in_values_are_text() -> None:
    message = Message("device {name}", name="{0.__class__}{{x}}{")

    assert message == "device {0.__class__}{{x}}{"
    assert message.translated(korean) == "기기 {0.__class__}{{x}}{"
    assert word("{__class__}") == "{__class__}"
    assert word("{__class__}").translated(korean) == "{__class__}"


def test_any_name_may_be_a_value() -> None:
    assert Message("{template} {self} {cls}", template="a", self="b", cls="c") == "a b c"


def test_copies_are_messages_of_the_same_template() -> None:
    message = Message("device {name}", name="{x}")

    for twin in (copy.copy(message), copy.deepcopy(message), pickle.loads(pickle.dumps(message))):
        assert (twin, twin.template, twin.values) == ("device {x}", "device {name}", {"name": "{x}"})


def test_several_texts_as_one() -> None:
    names = joined(Message("device {name}", name=name) for name in ("{a}", "b"))

    assert names == "device {a}, device b"
    assert joined((names, "..."), " ").translated(korean) == "기기 {a}, 기기 b ..."
    assert joined(()) == ""


def test_only_messages_are_translated() -> None:
    assert said("offline", korean) == "offline"
    assert said(7, korean) == 7
    assert said(word("offline"), korean) == "오프라인"
