"""`KEY=VALUE` flags and waves: a run's policy, parameters and rollout, a device's labels. Says what is wrong before
anything is sent."""

import sys
from collections.abc import Mapping
from getpass import getpass
from typing import TYPE_CHECKING, Any

from rackhand.core.errors import Invalid

if TYPE_CHECKING:
    from rackhand.core.errors import FieldError


def read_pairs(flag: str, given: list[str]) -> dict[str, str]:
    """`["a=1", "b=x=y"]` -> `{"a": "1", "b": "x=y"}`; ValueError names the one that is no pair."""
    pairs = {}
    for text in given:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise ValueError(f"{flag} {text!r} must look like KEY=VALUE; nothing was sent")
        pairs[key.strip()] = value
    return pairs


def read_policy(given: list[str], concurrency: int | None = None) -> dict[str, Any]:
    """A checked policy: `grace_wait_ms=2000`, `offline=skip`, or `wait_s=60` for offline devices; Invalid lists all."""
    from rackhand.core.policy import POLICY

    values: dict[str, Any] = {key: _value(text) for key, text in read_pairs("--policy", given).items()}
    if "wait_s" in values:
        values["offline"] = {"wait_s": values.pop("wait_s")}
    if concurrency is not None:
        values["concurrency"] = concurrency
    errors: list[FieldError] = []
    POLICY.check(values, "/policy", errors)
    if errors:
        raise Invalid(errors)
    return values


def read_secrets(names: list[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Values by name from RACKHAND_SECRET_<NAME>, else typed at the terminal without being shown; never from flags,
    which other users of the machine can read. ValueError without a terminal."""
    values = {}
    for name in names:
        variable = f"RACKHAND_SECRET_{name.upper()}"
        if variable not in environment and not sys.stdin.isatty():
            raise ValueError(f"--secret {name}: {variable} is not set and no terminal can be asked; nothing was sent")
        values[name] = environment.get(variable) or getpass(f"{name}: ")
    return values


def _value(text: str) -> Any:
    return int(text) if text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() else text


def read_rollout(text: str, max_failed_ratio: float | None = None, *, is_auto: bool = True) -> dict[str, Any]:
    """`1,10%,100%` -> a checked rollout; Invalid lists all that is wrong."""
    from rackhand.core.rollout import ROLLOUT_REQUEST

    values: dict[str, Any] = {"waves": [_value(part.strip()) for part in text.split(",")], "auto": is_auto}
    if max_failed_ratio is not None:
        values["max_failed_ratio"] = max_failed_ratio
    errors: list[FieldError] = []
    ROLLOUT_REQUEST.check(values, "/rollout", errors)
    if errors:
        raise Invalid(errors)
    return values
