"""Exports of a run: JUnit XML for CI systems, CSV for spreadsheets, JSON for programs. Built from the same rows."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring  # building only; nothing is parsed

from rackhand.core.clock import to_rfc3339
from rackhand.core.playbook import Step
from rackhand.core.states import DeviceRunStatus, StepStatus
from rackhand.engine import playbooks
from rackhand.engine.run_views import RunView, view_run
from rackhand.engine.runs import load_run
from rackhand.store import device_runs, steps
from rackhand.store.db import Tx
from rackhand.store.device_runs import DeviceRunRow
from rackhand.store.steps import AttemptRow

FORMATS = ("junit", "csv", "json")
_CSV_COLUMNS = (
    *("run_id", "device_index", "serial", "label", "node_id", "device_status", "device_late_status", "device_error"),
    *("step_index", "title", "kind", "attempt", "status", "late_status", "probability", "draw", "decision"),
    *("exit_code", "started_at", "finished_at", "error_message"),
)


@dataclass(frozen=True, slots=True)
class RunExport:
    """A run with everything that was recorded of it."""

    run: RunView
    steps: tuple[Step, ...]
    devices: list[DeviceRunRow]
    attempts: list[AttemptRow]


def load(tx: Tx, run_id: str) -> RunExport:
    """Everything of one run."""
    run = load_run(tx, run_id)
    definition = playbooks.load_revision(tx, run.playbook_id, run.playbook_revision).steps
    return RunExport(view_run(run), tuple(definition), device_runs.of_run(tx, run_id), steps.of_run(tx, run_id))


def to_json(export: RunExport) -> dict[str, Any]:
    """`{run, steps, devices: [{..., attempts}]}`; times are still milliseconds, as in every view."""
    by_device = _by_device(export.attempts)
    devices = [
        asdict(row) | {"attempts": [asdict(a) for a in by_device.get(row.device_index, [])]} for row in export.devices
    ]
    return {"run": asdict(export.run), "steps": [step.as_json() for step in export.steps], "devices": devices}


def to_csv(export: RunExport) -> str:
    """One line per step attempt; a device without attempts has one line with empty step columns."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _CSV_COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    by_device = _by_device(export.attempts)
    for row in export.devices:
        attempts = by_device.get(row.device_index, [])
        writer.writerows(_safe(_device_cells(row) | _attempt_cells(export, a)) for a in attempts)
        if not attempts:
            writer.writerow(_safe(_device_cells(row)))
    return text.getvalue()


def _device_cells(row: DeviceRunRow) -> dict[str, object]:
    return {
        "run_id": row.run_id,
        "device_index": row.device_index,
        "serial": row.serial,
        "label": row.label or "",
        "node_id": row.node_id or "",
        "device_status": row.status,
        "device_late_status": row.late_status or "",
        "device_error": row.last_error_message or "",
    }


def _attempt_cells(export: RunExport, attempt: AttemptRow) -> dict[str, object]:
    step = export.steps[attempt.step_index]
    names = ("step_index", "attempt", "status", "late_status", "probability", "draw", "decision", "exit_code")
    cells: dict[str, object] = {name: _blank(getattr(attempt, name)) for name in names}
    cells |= {"title": step.title, "kind": step.kind, "error_message": attempt.error_message or ""}
    for name in ("started_at", "finished_at"):
        at = getattr(attempt, name)
        cells[name] = "" if at is None else to_rfc3339(at)
    return cells


def _blank(value: object) -> object:
    return "" if value is None else value


def _safe(cells: dict[str, object]) -> dict[str, object]:
    """Text that a spreadsheet would take for a formula starts with an apostrophe."""
    return {
        name: f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
        for name, value in cells.items()
    }


def to_junit(export: RunExport) -> bytes:
    """One suite per run, one case per device and step; failures carry the error, unknown outcomes are errors."""
    root = Element("testsuites", name=_xml(export.run.title))
    by_device = _by_device(export.attempts)
    for row in export.devices:
        name = f"device {row.device_index}" + (f" {row.label}" if row.label else "")
        suite = SubElement(
            root, "testsuite", name=_xml(name), hostname=_xml(row.node_id or ""), id=str(row.device_index)
        )
        for i, step in enumerate(export.steps):
            attempts = [a for a in by_device.get(row.device_index, []) if a.step_index == i]
            _case(suite, row, i, step, attempts)
        _totals(suite)
    body: bytes = tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body


def _case(suite: Element, row: DeviceRunRow, index: int, step: Step, attempts: Sequence[AttemptRow]) -> None:
    case = SubElement(suite, "testcase", name=_xml(f"{index + 1} {step.title}"), classname=_xml(row.serial))
    if not attempts:
        if row.status in (DeviceRunStatus.FAILED, DeviceRunStatus.LOST) and row.current_step_index == index:
            SubElement(case, "error", message=_xml(row.last_error_message or row.status))
        else:
            SubElement(case, "skipped", message=_xml(row.last_error_message or "not executed"))
        return
    last = attempts[-1]
    if last.started_at is not None and last.finished_at is not None:
        case.set("time", f"{max(last.finished_at - last.started_at, 0) / 1000:.3f}")
    message = _xml(last.error_message or last.status)
    if last.status == StepStatus.SKIPPED:
        SubElement(case, "skipped", message=_xml(f"the dice said no: {last.draw} >= {last.probability}"))
    elif last.status == StepStatus.FAILED:
        SubElement(case, "failure", message=message)
    elif last.status != StepStatus.SUCCEEDED:
        SubElement(case, "error", message=message)
    if last.output_tail:
        SubElement(case, "system-out").text = _xml(last.output_tail)


def _totals(suite: Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))


def _xml(text: str) -> str:
    """Without the control characters that XML 1.0 cannot carry."""
    return (
        "".join(c if c in "\t\n\r" or " " <= c <= "\ud7ff" or c >= "\ue000" else "\ufffd" for c in text)
        .replace("\ufffe", "\ufffd")
        .replace("\uffff", "\ufffd")
    )


def _by_device(attempts: Sequence[AttemptRow]) -> dict[int, list[AttemptRow]]:
    grouped: dict[int, list[AttemptRow]] = {}
    for attempt in attempts:
        grouped.setdefault(attempt.device_index, []).append(attempt)
    return grouped
