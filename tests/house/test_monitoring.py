"""Dashboard and alerts name only metrics that /metrics has, and every metric is on the dashboard."""

import json

from tools import monitoring
from tools.source import ROOT

from rackhand.server.metrics import Metrics

PARTS = ("_bucket", "_count", "_sum")


def served() -> set[str]:
    """Every metric of /metrics by the names that PromQL may use."""
    names = [line.split()[2] for line in Metrics().text().decode().splitlines() if line.startswith("# TYPE ")]
    return {name for name in names if not name.endswith("_created")}


def known() -> set[str]:
    return served() | {name + part for name in served() for part in PARTS}


def test_the_dashboard_is_made_from_its_table() -> None:
    written = (ROOT / "docs" / "monitoring" / "dashboard.json").read_text(encoding="utf-8")

    assert written == monitoring.dashboard(), "run `make docs`"


def test_every_metric_on_the_dashboard_exists_and_every_metric_is_on_it() -> None:
    panels = json.loads(monitoring.dashboard())["panels"]
    shown = monitoring.names_in(target["expr"] for panel in panels for target in panel.get("targets", []))

    assert shown - known() == set()
    assert {name for name in served() if not any(each.startswith(name) for each in shown)} == set()
    ids = [panel["id"] for panel in panels]
    assert ids == sorted(set(ids))


def test_panels_do_not_cover_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(monitoring.dashboard())["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_alert_names_metrics_that_exist_and_says_what_to_do() -> None:
    rules = monitoring.alerts()

    assert len({rule["alert"] for rule in rules}) == len(rules) > 10
    for rule in rules:
        names = monitoring.names_in([rule["expr"]])
        assert names <= known(), rule["alert"]
        assert names or "up{" in rule["expr"], rule["alert"]
        assert set(rule["annotations"]) == {"summary", "action"}
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_every_metric_is_explained() -> None:
    assert {row[0] for row in monitoring.metric_rows()} == served()
    assert all(row[3] for row in monitoring.metric_rows())
