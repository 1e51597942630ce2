"""What went wrong is told for a while, not for ever."""

from rackhand.agent.trouble import Trouble


def test_it_is_told_and_then_no_more() -> None:
    now = [0]
    trouble = Trouble(told_ms=100, clock=lambda: now[0])
    assert trouble.text == ""

    trouble.say("odd")
    now[0] = 99
    assert trouble.text == "odd"
    now[0] = 100
    assert trouble.text == ""
