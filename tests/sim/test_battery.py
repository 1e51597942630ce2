"""Battery and heat follow time and faults."""

import pytest

from rackhand.sim.battery import Battery

HOUR = 3_600_000


def test_a_powered_battery_charges_and_warms() -> None:
    battery = Battery(0, 50, 300)
    battery.advance(HOUR)
    assert battery.level == 80
    assert battery.temperature > 320
    battery.advance(0)
    assert battery.level == 80
    battery.advance(24 * HOUR)
    assert (battery.level, battery.is_charging) == (100, False)


def test_an_unplugged_battery_drains_and_never_dies() -> None:
    battery = Battery(0, 50, 300, is_powered=False)
    battery.advance(2 * HOUR)
    assert battery.level == 38
    battery.advance(99 * HOUR)
    assert battery.level == 1


@pytest.mark.parametrize(("temperature", "status"), [(300, 0), (400, 1), (460, 3), (700, 6)])
def test_heat_has_a_status(temperature: int, status: int) -> None:
    battery = Battery(0, 50, 300)
    battery.fake_temperature(temperature)
    assert battery.thermal_status == status
