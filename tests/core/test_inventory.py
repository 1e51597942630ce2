"""Inventory: devices get their numbers in the order in which a person counts ports."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.core.inventory import Sighting, duplicated_serials, free_indexes, natural_key, port_order


def seen(serial: str | None, usb_path: str | None = None, handle: str = "h") -> Sighting:
    return Sighting(serial, handle, usb_path, is_online=True)


@pytest.mark.parametrize(
    "ordered",
    [
        ["usb:1-2", "usb:1-9", "usb:1-10", "usb:1-10.1", "usb:2-1"],
        ["127.0.0.1:5555", "127.0.0.1:5557", "127.0.0.1:15555"],
        ["", "1", "01a", "a", "a2", "a10", "b"],
    ],
)
def test_natural_order(ordered: list[str]) -> None:
    upside_down = ordered[::-1]

    assert sorted(upside_down, key=natural_key) == ordered


@given(st.lists(st.text("ab1٣²-. 9", max_size=12), max_size=6))
def test_any_texts_can_be_ordered(texts: list[str]) -> None:
    keys = sorted(natural_key(text) for text in texts)

    assert all(a <= b for a, b in pairwise(keys))


def test_a_handle_of_thousands_of_digits_breaks_nothing() -> None:
    assert natural_key("9" * 10_000) > natural_key("9")


def test_port_order_goes_by_path_then_handle_and_tcp_comes_last() -> None:
    devices = [
        seen("D", None, "10.0.0.9:5555"),
        seen("C", None, "10.0.0.10:5555"),
        seen("B", "1-10", "x"),
        seen("A", "1-9", "y"),
        seen("E", "1-10", "a"),
    ]

    assert [s.serial for s in port_order(devices)] == ["A", "E", "B", "D", "C"]


@pytest.mark.parametrize(
    ("taken", "count", "free"),
    [([], 3, [1, 2, 3]), ([1, 3], 3, [2, 4, 5]), ([2, 2, 1], 1, [3]), ([7], 0, []), ([0, -1], 1, [1])],
)
def test_the_lowest_free_indexes(taken: list[int], count: int, free: list[int]) -> None:
    assert free_indexes(taken, count) == free


@given(st.sets(st.integers(1, 60)), st.integers(0, 30))
def test_free_indexes_fill_every_hole(taken: set[int], count: int) -> None:
    free = free_indexes(taken, count)

    assert len(free) == count
    assert taken.isdisjoint(free)
    if free:
        assert set(range(1, free[-1] + 1)) <= taken | set(free)


def test_serials_that_two_transports_claim() -> None:
    sightings = [seen("A"), seen("B"), seen("A"), seen(None), seen(None)]

    assert duplicated_serials(sightings) == {"A"}
    assert duplicated_serials([]) == set()
