"""Charts: a day in the life of one device, as its agent judges it. Times are ms; the rules are short ones."""

from dataclasses import replace

import pytest

from rackhand.core.health import (
    Chart,
    Happening,
    Look,
    Rules,
    Rung,
    admit,
    happening,
    judge,
    pardon,
    quarantined,
    shifted,
)
from rackhand.core.states import DeviceState

S = DeviceState
RULES = Rules(flap_changes=3, flap_window_ms=300, steady_ms=60, probation_probes=3, before_quarantine_ms=50, boot_ms=50)
WELL = admit(S.ONLINE, 0)


def told(chart: Chart, *story: tuple[int, S], **look: bool) -> Chart:
    """The chart after these looks: (when, what was seen)."""
    for at, seen in story:
        chart = judge(chart, Look(seen, **look), at, RULES)
    return chart


FLAPS = ((10, S.OFFLINE), (20, S.ONLINE), (30, S.OFFLINE), (40, S.ONLINE))


def test_a_device_is_what_is_seen_of_it_and_since_when() -> None:
    chart = told(WELL, (10, S.OFFLINE), (20, S.OFFLINE), (30, S.BOOTING))

    assert (chart.state, chart.since, chart.turned_at) == (S.BOOTING, 30, 10)


def test_three_turns_are_life_and_the_fourth_is_flapping() -> None:
    assert told(WELL, *FLAPS[:3]).state is S.OFFLINE
    flapping = told(WELL, *FLAPS)

    assert (flapping.state, flapping.since) == (S.FLAPPING, 40)
    assert flapping.reason == "flapping: it came or went more than 3 times in 0 s"


def test_slow_turns_are_forgotten() -> None:
    assert told(WELL, (100, S.OFFLINE), (200, S.ONLINE), (300, S.OFFLINE), (401, S.ONLINE)).state is S.ONLINE


def test_words_that_change_while_it_does_not_answer_are_no_turns() -> None:
    chart = told(WELL, (10, S.OFFLINE), (11, S.BOOTING), (12, S.UNRESPONSIVE), (13, S.ABSENT), (14, S.ONLINE))

    assert (chart.state, chart.changes) == (S.ONLINE, (10, 14))


@pytest.mark.parametrize("excuse", ["is_excused", "is_hub_lost"])
def test_turns_on_purpose_and_with_the_hub_do_not_count(excuse: str) -> None:
    chart = told(WELL, *FLAPS, **{excuse: True})

    assert (chart.state, chart.changes, chart.turned_at) == (S.ONLINE, (), 40)


def test_what_a_rung_does_to_a_device_does_not_count_for_a_while() -> None:
    repaired = replace(told(WELL, (10, S.UNRESPONSIVE)), rung=Rung.REBOOT, rung_at=20)

    assert told(repaired, (30, S.ONLINE)).changes == (10,)
    assert told(repaired, (70, S.ONLINE)).changes == (10, 70)


@pytest.mark.parametrize("rest", [S.ONLINE, S.OFFLINE])
def test_a_flapping_device_counts_again_once_it_stayed_as_it_is(rest: S) -> None:
    flapping = told(WELL, *FLAPS, (50, rest))
    assert told(flapping, (flapping.turned_at + 59, rest)).state is S.FLAPPING

    settled = told(flapping, (flapping.turned_at + 60, rest))
    assert (settled.state, settled.changes, settled.reason) == (rest, (), "")


def test_a_quarantine_ends_with_good_probes_in_a_row_only() -> None:
    ill = quarantined(told(WELL, (10, S.UNRESPONSIVE)), 20, "gone")
    assert (ill.state, ill.since, ill.reason) == (S.QUARANTINED, 20, "gone")

    assert judge(ill, Look(S.ONLINE, good_probes=2), 30, RULES).state is S.QUARANTINED
    assert judge(ill, Look(S.BOOTING, good_probes=3), 30, RULES).state is S.QUARANTINED
    released = judge(ill, Look(S.ONLINE, good_probes=3), 30, RULES)
    assert (released.state, released.since, released.reason, released.rung) == (S.ONLINE, 30, "", None)


def test_an_operator_ends_a_quarantine_and_the_ladder_starts_anew() -> None:
    ill = replace(told(WELL, (10, S.OFFLINE)), rung=Rung.REBOOT, rung_at=12, rebooted_at=12)
    free = pardon(quarantined(ill, 20, "gone"), 30)

    assert (free.state, free.rung, free.rebooted_at, free.ill_at) == (S.OFFLINE, None, None, 30)
    assert pardon(WELL, 30) is WELL


def test_the_spell_is_over_when_the_device_was_well_for_a_while() -> None:
    mended = told(replace(told(WELL, (10, S.UNRESPONSIVE)), rung=Rung.PROBE, rung_at=15), (20, S.ONLINE))
    assert told(mended, (79, S.ONLINE)).rung is Rung.PROBE
    assert told(mended, (80, S.ONLINE)).rung is None
    assert told(mended, (80, S.UNRESPONSIVE)).rung is Rung.PROBE


def test_illness_counts_from_the_last_answer_or_the_last_moment_without_the_hub() -> None:
    assert told(WELL, (10, S.ONLINE), (20, S.OFFLINE), (30, S.OFFLINE)).ill_at == 10
    assert judge(told(WELL, (10, S.OFFLINE)), Look(S.OFFLINE, is_hub_lost=True), 40, RULES).ill_at == 40


def test_what_the_history_keeps() -> None:
    gone, flapping = told(WELL, (10, S.OFFLINE)), told(WELL, *FLAPS)
    out = quarantined(gone, 20, "gone")

    assert happening(WELL, WELL) is None
    assert happening(WELL, gone) is None
    assert happening(gone, out) is Happening.QUARANTINED
    assert happening(out, WELL) is Happening.RELEASED
    assert happening(WELL, flapping) is Happening.FLAPPING
    assert happening(flapping, gone) is Happening.STEADY


def test_a_stored_chart_goes_on_with_another_clock() -> None:
    chart = replace(told(WELL, (10, S.OFFLINE)), rung=Rung.REBOOT, rung_at=12, rebooted_at=12)

    assert shifted(chart, 100) == replace(
        chart, since=110, turned_at=110, ill_at=100, changes=(110,), rung_at=112, rebooted_at=112
    )
    assert shifted(WELL, 5).rung_at is None
