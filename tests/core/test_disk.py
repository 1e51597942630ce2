"""Low is less than wanted; unknown is not low."""

import pytest

from rackhand.core.disk import MIB, Space


@pytest.mark.parametrize(
    ("free", "wanted", "is_low"),
    [(99 * MIB, 100 * MIB, True), (100 * MIB, 100 * MIB, False), (0, 0, False), (None, 100 * MIB, False)],
)
def test_low_is_less_than_wanted(free: int | None, wanted: int, is_low: bool) -> None:
    assert Space("data", "/srv", free, wanted).is_low is is_low


def test_it_speaks_in_mebibytes() -> None:
    space = Space("data", "/srv", 5 * MIB + 1, 7 * MIB)
    assert (space.free_mb, space.wanted_mb, Space("data", "/srv", None, 0).free_mb) == (5, 7, 0)
