"""The repair ladder: which rung, when, and what holds it back."""

from dataclasses import replace

import pytest

from rackhand.core import reasons
from rackhand.core.health import Chart, Happening, Look, Rules, Rung, admit
from rackhand.core.repair import LADDERS, NOTED, Decision, Hold, climb, decide
from rackhand.core.states import DeviceState

S = DeviceState
RULES = Rules(
    before_probe_ms=1,
    before_reconnect_ms=2,
    before_reboot_ms=6,
    before_quarantine_ms=18,
    boot_ms=20,
    reboot_cooldown_ms=360,
)


def ill(seen: S) -> Chart:
    return admit(seen, 100)


def at(chart: Chart, now: int, **look: bool) -> Decision:
    return decide(chart, Look(chart.seen, **look), now, RULES)


def climbed(seen: S) -> list[tuple[int, Rung]]:
    """Every rung with its moment, for a device that never gets better."""
    chart, tried = ill(seen), []
    for now in range(100, 300):
        act = at(chart, now).act
        if act is not None:
            tried.append((now, act))
            chart = climb(chart, act, now, RULES)
    return tried


@pytest.mark.parametrize(
    ("seen", "tried"),
    [
        (
            S.UNRESPONSIVE,
            [(101, Rung.PROBE), (103, Rung.RECONNECT), (109, Rung.REBOOT), (127, Rung.QUARANTINE)],
        ),
        (S.OFFLINE, [(102, Rung.RECONNECT), (120, Rung.QUARANTINE)]),
        (S.BOOTING, [(120, Rung.REBOOT), (140, Rung.QUARANTINE)]),
        (S.ABSENT, []),
        (S.UNAUTHORIZED, []),
        (S.ONLINE, []),
    ],
)
def test_each_way_of_being_ill_has_its_ladder(seen: S, tried: list[tuple[int, Rung]]) -> None:
    assert climbed(seen) == tried


@pytest.mark.parametrize("conclusion", [S.FLAPPING, S.QUARANTINED])
def test_a_conclusion_is_left_alone(conclusion: S) -> None:
    assert at(replace(ill(S.UNRESPONSIVE), state=conclusion), 999) == Decision()


def test_the_next_rung_and_its_moment_are_known_before() -> None:
    assert at(ill(S.UNRESPONSIVE), 100) == Decision(following=Rung.PROBE, due_at=101)


@pytest.mark.parametrize(("look", "hold"), [({"is_idle": False}, Hold.LEASE), ({"is_hub_lost": True}, Hold.HUB)])
def test_a_leased_device_and_one_whose_hub_is_gone_are_left_alone(look: dict[str, bool], hold: Hold) -> None:
    assert at(ill(S.UNRESPONSIVE), 999, **look) == Decision(following=Rung.PROBE, due_at=101, hold=hold)


@pytest.mark.parametrize("rung", [Rung.RECONNECT, Rung.REBOOT])
def test_a_device_that_a_rung_sent_away_for_good_is_quarantined(rung: Rung) -> None:
    away = replace(climb(ill(S.UNRESPONSIVE), rung, 110, RULES), seen=S.ABSENT, state=S.ABSENT)

    assert at(away, 127).act is None
    assert at(away, 128).act is Rung.QUARANTINE
    unplugged = replace(climb(ill(S.UNRESPONSIVE), Rung.PROBE, 110, RULES), seen=S.ABSENT, state=S.ABSENT)
    assert at(unplugged, 999) == Decision()


def test_no_device_is_rebooted_twice_in_its_cooldown() -> None:
    rebooted = replace(climb(ill(S.UNRESPONSIVE), Rung.RECONNECT, 110, RULES), rebooted_at=50)

    assert at(rebooted, 111).following is Rung.QUARANTINE
    assert at(rebooted, 410).act is Rung.REBOOT


@pytest.mark.parametrize(
    ("rung", "rebooted_at", "why"),
    [
        (Rung.REBOOT, 110, reasons.GAVE_UP_AFTER_REBOOT),
        (Rung.RECONNECT, 50, reasons.GAVE_UP_AGAIN),
        (Rung.RECONNECT, None, reasons.GAVE_UP_AFTER_RECONNECT),
    ],
)
def test_a_quarantine_says_why(rung: Rung, rebooted_at: int | None, why: str) -> None:
    chart = replace(ill(S.OFFLINE), rung=rung, rung_at=110, rebooted_at=rebooted_at)
    out = climb(chart, Rung.QUARANTINE, 130, RULES)

    assert (out.state, out.since, out.reason) == (S.QUARANTINED, 130, why)


def test_climbing_notes_the_rung_and_the_reboot() -> None:
    rebooted = climb(ill(S.UNRESPONSIVE), Rung.REBOOT, 110, RULES)

    assert (rebooted.rung, rebooted.rung_at, rebooted.rebooted_at) == (Rung.REBOOT, 110, 110)
    assert climb(rebooted, Rung.RECONNECT, 120, RULES).rebooted_at == 110


def test_every_ladder_ends_in_quarantine_and_every_rung_is_history() -> None:
    assert {ladder[-1] for ladder in LADDERS.values()} == {Rung.QUARANTINE}
    assert set(NOTED) == set(Rung)
    assert set(NOTED.values()) < set(Happening)
