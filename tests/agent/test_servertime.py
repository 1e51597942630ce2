"""The server's time: a wrong clock of this PC moves no fact."""

import pytest

from rackhand.agent.servertime import ServerTime
from rackhand.core.clock import from_rfc3339, to_rfc3339


def test_an_answer_sets_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rackhand.agent.servertime.monotonic_ms", lambda: 5_000)
    time = ServerTime()
    time.observe("2040-01-01T00:00:00.000Z")

    assert time.stamp() == "2040-01-01T00:00:00.000Z"
    assert time.now() == from_rfc3339("2040-01-01T00:00:00.000Z")


@pytest.mark.parametrize("nonsense", ["", "yesterday", None, 7, "2040-13-01T00:00:00Z"])
def test_nonsense_changes_nothing(monkeypatch: pytest.MonkeyPatch, nonsense: object) -> None:
    monkeypatch.setattr("rackhand.agent.servertime.monotonic_ms", lambda: 5_000)
    time = ServerTime()
    time.observe(to_rfc3339(1_000_000))
    time.observe(nonsense)

    assert time.now() == 1_000_000


def test_ids_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(1_000, 2_000))
    monkeypatch.setattr("rackhand.agent.servertime.monotonic_ms", lambda: next(now))
    time = ServerTime()
    ids = [time.mint() for _ in range(50)]

    assert ids == sorted(set(ids))


def test_a_late_answer_does_not_turn_the_clock_back_but_a_set_clock_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rackhand.agent.servertime.monotonic_ms", lambda: 5_000)
    time = ServerTime()
    time.observe(to_rfc3339(1_000_000))
    time.observe(to_rfc3339(999_950))
    assert time.now() == 1_000_000

    time.observe(to_rfc3339(1_000_020))
    assert time.now() == 1_000_020

    time.observe(to_rfc3339(900_000))
    assert time.now() == 900_000
