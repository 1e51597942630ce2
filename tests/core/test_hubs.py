"""Hubs: whose devices went at once, and when that is over."""

import pytest

from rackhand.core.hubs import HubRules, Incident, Port, find, hubs_of, look

RULES = HubRules(hub_losses=3, hub_window_ms=30, hub_forget_ms=1000)
RACK = {f"A{n}": f"1-1.{n}" for n in range(1, 8)} | {f"B{n}": f"1-2.{n}" for n in range(1, 8)}


def without(*serials: str) -> dict[str, str]:
    return {serial: path for serial, path in RACK.items() if serial not in serials}


def lost(*serials: str, at: int = 10) -> dict[str, Port]:
    """The ports of the rack after these went."""
    return look(look({}, RACK, 0, RULES), without(*serials), at, RULES)


def begun(*serials: str) -> Incident:
    (incident,) = find(lost(*serials), (), 10, RULES)
    return incident


@pytest.mark.parametrize(
    ("path", "hubs"),
    [
        ("1-4.2.3", ("1-4.2", "1-4", "1")),
        ("1-4", ("1",)),
        ("336592896X", ()),
        ("", ()),
    ],
)
def test_the_hubs_above_a_socket(path: str, hubs: tuple[str, ...]) -> None:
    assert hubs_of(path) == hubs


def test_three_losses_of_a_hub_are_one_incident() -> None:
    assert begun("A1", "A2", "A5") == Incident("1-1", 10, frozenset({"A1", "A2", "A5"}), 7)


def test_two_losses_are_not_unless_the_hub_is_small() -> None:
    assert find(lost("A1", "A2"), (), 10, RULES) == ()
    small = RACK | {"C1": "1-3.1", "C2": "1-3.2", "C3": "1-3.3"}
    ports = look(look({}, small, 0, RULES), RACK | {"C3": "1-3.3"}, 10, RULES)

    assert [(i.hub, i.total) for i in find(ports, (), 10, RULES)] == [("1-3", 3)]


def test_a_device_alone_is_no_hub() -> None:
    ports = look({"D": Port("3-1.1")}, {}, 10, RULES)

    assert find(ports, (), 10, RULES) == ()


def test_losses_of_two_hubs_of_one_bus_are_an_incident_of_the_bus() -> None:
    both = begun(*(f"A{n}" for n in range(1, 8)), *(f"B{n}" for n in range(1, 8)))

    assert (both.hub, len(both.serials), both.total) == ("1", 14, 14)


def test_a_stray_loss_elsewhere_on_the_bus_is_not_part_of_it() -> None:
    assert begun("A1", "A2", "A3", "B1").serials == {"A1", "A2", "A3"}


def test_losses_of_one_hub_each_are_an_incident_of_the_bus() -> None:
    rack = {f"D{n}": f"1-{n}.1" for n in range(1, 4)}
    (incident,) = find(look(look({}, rack, 0, RULES), {}, 10, RULES), (), 10, RULES)

    assert (incident.hub, incident.total) == ("1", 3)


def test_two_buses_are_two_incidents() -> None:
    rack = {f"{bus}{n}": f"{bus}-1.{n}" for bus in (1, 2) for n in range(3)}
    ports = look(look({}, rack, 0, RULES), {}, 10, RULES)

    assert [i.hub for i in find(ports, (), 10, RULES)] == ["1-1", "2-1"]


def test_losses_one_after_the_other_are_no_incident() -> None:
    ports = look(lost("A1"), without("A1", "A2"), 45, RULES)
    ports = look(ports, without("A1", "A2", "A3"), 80, RULES)

    assert find(ports, (), 80, RULES) == ()


def test_devices_without_a_hub_are_on_none() -> None:
    rack = {f"T{n}": "" for n in range(5)}

    assert find(look(look({}, rack, 0, RULES), {}, 10, RULES), (), 10, RULES) == ()


def test_further_losses_join_the_incident() -> None:
    incident = begun("A1", "A2", "A3")
    ports = look(lost("A1", "A2", "A3"), without("A1", "A2", "A3", "A4", "B1"), 20, RULES)

    (grown,) = find(ports, (incident,), 20, RULES)
    assert grown.serials == {"A1", "A2", "A3", "A4"}
    assert (grown.began_at, grown.total) == (10, 7)


def test_an_incident_ends_when_half_are_back_and_no_more_are_expected() -> None:
    incident = begun("A1", "A2", "A3", "A4")
    half = look(lost("A1", "A2", "A3", "A4"), without("A1", "A2"), 20, RULES)
    third = look(half, without("A1", "A2", "A3"), 25, RULES)

    assert find(half, (incident,), 39, RULES) == (incident,)
    assert find(third, (incident,), 40, RULES) == (incident,)
    assert find(half, (incident,), 40, RULES) == ()


def test_devices_that_never_come_back_were_taken_away() -> None:
    incident = begun("A1", "A2", "A3")
    gone = lost("A1", "A2", "A3")
    assert find(look(gone, without("A1", "A2", "A3"), 1009, RULES), (incident,), 1009, RULES) == (incident,)

    ports = look(gone, without("A1", "A2", "A3"), 1010, RULES)
    assert "A1" not in ports
    assert find(ports, (incident,), 1010, RULES) == ()
