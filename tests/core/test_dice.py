"""Dice: the same numbers on every machine, fair, and never wrong at the two ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.core.dice import MAX_SEED, decide, draw
from rackhand.core.states import Decision

SEEDS = st.integers(0, MAX_SEED)
INDEXES = st.integers(1, 1_000_000)
STEPS = st.integers(0, 199)


@pytest.mark.parametrize(
    ("seed", "index", "step", "digest", "expected"),
    [
        (0, 1, 0, 0xF72DD9617A48A4A2, 0.9655433524115176),
        (0, 1, 1, 0xE285C36EF92062E2, 0.8848535676889937),
        (1, 7, 3, 0xACF57F45C962428D, 0.6756209893586709),
        (42, 20, 0, 0x54C008605CE5D80D, 0.3310551867733901),
        (9007199254740991, 1000000, 199, 0x1B1B862039F16985, 0.10588873183036684),
    ],
)
def test_fixed_vectors(seed: int, index: int, step: int, digest: int, expected: float) -> None:
    """Made without this code: `printf SEED:INDEX:STEP | b2sum -l 64`, its upper 53 bits over 2 ** 53."""
    assert draw(seed, index, step) == expected == (digest >> 11) / 2**53


@given(SEEDS, INDEXES, STEPS)
def test_a_draw_is_in_the_half_open_unit_interval_with_53_bits(seed: int, index: int, step: int) -> None:
    drawn = draw(seed, index, step)

    assert 0 <= drawn < 1
    assert (drawn * 2**53).is_integer()
    assert draw(seed, index, step) == drawn


@given(SEEDS, INDEXES, STEPS)
def test_probability_zero_never_and_one_always(seed: int, index: int, step: int) -> None:
    drawn = draw(seed, index, step)

    assert decide(drawn, 0) is Decision.SKIPPED
    assert decide(drawn, 1) is Decision.EXECUTED


def test_the_draw_must_be_below_the_probability() -> None:
    assert decide(0.5, 0.5) is Decision.SKIPPED
    assert decide(0.49999, 0.5) is Decision.EXECUTED
    assert decide(0.0, 0.0) is Decision.SKIPPED


@pytest.mark.parametrize("seed", [0, 1, MAX_SEED])
def test_draws_are_spread_evenly(seed: int) -> None:
    """10,000 draws in 10 bins of about 1,000; chi-square with 9 degrees of freedom stays below 27.9 (p = 0.001)."""
    bins = [0] * 10
    for index in range(1, 1001):
        for step in range(10):
            bins[int(draw(seed, index, step) * 10)] += 1

    assert sum((count - 1000) ** 2 / 1000 for count in bins) < 27.9


def test_neighbours_do_not_share_their_luck() -> None:
    drawn = {draw(seed, index, step) for seed in range(10) for index in range(1, 11) for step in range(10)}

    assert len(drawn) == 1000
