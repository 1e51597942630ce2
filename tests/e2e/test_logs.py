"""The real logs of a run, as JSON: every line about it names the run, the node and the device, on both sides."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rackhand.cli.fake import Rig

Line = dict[str, Any]


def lines_of(log: Path) -> Iterator[Line]:
    """Every line is JSON, with its time and level."""
    for text in log.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        assert {"event", "level", "timestamp"} <= line.keys(), text
        yield line


def about(lines: Iterator[Line], run: str) -> list[Line]:
    """Lines in which the run is named anywhere: in a path, in a text, in a value."""
    return [line for line in lines if run in json.dumps(line)]


def test_every_line_about_a_run_carries_its_names(own_rig: Rig, tmp_path: Path) -> None:
    rig = own_rig
    rig.environment["RACKHAND_LOG_FORMAT"] = "json"
    rig.start_server()
    sim = rig.start_sim(2)
    agent = rig.start_agent("PC-01", sim.ports[0], "--log-format", "json")
    rig.until_online(["SIM00001", "SIM00002"])
    serials = ["SIM00001", "SIM00002"]
    run = rig.begin(rig.shell("echo hello"), rig.shell("exit 3"), on=serials, policy={"concurrency": 2})
    assert rig.finished(run)["status"] == "failed"
    rig.detail(run, "SIM00001")
    assert rig.server is not None
    assert agent.end() == 0
    assert rig.server.end() == 0

    of_server, of_agent = about(lines_of(rig.server.log), run), about(lines_of(agent.log), run)
    indexes = {rig_index for line in of_agent if (rig_index := line.get("device")) is not None}
    assert len(indexes) == 2
    for line in (*of_server, *of_agent):
        assert line["run_id"] == run, line
    for line in of_agent:
        assert (line["node_id"], line["device"] in indexes) == ("PC-01", True), line
    for index in indexes:
        told = {line["event"].partition(":")[0] for line in of_agent if line["device"] == index}
        assert {"device run begins", "device run failed"} <= told
        assert sum(line["event"].startswith("step ") for line in of_agent if line["device"] == index) == 2
        moves = [line for line in of_server if line.get("device") == index and line["event"].startswith("device run")]
        assert [line["event"] for line in moves] == ["device run running", "device run failed"]
        assert {line["node_id"] for line in moves} == {"PC-01"}
    assert [line["event"] for line in of_server if line["event"].startswith("run ")] == [
        "run queued",
        "run running",
        "run failed",
    ]
    assert all("request_id" in line for line in of_server if line["event"] in ("request", "run queued"))
