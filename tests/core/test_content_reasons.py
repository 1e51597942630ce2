"""Reasons about content are known again, so that pages can say them in Korean."""

import pytest

from rackhand.core import content_reasons
from rackhand.core.message import Message
from rackhand.core.reasons import recognise


@pytest.mark.parametrize("template", content_reasons.TEMPLATES)
def test_a_reason_is_known_again(template: str) -> None:
    found = recognise(template.format(text="status 500"))
    assert isinstance(found, Message)
    assert found.template == template
