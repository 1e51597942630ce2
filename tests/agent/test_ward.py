"""Charts on disk: they go on where they were, and a file that cannot be read stops nobody."""

from dataclasses import replace
from pathlib import Path

from rackhand.agent.servertime import monotonic_ms
from rackhand.agent.ward import Ward
from rackhand.core.health import Rung, admit
from rackhand.core.states import DeviceState


def test_charts_go_on_with_the_ages_they_had(tmp_path: Path) -> None:
    path = tmp_path / "agent" / "health.json"
    now = monotonic_ms()
    ward = Ward(path)
    ward.charts["S1"] = replace(admit(DeviceState.OFFLINE, now - 5_000), rung=Rung.REBOOT, rebooted_at=now - 1_000)
    ward.save()

    again = Ward(path)
    again.load()
    chart = again.charts["S1"]
    assert (chart.state, chart.rung) == (DeviceState.OFFLINE, Rung.REBOOT)
    assert chart.rebooted_at is not None
    assert chart.rebooted_at - chart.since == 4_000
    assert chart.since >= now - 5_000


def test_no_file_and_a_broken_one_are_a_fresh_start(tmp_path: Path) -> None:
    path = tmp_path / "health.json"
    ward = Ward(path)
    ward.load()
    path.write_text('{"S1": {"state": "melted"}}', encoding="utf-8")
    ward.load()

    assert ward.charts == {}


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "agent").write_text("a file where the folder should be", encoding="utf-8")

    Ward(tmp_path / "agent" / "health.json").save()
