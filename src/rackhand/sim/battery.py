"""Battery and heat of one simulated phone as a function of time.

Belongs here: level, temperature, charging, thermal status. Must not: clocks (time is an argument) or texts.
"""

from dataclasses import dataclass

CHARGE_PER_HOUR = 30.0
DRAIN_PER_HOUR = 6.0
WARM_CHARGE_TENTHS = 30
HALF_WAY_MS = 600_000
THERMAL_STEPS = ((400, 1), (430, 2), (450, 3), (500, 4), (550, 5), (600, 6))


@dataclass(slots=True)
class Battery:
    """Level in per cent, temperature in tenths of a degree; `advance` moves both to a new time."""

    at: int
    start_level: float
    rest_temperature: float
    is_powered: bool = True
    _faked_level: int | None = None
    _faked_temperature: int | None = None
    _temperature: float = 0.0

    def __post_init__(self) -> None:
        self._temperature = self.rest_temperature
        self.start_level = float(self.start_level)

    def advance(self, now: int) -> None:
        """Charge or drain, warm or cool, up to `now` (a clock that runs backwards changes nothing)."""
        passed_ms = max(0, now - self.at)
        self.at = max(self.at, now)
        rate = CHARGE_PER_HOUR if self.is_powered else -DRAIN_PER_HOUR
        self.start_level = min(100.0, max(1.0, self.start_level + rate * passed_ms / 3_600_000))
        goal = self.rest_temperature + (WARM_CHARGE_TENTHS if self.is_charging else 0)
        share = 1 - 0.5 ** (passed_ms / HALF_WAY_MS)
        self._temperature += (goal - self._temperature) * share

    @property
    def is_charging(self) -> bool:
        return self.is_powered and self.level < 100 and self._faked_level is None

    @property
    def level(self) -> int:
        return int(self.start_level) if self._faked_level is None else self._faked_level

    @property
    def temperature(self) -> int:
        return round(self._temperature) if self._faked_temperature is None else self._faked_temperature

    @property
    def thermal_status(self) -> int:
        """0 none to 6 shutdown, as PowerManager has them; 3 is SEVERE."""
        return max((status for limit, status in THERMAL_STEPS if self.temperature >= limit), default=0)

    def fake_level(self, level: int | None) -> None:
        """Show this level until None is given (`dumpsys battery set level`, fault `low_battery`)."""
        self._faked_level = level

    def fake_temperature(self, temperature: int | None) -> None:
        """Show this temperature in tenths of a degree until None is given."""
        self._faked_temperature = temperature
