"""Excuses: as long as the block runs, and a little longer."""

from rackhand.agent.excuses import Excuses


def test_an_excuse_covers_its_block_and_lingers() -> None:
    short, long = Excuses(linger_ms=0), Excuses(linger_ms=60_000)
    assert not long.covers("S1")

    with short.hold("S1"), long.hold("S1"), long.hold("S1"):
        assert short.covers("S1")
        assert not short.covers("S2")
    assert not short.covers("S1")
    assert long.covers("S1")
