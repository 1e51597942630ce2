"""What a heartbeat says, made fit to store: pure facts in, pure facts out."""

from dataclasses import replace
from typing import Any

import pytest

from rackhand.engine import reports
from rackhand.engine.fake import phone
from rackhand.engine.reports import Claim
from rackhand.store.sightings import Facts, Known

NOW, WINDOW, MINUTE = 1_000_000, 30_000, 60_000


def facts(**said: Any) -> Facts:
    return reports.facts_of(phone("kim", **said), NOW, WINDOW)


def known(last_seen_at: int = NOW, **said: Any) -> Known:
    return Known("id-1", "PC-01", 1, "kim", last_seen_at, 3, facts(**said))


def claim(**said: Any) -> Claim:
    return Claim("kim", facts(**said), ("kim",))


def test_claims_come_in_port_order_and_a_known_handle_goes_on() -> None:
    seen = [
        phone("ten", usb_path="1-10", runtime_handle="a"),
        phone("two", usb_path="1-2", runtime_handle="b"),
        phone("twin", usb_path="1-3", runtime_handle="c", online=False),
        phone("twin", usb_path="1-4", runtime_handle="d"),
    ]
    found = reports.claims_of(seen, {}, NOW, WINDOW)
    assert [each.serial for each in found] == ["two", "twin", "ten"]
    assert (found[1].handles, found[1].facts.runtime_handle, found[1].is_twice) == (("c", "d"), "d", True)
    stored = {"twin": Known("id", "PC-01", 1, "twin", NOW, 1, replace(facts(), runtime_handle="c"))}
    assert reports.claims_of(seen, stored, NOW, WINDOW)[1].facts.runtime_handle == "c"


def test_the_same_handle_listed_twice_is_one() -> None:
    (only,) = reports.claims_of([phone("kim"), phone("kim", battery=5)], {}, NOW, WINDOW)
    assert (only.is_twice, only.facts.battery) == (False, 5)


@pytest.mark.parametrize(
    ("said", "probed_at"),
    [
        ({}, NOW),
        ({"probe_age_ms": 1_500}, NOW - 1_500),
        ({"probe_age_ms": -9}, NOW),
        ({"probe_age_ms": 10**15}, 0),
        ({"online": False}, None),
        ({"online": False, "probe_age_ms": 40_000}, NOW - 40_000),
    ],
)
def test_the_last_probe_is_dated_by_its_age(said: dict[str, Any], probed_at: int | None) -> None:
    assert facts(**said).last_probe_at == probed_at


@pytest.mark.parametrize("value", [-1, 101, 10**9])
def test_an_impossible_battery_is_unknown(value: int) -> None:
    assert facts(battery=value).battery is None


@pytest.mark.parametrize(
    ("said", "is_written"),
    [
        ({"temperature_c": 30.9, "storage_free_mb": 950}, False),
        ({"temperature_c": 31.0, "storage_free_mb": 1000}, True),
        ({"temperature_c": 30.0, "storage_free_mb": 900}, True),
        ({"temperature_c": 30.0, "storage_free_mb": 1000, "battery": 49}, True),
        ({"temperature_c": 30.0, "storage_free_mb": 1000, "online": False}, True),
    ],
)
def test_small_drift_alone_is_not_written_at_once(said: dict[str, Any], is_written: bool) -> None:
    before = known(temperature_c=30.0, storage_free_mb=1000, battery=50)
    said = {"battery": 50} | said
    assert (reports.updated(before, claim(**said), NOW + 1, MINUTE) is not None) is is_written
    assert reports.updated(before, claim(**said), NOW + MINUTE, MINUTE) is not None


def test_what_a_report_leaves_out_stays_known() -> None:
    before = known(model="Pixel 8", os_version="15", battery=50, usb_path="1-2")
    after = reports.updated(before, claim(online=False, adb_state="offline"), NOW + 1, MINUTE)
    assert after is not None
    kept = after.facts
    assert (kept.model, kept.os_version, kept.battery, kept.usb_path) == ("Pixel 8", "15", 50, "1-2")
    assert (kept.is_online, kept.adb_state, kept.last_probe_at) == (False, "offline", NOW)
    assert reports.is_visible(before.facts, kept)
    assert not reports.is_visible(before.facts, replace(before.facts, battery=3))


def test_transports_without_a_serial_are_told_from_devices() -> None:
    seen = [phone(None, runtime_handle=handle, adb_state="offline", online=False) for handle in ("b", "a", "a")]
    found = reports.transports_of([*seen, phone("kim")], "PC-01", NOW)
    assert [(row.runtime_handle, row.adb_state, row.last_seen_at) for row in found] == [
        ("a", "offline", NOW),
        ("b", "offline", NOW),
    ]
