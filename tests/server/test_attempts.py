"""Ten wrong passwords per name and per address in 15 minutes; the right one takes its try back."""

import pytest

from rackhand.core.errors import TooMany
from rackhand.server.attempts import LIMIT, MOST_KEYS, WINDOW_S, Attempts


class Clock:
    """Monotonic seconds that stand still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_name_is_tried_ten_times_from_wherever() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for number in range(LIMIT):
        clock.now += 1
        attempts.begin("kim", f"10.0.0.{number}")

    with pytest.raises(TooMany) as refused:
        attempts.begin("kim", "10.0.0.99")
    assert refused.value.retry_after_s == WINDOW_S - LIMIT + 1
    attempts.begin("lee", "10.0.0.99")
    clock.now = 1001 + WINDOW_S
    attempts.begin("kim", "10.0.0.99")
    with pytest.raises(TooMany):
        attempts.begin("kim", "10.0.0.99")


@pytest.mark.parametrize(
    ("addresses", "is_one"),
    [
        (["10.0.0.7"] * LIMIT, True),
        ([f"2001:db8::{number:x}" for number in range(LIMIT)], True),
        ([f"2001:db8:0:{number:x}::1" for number in range(LIMIT)], False),
        (["fe80::1%eth0"] * LIMIT, True),
        (["a socket"] * LIMIT, True),
    ],
)
def test_an_address_is_tried_from_ten_times_whatever_the_name(addresses: list[str], is_one: bool) -> None:
    attempts = Attempts(Clock())
    for number, address in enumerate(addresses):
        attempts.begin(f"name {number}", address)

    if is_one:
        with pytest.raises(TooMany):
            attempts.begin("another", addresses[0])
    else:
        attempts.begin("another", addresses[0])


def test_a_refused_try_does_not_count() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(LIMIT):
        attempts.begin("kim", None)
    clock.now += WINDOW_S - 1
    for _ in range(3):
        with pytest.raises(TooMany):
            attempts.begin("kim", None)

    clock.now += 1
    attempts.begin("kim", None)


def test_the_right_password_takes_its_try_back() -> None:
    attempts = Attempts(Clock())
    for _ in range(3 * LIMIT):
        attempts.begin("kim", "10.0.0.7")
        attempts.succeed("kim", "10.0.0.7")
    attempts.succeed("nobody", "10.0.0.8")


def test_the_counters_do_not_grow_without_end() -> None:
    attempts = Attempts(Clock())
    for number in range(MOST_KEYS + 10):
        attempts.begin(f"name {number}", None)

    assert len(attempts._tries) == MOST_KEYS
