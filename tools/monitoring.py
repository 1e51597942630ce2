"""Writes docs/monitoring/: a Grafana dashboard, made from the table below, and says which metrics there are.

    python -m tools.monitoring        (also a part of `make docs`)

The alert rules, docs/monitoring/alerts.yml, are written by hand. tests/house/test_monitoring.py holds both against
/metrics.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rackhand.server.metrics import Metrics

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "monitoring"
_NAME = re.compile(r"\brackhand_[a-z_]+")
_RATE = "[$__rate_interval]"


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph: `queries` are (PromQL, legend); `unit` is Grafana's. `kind` is timeseries or stat."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    help: str = ""


def _p(percent: int, metric: str) -> str:
    return f"histogram_quantile(0.{percent}, sum by (le) (rate({metric}_bucket{_RATE})))"


ROWS: dict[str, tuple[Panel, ...]] = {
    "Now": (
        Panel("Devices online", (("max(rackhand_devices{state='online'})", ""),), kind="stat"),
        Panel("Devices that need a look", (("max(rackhand_devices{state='attention'})", ""),), kind="stat"),
        Panel("Nodes silent", (("max(rackhand_nodes - rackhand_nodes_online)", ""),), kind="stat"),
        Panel("Unfinished runs", (("sum(max by (status) (rackhand_runs))", ""),), kind="stat"),
        Panel("Servers that start runs", (("sum(rackhand_admits_runs)", ""),), kind="stat"),
        Panel("Since the last sweep", (("time() - max(rackhand_last_sweep_timestamp_seconds)", ""),), "s", "stat"),
    ),
    "Work": (
        Panel("Unfinished runs", (("max by (status) (rackhand_runs)", "{{status}}"),)),
        Panel("Unfinished device runs", (("max by (status) (rackhand_device_runs)", "{{status}}"),)),
        Panel("Runs that ended", ((f"sum by (status) (rate(rackhand_runs_ended_total{_RATE}))", "{{status}}"),), "ops"),
        Panel(
            "Device runs that ended",
            ((f"sum by (status) (rate(rackhand_device_runs_ended_total{_RATE}))", "{{status}}"),),
            "ops",
            help="lost: the lease was, since the node fell silent",
        ),
    ),
    "Fleet": (
        Panel("Devices", (("max by (state) (rackhand_devices)", "{{state}}"),)),
        Panel("Nodes", (("max(rackhand_nodes)", "enrolled"), ("max(rackhand_nodes_online)", "online"))),
        Panel("Files that did not arrive yet", (("max(rackhand_artifacts_pending)", "pending"),)),
        Panel("Open long polls", (("sum by (instance) (rackhand_long_polls)", "{{instance}}"),)),
        Panel(
            "Wake-ups of other servers",
            (("min(rackhand_hints_connected)", "connected"), ("sum(rackhand_hints_heard)", "heard")),
        ),
        Panel(
            "Background jobs: since the last good end",
            (("time() - max by (job) (rackhand_job_success_timestamp_seconds)", "{{job}}"),),
            "s",
        ),
        Panel(
            "Units of the video source today",
            (
                ("max(rackhand_content_quota_spent_units)", "spent"),
                ("max(rackhand_content_quota_left_units)", "left"),
            ),
        ),
    ),
    "Callbacks": (
        Panel("Events", ((f"sum by (verdict) (rate(rackhand_callback_events_total{_RATE}))", "{{verdict}}"),), "ops"),
        Panel(
            "Waiting for their commit",
            (
                ("sum by (instance) (rackhand_callback_queue_events)", "{{instance}}"),
                ("max(rackhand_callback_queue_limit_events)", "limit: then 503"),
            ),
        ),
        Panel(
            "Events in one commit",
            ((_p(50, "rackhand_commit_events"), "median"), (_p(95, "rackhand_commit_events"), "95 %")),
        ),
        Panel("Commits", ((f"sum by (instance) (rate(rackhand_commit_events_count{_RATE}))", "{{instance}}"),), "ops"),
    ),
    "Server": (
        Panel(
            "Database writes",
            tuple((_p(p, "rackhand_database_write_seconds"), f"{p} %") for p in (50, 95, 99)),
            "s",
        ),
        Panel(
            "HTTP answers",
            ((f"sum by (status) (rate(rackhand_http_requests_total{_RATE}))", "{{status}}"),),
            "ops",
        ),
        Panel("Time to answer", ((_p(95, "rackhand_http_request_seconds"), "95 %"),), "s"),
        Panel(
            "Sweeps",
            (
                (f"sum by (outcome) (rate(rackhand_sweeps_total{_RATE}))", "{{outcome}}"),
                (f"sum(increase(rackhand_sweep_gaps_total{_RATE}))", "gaps and clock jumps"),
            ),
            "ops",
        ),
        Panel(
            "Free disk",
            (
                ("rackhand_disk_free_bytes", "{{instance}} {{folder}}"),
                ("max(rackhand_disk_wanted_bytes)", "no run starts below"),
            ),
            "bytes",
        ),
        Panel(
            "Up",
            (
                ("sum by (instance) (rackhand_database_up)", "database of {{instance}}"),
                ("count by (version) (rackhand_build_info)", "servers of {{version}}"),
            ),
        ),
    ),
}
"""The dashboard, from top to bottom."""


def dashboard() -> str:
    """As Grafana imports it; the data source is asked for then."""
    panels: list[dict[str, Any]] = []
    y = 0
    for row, members in ROWS.items():
        head = {"type": "row", "title": row, "gridPos": _place(0, y, 24, 1), "id": len(panels) + 1, "panels": []}
        panels.append(head)
        y += 1
        width, height = (24 // len(members), 4) if members[0].kind == "stat" else (12, 8)
        for number, panel in enumerate(members):
            x = number * width % 24
            panels.append(_panel(panel, len(panels) + 1, _place(x, y, width, height)))
            y += height if x + width >= 24 or number == len(members) - 1 else 0
    return json.dumps(_frame(panels), indent=1) + "\n"


def _frame(panels: list[dict[str, Any]]) -> dict[str, Any]:
    source = {"name": "DS", "label": "Prometheus", "type": "datasource", "pluginId": "prometheus"}
    return {
        "__inputs": [source],
        "title": "Rackhand",
        "uid": "rackhand",
        "tags": ["rackhand"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "panels": panels,
    }


def _place(x: int, y: int, w: int, h: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": w, "h": h}


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + i), "expr": expr, "legendFormat": legend}
        for i, (expr, legend) in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.help,
        "gridPos": place,
        "datasource": {"type": "prometheus", "uid": "${DS}"},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": targets,
    }


def alerts() -> list[dict[str, Any]]:
    """The rules of the alert file."""
    content = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in content["groups"] for rule in group["rules"]]


def names_in(expressions: Iterable[str]) -> set[str]:
    """The metrics that PromQL expressions name."""
    return {name for expression in expressions for name in _NAME.findall(expression)}


def metric_rows() -> list[tuple[str, str, str, str]]:
    """(name, type, labels, meaning) of every metric, as they stand in /metrics."""
    rows = []
    for collector in vars(Metrics()).values():
        if hasattr(collector, "describe"):
            (family,) = collector.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            rows.append((name, family.type, ", ".join(collector._labelnames) or "-", family.documentation))
    return sorted(rows)


def main() -> None:
    (FOLDER / "dashboard.json").write_text(dashboard(), encoding="utf-8")


if __name__ == "__main__":
    main()
