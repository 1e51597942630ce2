"""Presets: playbooks that every installation has, as data. What each step does is told in one sentence of its own.

A preset says what it asks for: `{{ params.x }}` in its steps, or a file that a step installs. Titles, summaries and
sentences are msgids: pages show them in the reader's language, saved playbooks keep the English titles.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rackhand.core.errors import FieldError, NotFound
from rackhand.core.schema import Text, pointer

FILE = "file"
"""Stands in a step for the file that is given with the run."""
_PACKAGE = Text(3, 255, r"^[A-Za-z]\w*(\.\w+)+$", hint="the name of an app such as com.example.player")
_URL = Text(4, 4096, r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$", hint="an address such as https://example.com")
_BRIGHTNESS = Text(1, 3, r"^([01]?\d?\d|2[0-4]\d|25[0-5])$", hint="a whole number from 0 to 255")
_VOLUME = Text(1, 3, r"^(1?\d|2[0-5])$", hint="a whole number from 0 to 25")


@dataclass(frozen=True, slots=True)
class Input:
    """A value that a run of a preset needs; one without a default has to be given."""

    name: str
    label: str
    spec: Text
    default: str = ""
    example: str = ""


@dataclass(frozen=True, slots=True)
class PresetStep:
    """One step in the words of a portable playbook, and what it does in one sentence."""

    title: str
    does: str
    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)
    timeout_ms: int = 30_000
    on_failure: str = "stop_device"


@dataclass(frozen=True, slots=True)
class Preset:
    """A playbook known by its title; `key` is its name in addresses."""

    key: str
    title: str
    summary: str
    steps: tuple[PresetStep, ...]
    inputs: tuple[Input, ...] = ()

    @property
    def needs_file(self) -> bool:
        return any(step.params.get(FILE) == FILE for step in self.steps)

    def document(self, file: str | None = None) -> dict[str, Any]:
        """The portable playbook. Its steps may be repeated: none of them does harm when done twice."""
        steps = [
            {
                "title": step.title,
                "kind": step.kind,
                "params": {name: file if value == FILE == name else value for name, value in step.params.items()},
                "effect": "repeatable",
                "timeout_ms": step.timeout_ms,
                "on_failure": step.on_failure,
            }
            for step in self.steps
        ]
        return {"rackhand": 1, "title": self.title, "steps": steps}

    def values(self, given: Mapping[str, str], errors: list[FieldError]) -> dict[str, str]:
        """What was given, checked, and defaults for what was left empty."""
        known = {each.name: each for each in self.inputs}
        unknown = [name for name in given if name not in known]
        errors.extend(FieldError(pointer("/values", name), "is no value of this preset") for name in unknown)
        found = {name: given.get(name, "").strip() or each.default for name, each in known.items()}
        for name, value in found.items():
            known[name].spec.check(value, pointer("/values", name), errors)
        return found


def _shell(title: str, does: str, command: str, on_failure: str = "stop_device") -> PresetStep:
    return PresetStep(title, does, "shell", {"command": command}, on_failure=on_failure)


def _setting(title: str, does: str, namespace: str, key: str, value: str) -> PresetStep:
    return PresetStep(title, does, "set_setting", {"namespace": namespace, "key": key, "value": value})


_SCREENSHOT = PresetStep("Screenshot", "Keeps a picture of the screen", "screenshot")

HEALTH_SWEEP = Preset(
    "health-sweep",
    "Health sweep",
    "Reads how every device is: battery, temperature, storage, network, and a picture of its screen. Changes nothing.",
    (
        _shell("Battery", "Reads the battery: level, charging, health", "dumpsys battery"),
        _shell("Temperature", "Reads the temperatures and whether the device slows down", "dumpsys thermalservice"),
        _shell("Storage", "Reads how much storage is free", "df /data"),
        _shell("Network", "Reads the state of Wi-Fi", "dumpsys wifi | head -n 20", "continue"),
        _SCREENSHOT,
    ),
)
INSTALL_APP = Preset(
    "install-app",
    "Install and launch an app",
    "Puts an APK on every device, starts it and proves that it is in front.",
    (
        PresetStep("Install", "Installs the APK, over an older version too", "install_apk", {FILE: FILE}, 300_000),
        PresetStep("Launch", "Starts the app", "start_app", {"package": "{{ params.package }}"}),
        PresetStep(
            "Is it in front?", "Waits until the app is in front", "wait_for", {"focused_app": "{{ params.package }}"}
        ),
        _SCREENSHOT,
    ),
    (Input("package", "Name of the app", _PACKAGE, example="com.example.player"),),
)
CHECK_PLAYBACK = Preset(
    "check-playback",
    "Open a URL and check playback",
    "Opens an address on every device and proves that media plays, by the device's own media session.",
    (
        PresetStep("Open", "Opens the address in the app that handles it", "open_url", {"url": "{{ params.url }}"}),
        PresetStep(
            "Does it play?", "Waits until the device reports playing media", "wait_for", {"media_playing": True}
        ),
        PresetStep("Let it play", "Lets it play for five seconds", "wait", {"duration_ms": 5_000}),
        PresetStep("Does it still play?", "Checks that it still plays", "assert", {"media_playing": True}),
        _SCREENSHOT,
    ),
    (Input("url", "Address to open", _URL, example="https://youtu.be/…"),),
)
KIOSK_RESET = Preset(
    "kiosk-reset",
    "Kiosk reset",
    "Brings every device back to a known state: your apps are stopped, brightness and volume set, the screen stays on.",
    (
        _shell(
            "Stop apps",
            "Stops every app that was installed later; no data is deleted",
            'for app in $(pm list packages -3 | cut -d: -f2); do am force-stop "$app"; done',
        ),
        _setting("Fixed brightness", "Turns automatic brightness off", "system", "screen_brightness_mode", "0"),
        _setting("Brightness", "Sets the brightness", "system", "screen_brightness", "{{ params.brightness }}"),
        _shell(
            "Volume",
            "Sets the volume of media; goes on if the device has no such command",
            "cmd media_session volume --stream 3 --set {{ params.volume }} || "
            "media volume --stream 3 --set {{ params.volume }}",
            "continue",
        ),
        _setting(
            "Stay awake", "Keeps the screen on while the device charges", "global", "stay_on_while_plugged_in", "7"
        ),
        PresetStep("Home", "Goes to the home screen", "input", {"action": "key", "key": "HOME"}),
        _SCREENSHOT,
    ),
    (
        Input("brightness", "Brightness (0 to 255)", _BRIGHTNESS, "128"),
        Input("volume", "Volume of media (0 to 25)", _VOLUME, "5"),
    ),
)
PRESETS = (HEALTH_SWEEP, INSTALL_APP, CHECK_PLAYBACK, KIOSK_RESET)


def find(key: str) -> Preset:
    """NotFound for an unknown key."""
    for preset in PRESETS:
        if preset.key == key:
            return preset
    raise NotFound("there is no preset {key}", key=key[:64])
