"""Writes the pages of docs/ that are drawn from tables in the code (`make docs`); a house test compares them.

A page is generated when its facts live in one table: states, command kinds, event types, settings. Prose belongs into
the other pages.
"""

import importlib
import itertools
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

from rackhand.core import states
from rackhand.core.assets import KINDS, Kind
from rackhand.core.heatmap import Activity
from rackhand.core.policy import Policy
from rackhand.core.schema import REQUIRED, Field
from rackhand.wire.messages import EventType
from tools import monitoring
from tools.monitoring import metric_rows
from tools.routes import routes

DOCS = Path(__file__).resolve().parent.parent / "docs"
MARK = "<!-- Written by `make docs` from {source}; edit that, not this. -->"
MACHINES: tuple[states.Machine[Any], ...] = (
    *(states.RUN, states.ROLLOUT, states.DEVICE_RUN, states.STEP, states.SCAN, states.ARTIFACT, states.DEVICE),
)
SETTINGS_MODULE = "rackhand.server.settings"

STATE_MEANINGS = {
    ("run", "queued"): "planned; no device has started",
    ("run", "running"): "at least one device has started",
    ("run", "stopping"): "an operator stopped it; devices in flight have until the grace ends",
    ("run", "succeeded"): "every device run succeeded",
    ("run", "partial"): "some device runs succeeded, others did not",
    ("run", "failed"): "no device run succeeded",
    ("run", "stopped"): "an operator stopped it",
    ("rollout", "rolling"): "the open wave is under way; the next one opens when it is final",
    (
        "rollout",
        "halted",
    ): "too many devices failed, or a wave has to be confirmed: nothing more is handed out until an "
    "operator resumes or aborts it, or the run's deadline ends it",
    ("rollout", "aborted"): "the run was stopped, or ended otherwise, before all of its waves were done",
    ("rollout", "done"): "its last wave is final, whatever came of it",
    ("device run", "queued"): "waits for its turn on its node",
    ("device run", "running"): "a node executes it under a live lease",
    ("device run", "waiting"): "the device is in trouble; the node probes it every second until the grace ends",
    ("device run", "succeeded"): "every step succeeded, was skipped by the dice, or failed with `continue` (a warning)",
    ("device run", "failed"): "a step failed for good, or the device did not recover within the grace",
    ("device run", "stopped"): "an operator, or a step with `stop_run`, ended it",
    ("device run", "lost"): "the node fell silent; the lease is fenced, later results are kept as late",
    ("device run", "skipped_offline"): "the device or its node was offline when its turn came",
    ("step attempt", "queued"): "not begun",
    ("step attempt", "running"): "the device works on it",
    ("step attempt", "succeeded"): "the device said that it worked",
    ("step attempt", "failed"): "the device said that it did not work",
    ("step attempt", "timed_out"): "the time limit passed; its outcome is **unknown**",
    ("step attempt", "aborted"): "cut off by a stop, a lost contact or a restart; its outcome is **unknown**",
    ("step attempt", "skipped"): "the dice said no",
    ("scan job", "queued"): "the node has not taken it yet",
    ("scan job", "running"): "the node lists its devices",
    ("scan job", "succeeded"): "the list has arrived",
    ("scan job", "failed"): "the node could not list its devices",
    ("scan job", "timed_out"): "no answer within 60 s",
    ("device", "absent"): "adb does not list it",
    ("device", "offline"): "adb lists it, but cannot talk to it",
    ("device", "unauthorized"): "it does not know the node's key; a human must allow USB debugging on its screen",
    ("device", "booting"): "it answers, and has not completed its boot",
    ("device", "online"): "it answered the agent's own probe",
    ("device", "unresponsive"): "adb says that it is there, and it does not answer",
    ("device", "flapping"): "it came and went too often; out of runs until it has been steady for a while",
    ("device", "quarantined"): "the repair ladder is at its end; good probes in a row, or an operator, end it",
    ("artifact", "pending"): "announced; its bytes have not arrived",
    ("artifact", "stored"): "its bytes are here and match their sha256",
    ("artifact", "missing"): "its bytes did not come within a day; the outcome of the step is not touched",
}

EVENT_MEANINGS = {
    EventType.DEVICE_HEARTBEAT: "the node lives; its leases are renewed; with `devices`, the whole list of its devices",
    EventType.TASK_STARTED: "a leased device run begins; the device is touched only after this was answered",
    EventType.TASK_PROGRESS: "a device run is running or waiting, and why",
    EventType.RUN_STEP_UPDATE: "one step attempt: its status, draw, decision, exit code and output",
    EventType.ARTIFACT_CREATED: "a file is announced; its bytes follow by PUT",
    EventType.TASK_FINISHED: "a device run has ended; carries the last seq of its lease",
    EventType.SCAN_PROGRESS: "a scan goes on or has ended",
    EventType.DEVICE_EVENT: "for a device's history: flapping, a rung of the repair ladder, quarantine, release",
}


def table(*rows: tuple[object, ...]) -> list[str]:
    """A Markdown table; the first row is its head."""
    lines = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [lines[0], "|" + " --- |" * len(rows[0]), *lines[1:], ""]


def drawing(machine: states.Machine[Any]) -> list[str]:
    """The state diagram of one machine, in Mermaid."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {machine.initial}"]
    for old in in_order(machine):
        lines += [f"    {old} --> {new}" for new in in_order(machine) if new in machine.moves[old]]
    lines += [f"    {state} --> [*]" for state in in_order(machine) if machine.is_final(state)]
    return [*lines, "```", ""]


def in_order(machine: states.Machine[Any]) -> list[StrEnum]:
    """The states as their enum declares them."""
    declared: type[StrEnum] = type(machine.initial)
    return list(declared)


def states_page() -> list[str]:
    """Every machine: a diagram, and what each state means."""
    lines = [
        "# States",
        "",
        MARK.format(source="src/rackhand/core/states.py"),
        "",
        "Commands (claim, stop, sweep) follow these arrows; any other move raises and changes nothing. What "
        "a node reports",
        "is a fact and may skip states: `queued -> succeeded` implies `running`. A final status never moves. "
        "Every row that",
        "is not final has a deadline in the database, and a sweep closes what has passed it.",
        "",
    ]
    for machine in MACHINES:
        rows = [
            (f"`{state}`", STATE_MEANINGS[machine.name, state], "yes" if machine.is_final(state) else "")
            for state in in_order(machine)
        ]
        title = machine.name.capitalize()
        lines += [f"## {title}", "", *drawing(machine), *table(("state", "meaning", "final"), *rows)]
    lines += [
        "## Verdicts on events",
        "",
        "What the server made of a reported event: " + ", ".join(f"`{verdict}`" for verdict in states.Verdict) + ".",
        "A repeated event gets its first verdict again.",
        "",
        "## Decisions",
        "",
        "What the dice decided for a step: " + ", ".join(f"`{decision}`" for decision in states.Decision) + ".",
        "",
        "## Activity codes of the heatmap",
        "",
        *table(("code", "activity"), *((int(item), item.name.lower()) for item in Activity)),
    ]
    return lines


def parameter(name: str, field: Any) -> str:
    """One parameter of a kind: `name`, `name?` if optional, `name=value` with a default."""
    if not isinstance(field, Field) or field.default is REQUIRED:
        return f"`{name}`"
    return f"`{name}?`" if field.default is None else f"`{name}={str(field.default).lower()}`"


def kind_row(kind: Kind) -> tuple[str, ...]:
    """One row of the table of kinds."""
    names = ", ".join(parameter(name, field) for name, field in kind.params.fields.items()) or "-"
    limit_ms = kind.default_timeout_ms or Policy().timeout_ms
    return f"`{kind.name}`", kind.summary, names, f"`{kind.effect}`", f"{limit_ms // 1000} s"


def commands_page() -> list[str]:
    """Every command kind with its parameters."""
    return [
        "# Command kinds",
        "",
        MARK.format(source="src/rackhand/core/assets.py"),
        "",
        "A step whose effect is `once` is never repeated by itself after an unknown outcome; a command asset "
        "may override",
        "the effect and the time limit of its kind. Parameters are checked by the server when they are saved "
        "and by the",
        "node before they are used.",
        "",
        *table(
            ("kind", "what it does", "parameters", "effect", "time limit"), *(kind_row(kind) for kind in KINDS.values())
        ),
    ]


def events_page() -> list[str]:
    """Every event type of the callback."""
    return [
        "# Events",
        "",
        MARK.format(source="src/rackhand/wire/messages.py"),
        "",
        "What a node reports through `POST /api/nodes/callback`. Every event has an `event_id`; sending it "
        "again is safe.",
        "The order of checks is: malformed, duplicate, lease, apply.",
        "",
        *table(("type", "meaning"), *((f"`{item}`", EVENT_MEANINGS[item]) for item in EventType)),
    ]


def default_of(value: object) -> str:
    """A default as one would write it into the environment."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "-" if value in ("", (), None) else f"`{value}`"


def settings_page() -> list[str]:
    """Every setting, from the one table that flags, environment and file share."""
    rows = [
        (f"`{setting.variable}`", f"`{setting.name}`", default_of(setting.default), setting.help)
        for setting in importlib.import_module(SETTINGS_MODULE).SETTINGS
    ]
    return [
        "# Settings",
        "",
        MARK.format(source="src/rackhand/server/settings.py"),
        "",
        "Flags beat the environment, the environment beats a TOML file, and that beats the default.",
        "",
        *table(("environment variable", "in the file", "default", "meaning"), *rows),
    ]


def routes_page() -> list[str]:
    """Every route, from the declarations of the handlers."""
    lines = [
        "# Routes",
        "",
        MARK.format(source="the handlers in src/rackhand/server"),
        "",
        "Bodies, answers and errors in full: `GET /api/openapi.json`. Rules that hold for all of them: [API](api.md).",
        "*Who* is the least role, `node` for a node's token, or anyone.",
        "",
    ]
    for group, members in itertools.groupby(routes(), key=lambda route: route.group):
        rows = [
            (route.method.upper(), f"`{route.path}`", route.summary, route.caller, ", ".join(map(str, route.answers)))
            for route in members
        ]
        lines += [f"## {group}", "", *table(("method", "path", "what", "who", "answers"), *rows)]
    return lines


def metrics_page() -> list[str]:
    """Every metric, and where the dashboard and the alerts are."""
    return [
        "# Metrics",
        "",
        MARK.format(source="src/rackhand/server/metrics.py"),
        "",
        "`GET /metrics` in Prometheus' text format. Counters and histograms count what one server did; gauges of *the",
        "fleet* come from the database and are the same on every server: take `max`. Dashboard, alerts and how to use "
        "them:",
        "[Monitoring](monitoring.md).",
        "",
        *table(("metric", "type", "labels", "meaning"), *((f"`{row[0]}`", *row[1:]) for row in metric_rows())),
    ]


PAGES: dict[str, Callable[[], list[str]]] = {
    "states.md": states_page,
    "commands.md": commands_page,
    "events.md": events_page,
    "routes.md": routes_page,
    "metrics.md": metrics_page,
    "settings.md": settings_page,
}


def page(name: str) -> str:
    """The text of a generated page."""
    return "\n".join(PAGES[name]()).rstrip() + "\n"


def main() -> int:
    """Write every page."""
    for name in PAGES:
        (DOCS / name).write_text(page(name), encoding="utf-8", newline="\n")
        print(f"docs/{name}")
    monitoring.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
