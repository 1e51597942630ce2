"""Key figures: of nothing there is no rate, and every moment is in one hour."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.core.kpi import HOUR_MS, by_hour, middle, rate

NOW = 500_000 * HOUR_MS + 1234


@pytest.mark.parametrize(("part", "whole", "found"), [(0, 0, None), (0, 4, 0.0), (3, 4, 0.75), (4, 4, 1.0)])
def test_rates(part: int, whole: int, found: float | None) -> None:
    assert rate(part, whole) == found


@pytest.mark.parametrize(("values", "found"), [([], None), ([7], 7), ([1, 2, 9], 2), ([1, 2], 2), ([9, 1, 5, 7], 6)])
def test_medians(values: list[int], found: int | None) -> None:
    assert middle(values) == found


def test_the_last_bucket_is_the_hour_of_now() -> None:
    start = NOW - NOW % HOUR_MS

    series = by_hour([(NOW, 1), (start, 2), (start - 1, 4), (start - 2 * HOUR_MS, 8)], NOW, 3)

    assert series == [8, 4, 3]


def test_what_lies_outside_the_window_is_left_out() -> None:
    assert by_hour([(NOW - 3 * HOUR_MS, 5), (NOW + HOUR_MS, 5)], NOW, 3) == [0, 0, 0]
    assert by_hour([(NOW, 5)], NOW, 0) == []


@given(st.lists(st.tuples(st.integers(NOW - 24 * HOUR_MS, NOW), st.integers(0, 9)), max_size=20))
def test_nothing_within_the_window_is_lost(moments: list[tuple[int, int]]) -> None:
    assert sum(by_hour(moments, NOW, 25)) == sum(amount for _, amount in moments)
