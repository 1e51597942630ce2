"""The parameters of a command kind as inputs of a form: what they are called, and how each is typed."""

from collections.abc import Mapping
from dataclasses import dataclass

from rackhand.core.assets import KINDS
from rackhand.core.schema import Boolean, Choice, Field, Integer, Text
from rackhand.server.web.language import gettext_noop as N_

LABELS = {
    "action": N_("Action"),
    "activity": N_("Activity"),
    "command": N_("Shell command"),
    "contains": N_("Contains"),
    "dest": N_("Folder or file on the device"),
    "dumpsys": N_("dumpsys service"),
    "duration_ms": N_("For (ms)"),
    "equals": N_("Equals"),
    "exit_code": N_("Exit code"),
    "file": N_("File (sha256)"),
    "filter": N_("Filter"),
    "focused_app": N_("App in front"),
    "grant": N_("Grant permissions"),
    "key": N_("Key"),
    "lines": N_("Lines"),
    "matches": N_("Matches (regular expression)"),
    "media_playing": N_("Media is playing"),
    "namespace": N_("Namespace"),
    "package": N_("Package"),
    "path": N_("Path on the device"),
    "property": N_("Property"),
    "replace": N_("Replace the installed one"),
    "text": N_("Text"),
    "url": N_("URL"),
    "value": N_("Value"),
}
_LONG = 60_000


@dataclass(frozen=True, slots=True)
class ParamInput:
    """One input: `kind` is text, number, textarea or select; `choices` of a select are words, "" = not given."""

    name: str
    label: str
    kind: str
    value: str
    is_required: bool
    choices: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None


def inputs_of(kind: str, values: Mapping[str, str]) -> tuple[ParamInput, ...]:
    """The inputs of a kind's parameters, in their order; values that no parameter has are left out."""
    return tuple(_input(name, entry, values.get(name, "")) for name, entry in KINDS[kind].params.fields.items())


def _input(name: str, entry: object, value: str) -> ParamInput:
    is_required = not isinstance(entry, Field)
    spec = entry.spec if isinstance(entry, Field) else entry
    shape = ParamInput(name, LABELS.get(name, name), "text", value, is_required)
    match spec:
        case Boolean():
            return _with(shape, "select", choices=("", "true", "false"))
        case Choice():
            return _with(shape, "select", choices=(*(() if is_required else ("",)), *spec.words))
        case Integer():
            return _with(shape, "number", low=spec.min, high=spec.max)
        case Text() if spec.max > _LONG:
            return _with(shape, "textarea")
    return shape


def _with(
    shape: ParamInput, kind: str, choices: tuple[str, ...] = (), low: int | None = None, high: int | None = None
) -> ParamInput:
    return ParamInput(shape.name, shape.label, kind, shape.value, shape.is_required, choices, low, high)
