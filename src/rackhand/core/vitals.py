"""Vitals: heat, battery and storage of a device against the workspace's limits. Does one of them keep it out of runs?

Pure. A limit that was passed holds until the value is clearly better, so that no device goes in and out with each
report. A value that is not known keeps nobody out.
"""

from dataclasses import dataclass
from enum import StrEnum

from rackhand.core import reasons

COOL_BY_C = 2.0
CHARGE_BY = 5
FREE_BY_PERCENT = 1
FREE_BY_MB = 100
"""How much better than its limit a value must be before the device is let in again."""


class Limit(StrEnum):
    """What can keep a device out, the most urgent first."""

    HEAT = "heat"
    BATTERY = "battery"
    STORAGE = "storage"


@dataclass(frozen=True, slots=True)
class Limits:
    """The workspace's limits. Storage is judged by its share where its size is known, else by what is free."""

    hot_c: float = 45.0
    warm_c: float = 40.0
    min_battery: int = 10
    low_battery: int = 15
    min_storage_percent: int = 5
    low_storage_percent: int = 10
    min_storage_mb: int = 300
    low_storage_mb: int = 500


@dataclass(frozen=True, slots=True)
class Vitals:
    """As last reported; None where nothing is known."""

    battery: int | None = None
    temperature_c: float | None = None
    storage_free_mb: int | None = None
    storage_total_mb: int | None = None

    @property
    def free_percent(self) -> float | None:
        if self.storage_free_mb is None or not self.storage_total_mb:
            return None
        return 100 * self.storage_free_mb / self.storage_total_mb


def decide(vitals: Vitals, limits: Limits, before: Limit | None) -> Limit | None:
    """What keeps the device out now; `before` is what did until now."""
    checks = ((Limit.HEAT, _is_hot), (Limit.BATTERY, _is_empty), (Limit.STORAGE, _is_full))
    return next((limit for limit, is_past in checks if is_past(vitals, limits, limit is before)), None)


def reason(limit: Limit, vitals: Vitals, limits: Limits) -> str:
    """The text that says so."""
    if limit is Limit.HEAT:
        return reasons.TOO_HOT.format(limit=f"{limits.hot_c:g}")
    if limit is Limit.BATTERY:
        return reasons.BATTERY_LOW.format(limit=limits.min_battery)
    if vitals.free_percent is None:
        return reasons.STORAGE_LOW_MB.format(limit=limits.min_storage_mb)
    return reasons.STORAGE_LOW.format(limit=limits.min_storage_percent)


def is_storage_low(vitals: Vitals, limits: Limits) -> bool:
    """Is it time to clean up?"""
    if vitals.free_percent is not None:
        return vitals.free_percent < limits.low_storage_percent
    return vitals.storage_free_mb is not None and vitals.storage_free_mb < limits.low_storage_mb


def _is_hot(vitals: Vitals, limits: Limits, was: bool) -> bool:
    least = limits.hot_c - (COOL_BY_C if was else 0)
    return vitals.temperature_c is not None and vitals.temperature_c >= least


def _is_empty(vitals: Vitals, limits: Limits, was: bool) -> bool:
    least = min(100, limits.min_battery + (CHARGE_BY if was else 0))
    return vitals.battery is not None and vitals.battery < least


def _is_full(vitals: Vitals, limits: Limits, was: bool) -> bool:
    if vitals.free_percent is not None:
        return vitals.free_percent < limits.min_storage_percent + (FREE_BY_PERCENT if was else 0)
    least = limits.min_storage_mb + (FREE_BY_MB if was else 0)
    return vitals.storage_free_mb is not None and vitals.storage_free_mb < least
