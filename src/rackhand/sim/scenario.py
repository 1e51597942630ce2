"""Scenarios: which simulated device is in which state, and which fault strikes when. Read from TOML, checked whole.

Belongs here: the format, its validation with every error at once, the built-in scenarios, the triggers. Must not:
what a fault does. A file looks like this:

    name = "tired rack"
    [[state]]
    devices = "1,4-6"             # numbers from 1, or "all"
    battery = 12                  # also: temperature (tenths), props, packages (names), settings ("ns/key" = value)
    [[rule]]
    devices = "3"
    fault = "mute"                # see FAULTS
    params = { }
    when = "command"              # "at_once": with the fleet; "start": when the run begins; "command"; "time"
    match = "screencap"           # regex searched in the script (command); default: anything that is no probe
    nth = 2                       # the n-th matching command since the start (command)
    after_ms = 5000               # this long after the start (time)
    for_ms = 10000                # cleared after that long; 0 or absent: for good

`start`, `command` and `time` rules count from `Fleet.apply_scenario_start()`, which the demo calls once every device
is registered and before it creates the run.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rackhand.core.errors import FieldError, Invalid
from rackhand.sim.faults import UnknownFault, Value, check_fault

PROBE = re.compile(
    r"\A(echo \$\$\n)?\s*(echo [\w-]+|getprop (ro\.serialno|sys\.boot_completed)\b.*"
    r"|cat /proc/sys/kernel/random/boot_id.*|kill -9 .*)\s*\Z",
    re.DOTALL,
)
WHEN = ("at_once", "start", "command", "time")
_RULE_KEYS = {"devices", "fault", "params", "when", "match", "nth", "after_ms", "for_ms"}
_STATE_KEYS = {"devices", "battery", "temperature", "props", "packages", "settings"}
_TOP_KEYS = {"name", "rule", "state"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault on some devices at some moment; no `devices` means all."""

    fault: str
    devices: tuple[int, ...] = ()
    params: dict[str, Value] = field(default_factory=dict)
    when: str = "at_once"
    match: str = ""
    nth: int = 1
    after_ms: int = 0
    for_ms: int = 0

    def strikes_at(self, script: str) -> bool:
        """Whether a command counts for this rule."""
        if self.match:
            return re.search(self.match, script) is not None
        return PROBE.match(script) is None


@dataclass(frozen=True, slots=True)
class State:
    """How some devices start; None and empty leave the seed's values."""

    devices: tuple[int, ...] = ()
    battery: int | None = None
    temperature: int | None = None
    props: dict[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named set of states and rules."""

    name: str
    states: tuple[State, ...] = ()
    rules: tuple[Rule, ...] = ()


NONE = Scenario("none")


def default_scenario(count: int) -> Scenario:
    """One device is offline when the run begins, one goes mute at its second command of the run, for good."""
    offline, silent = min(max(1, count - 1), 4), min(count, 7)
    rules = [Rule("refuse", (offline,), when="start")] if count >= 1 else []
    if count >= 2:
        rules.append(Rule("mute", (silent,), when="command", nth=2))
    return Scenario("default", rules=tuple(rules))


def load_scenario(name_or_path: str, count: int) -> Scenario:
    """`none`, `default`, or the path of a TOML file for a fleet of `count`; Invalid lists what is wrong with it."""
    if name_or_path == "none":
        return NONE
    if name_or_path == "default":
        return default_scenario(count)
    path = Path(name_or_path)
    try:
        return parse_scenario(path.read_text(encoding="utf-8"), count, source=name_or_path)
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(
            [problem("", f"cannot read scenario {name_or_path}: {error}; use none, default, or a TOML file")]
        ) from error


def parse_scenario(text: str, count: int, source: str = "scenario") -> Scenario:
    """A scenario from TOML; Invalid carries every error with its path, and nothing was applied."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid([problem("", f"{source} is not TOML: {error}")]) from error
    reader = _Reader(count, [])
    reader.check_keys(data, _TOP_KEYS, "")
    rules = tuple(reader.rule(item, f"/rule/{n}") for n, item in enumerate(reader.tables(data, "rule")))
    states = tuple(reader.state(item, f"/state/{n}") for n, item in enumerate(reader.tables(data, "state")))
    name = data.get("name", source)
    if not isinstance(name, str):
        reader.errors.append(problem("/name", "must be a text"))
    if reader.errors:
        raise Invalid(reader.errors)
    return Scenario(str(name), states, rules)


def problem(path: str, reason: str) -> FieldError:
    return FieldError(path, "{reason}", {"reason": reason})


@dataclass(slots=True)
class _Reader:
    """Reads tables and collects what is wrong."""

    count: int
    errors: list[FieldError]

    def tables(self, data: Mapping[str, object], key: str) -> list[dict[str, object]]:
        items = data.get(key, [])
        if isinstance(items, list) and all(isinstance(item, dict) for item in items):
            return items
        self.errors.append(problem(f"/{key}", f"must be written as [[{key}]] tables"))
        return []

    def check_keys(self, item: Mapping[str, object], known: set[str], path: str) -> None:
        for key in sorted(set(item) - known):
            self.errors.append(problem(f"{path}/{key}", f"unknown key; known: {', '.join(sorted(known))}"))

    def number(self, item: Mapping[str, object], key: str, default: int, least: int, path: str) -> int:
        value = item.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        self.errors.append(problem(f"{path}/{key}", f"must be a whole number of at least {least}, not {value!r}"))
        return default

    def text(self, item: Mapping[str, object], key: str, default: str, path: str) -> str:
        value = item.get(key, default)
        if isinstance(value, str):
            return value
        self.errors.append(problem(f"{path}/{key}", f"must be a text, not {value!r}"))
        return default

    def texts(self, item: Mapping[str, object], key: str, path: str) -> dict[str, str]:
        value = item.get(key, {})
        if isinstance(value, dict) and all(isinstance(each, str) for each in value.values()):
            return {str(name): str(each) for name, each in value.items()}
        self.errors.append(problem(f"{path}/{key}", "must be a table of texts"))
        return {}

    def devices(self, item: Mapping[str, object], path: str) -> tuple[int, ...]:
        text = self.text(item, "devices", "all", path)
        if text == "all":
            return ()
        found: list[int] = []
        for part in text.split(","):
            match = re.fullmatch(r"\s*(\d{1,6})(?:-(\d{1,6}))?\s*", part)
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
            if not 1 <= first <= last <= self.count:
                reason = f"{part.strip()!r} is no number or range within 1-{self.count}"
                self.errors.append(problem(f"{path}/devices", reason))
            else:
                found.extend(range(first, last + 1))
        return tuple(found)

    def rule(self, item: dict[str, object], path: str) -> Rule:
        self.check_keys(item, _RULE_KEYS, path)
        when, match = self.text(item, "when", "at_once", path), self.text(item, "match", "", path)
        if when not in WHEN:
            self.errors.append(problem(f"{path}/when", f"must be one of {', '.join(WHEN)}, not {when!r}"))
        try:
            re.compile(match)
        except re.error as error:
            self.errors.append(problem(f"{path}/match", f"is no regular expression: {error}"))
        fault, params = self.fault(item, path)
        nth, after_ms = self.number(item, "nth", 1, 1, path), self.number(item, "after_ms", 0, 0, path)
        for_ms = self.number(item, "for_ms", 0, 0, path)
        return Rule(fault, self.devices(item, path), params, when, match, nth, after_ms, for_ms)

    def fault(self, item: dict[str, object], path: str) -> tuple[str, dict[str, Value]]:
        name, params = self.text(item, "fault", "", path), item.get("params", {})
        if not isinstance(params, dict):
            self.errors.append(problem(f"{path}/params", "must be a table"))
            params = {}
        try:
            return name, check_fault(name, params)
        except UnknownFault as error:
            self.errors.append(problem(f"{path}/fault", str(error)))
            return name, {}

    def state(self, item: dict[str, object], path: str) -> State:
        self.check_keys(item, _STATE_KEYS, path)
        packages = item.get("packages", [])
        if not isinstance(packages, list) or not all(isinstance(each, str) for each in packages):
            self.errors.append(problem(f"{path}/packages", "must be a list of names"))
            packages = []
        battery = self.number(item, "battery", 0, 0, path) if "battery" in item else None
        temperature = self.number(item, "temperature", 0, 0, path) if "temperature" in item else None
        settings = self.texts(item, "settings", path)
        for name in settings:
            if name.partition("/")[0] not in ("system", "global", "secure") or "/" not in name:
                self.errors.append(problem(f"{path}/settings/{name}", "must be system/KEY, global/KEY or secure/KEY"))
        props = self.texts(item, "props", path)
        return State(self.devices(item, path), battery, temperature, props, tuple(packages), settings)
