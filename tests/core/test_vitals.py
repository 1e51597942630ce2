"""Vitals: what keeps a device out of runs, and how much better it must be to come back."""

import pytest

from rackhand.core.vitals import Limit, Limits, Vitals, decide, is_storage_low, reason

LIMITS = Limits()


@pytest.mark.parametrize(
    ("vitals", "before", "limit"),
    [
        (Vitals(), None, None),
        (Vitals(100, 30.0, 9000, 64_000), None, None),
        (Vitals(temperature_c=44.9), None, None),
        (Vitals(temperature_c=45.0), None, Limit.HEAT),
        (Vitals(temperature_c=43.0), Limit.HEAT, Limit.HEAT),
        (Vitals(temperature_c=42.9), Limit.HEAT, None),
        (Vitals(battery=10), None, None),
        (Vitals(battery=9), None, Limit.BATTERY),
        (Vitals(battery=14), Limit.BATTERY, Limit.BATTERY),
        (Vitals(battery=15), Limit.BATTERY, None),
        (Vitals(storage_free_mb=300), None, None),
        (Vitals(storage_free_mb=299), None, Limit.STORAGE),
        (Vitals(storage_free_mb=399), Limit.STORAGE, Limit.STORAGE),
        (Vitals(storage_free_mb=400), Limit.STORAGE, None),
        (Vitals(storage_free_mb=50, storage_total_mb=1000), None, None),
        (Vitals(storage_free_mb=49, storage_total_mb=1000), None, Limit.STORAGE),
        (Vitals(storage_free_mb=59, storage_total_mb=1000), Limit.STORAGE, Limit.STORAGE),
        (Vitals(storage_free_mb=60, storage_total_mb=1000), Limit.STORAGE, None),
        (Vitals(storage_free_mb=400, storage_total_mb=0), None, None),
        (Vitals(5, 50.0, 0), None, Limit.HEAT),
        (Vitals(5, 44.0, 0), Limit.HEAT, Limit.HEAT),
        (Vitals(5, 42.0, 0), Limit.HEAT, Limit.BATTERY),
    ],
)
def test_what_keeps_a_device_out(vitals: Vitals, before: Limit | None, limit: Limit | None) -> None:
    assert decide(vitals, LIMITS, before) is limit


def test_a_full_battery_satisfies_every_limit() -> None:
    assert decide(Vitals(battery=100), Limits(min_battery=99), Limit.BATTERY) is None


@pytest.mark.parametrize(
    ("limit", "vitals", "text"),
    [
        (Limit.HEAT, Vitals(temperature_c=50.0), "its battery is too hot: runs stop at 45 °C"),
        (Limit.BATTERY, Vitals(battery=2), "its battery is below 10 %"),
        (Limit.STORAGE, Vitals(storage_free_mb=1), "its storage is nearly full: free is less than 300 MB"),
        (
            Limit.STORAGE,
            Vitals(storage_free_mb=1, storage_total_mb=99),
            "its storage is nearly full: free is less than 5 %",
        ),
    ],
)
def test_each_limit_has_its_words(limit: Limit, vitals: Vitals, text: str) -> None:
    assert reason(limit, vitals, LIMITS) == text


@pytest.mark.parametrize(
    ("vitals", "is_low"),
    [
        (Vitals(), False),
        (Vitals(storage_free_mb=499), True),
        (Vitals(storage_free_mb=500), False),
        (Vitals(storage_free_mb=99, storage_total_mb=1000), True),
        (Vitals(storage_free_mb=100, storage_total_mb=1000), False),
    ],
)
def test_when_it_is_time_to_clean_up(vitals: Vitals, is_low: bool) -> None:
    assert is_storage_low(vitals, LIMITS) is is_low
