"""Does a text match: quick ones at once, any other within a time that a kill keeps."""

import asyncio

import pytest

from rackhand.agent.actions.matching import mismatch

LONG = "x\n" * 5_000 + "state=12\n"


@pytest.mark.parametrize(
    ("pattern", "text", "reason"),
    [
        ("abc", "xabcx", None),
        ("^b+$", "a\nbbb\nc", None),
        ("^state=\\d+$", LONG, None),
        ("^(x|y)+=\\d*$", LONG, "does not match"),
        ("é+.*ü", "ééaü", None),
        ("abd", "abc", "does not match"),
        ("(", "abc", "not a regular expression"),
    ],
)
def test_a_pattern_is_looked_for_in_every_line(pattern: str, text: str, reason: str | None) -> None:
    unmet = asyncio.run(mismatch(pattern, text, 20_000))

    assert unmet is None if reason is None else reason in str(unmet)


def test_a_pattern_that_takes_for_ever_is_ended_and_the_loop_goes_on() -> None:
    async def story() -> None:
        endless = asyncio.create_task(mismatch("(a+)+$", "a" * 60 + "b", 300))
        await asyncio.sleep(0)
        assert await mismatch("a", "a", 1) is None
        assert not endless.done()
        assert "took longer than 300 ms" in str(await endless)

    asyncio.run(story())
