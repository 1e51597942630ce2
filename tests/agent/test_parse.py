"""The parsers against what real tools print (facts/*.txt), and against anything at all."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.agent.parse import (
    Battery,
    is_media_playing,
    parse_battery,
    parse_focused_app,
    parse_properties,
    parse_storage,
)

FACTS = Path(__file__).parent / "facts"


def fact(name: str) -> str:
    return (FACTS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "battery"),
    [
        ("battery_pixel", Battery(87, 31.2, "good", "charging", is_powered=True)),
        ("battery_hot_odd_scale", Battery(50, 47.1, "overheat", "discharging", is_powered=False)),
        ("battery_none", Battery()),
    ],
)
def test_a_battery_is_read(name: str, battery: Battery) -> None:
    assert parse_battery(fact(name)) == battery


@pytest.mark.parametrize(
    ("name", "free_mb"),
    [("df_toybox", 20_480), ("df_human", 1_536), ("df_toolbox", 8_396), ("df_missing", None)],
)
def test_free_space_of_data_is_read(name: str, free_mb: int | None) -> None:
    assert parse_storage(fact(name)).free_mb == free_mb


def test_free_space_falls_back_to_the_first_file_system() -> None:
    assert parse_storage(fact("df_toybox"), "/sdcard").free_mb == 1_860


def test_properties_are_read_and_garbage_left_out() -> None:
    properties = parse_properties(fact("getprop"))
    assert properties["ro.serialno"] == "R58M123ABC"
    assert properties["ro.empty"] == ""
    assert len(properties) == 5


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("window_chrome", "com.android.chrome"),
        ("window_old_token", "com.android.settings"),
        ("window_shade", "org.kiosk.player"),
        ("window_none", None),
        ("activity_resumed", "com.google.android.youtube"),
    ],
)
def test_the_app_in_front_is_read(name: str, package: str | None) -> None:
    assert parse_focused_app(fact(name)) == package


@pytest.mark.parametrize(
    ("name", "is_playing"), [("media_playing", True), ("media_playing_15", True), ("media_paused", False)]
)
def test_playing_media_is_noticed(name: str, is_playing: bool) -> None:
    assert is_media_playing(fact(name)) is is_playing


@given(st.text())
def test_no_text_breaks_a_parser(text: str) -> None:
    parse_battery(text)
    parse_storage(text)
    parse_properties(text)
    parse_focused_app(text)
    is_media_playing(text)


@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12))
def test_a_battery_level_is_a_percentage_or_unknown(level: int, scale: int) -> None:
    found = parse_battery(f"  level: {level}\n  scale: {scale}\n").level
    assert found is None or 0 <= found <= 100
