"""A secret reaches the device and nothing else: not the database, not a log, not a page, not an answer of the API."""

import os
from pathlib import Path

from rackhand.cli.fake import Rig, Sim

SECRET = "correct'horse battery-7f3a"
AS_IT_MAY_LOOK = (SECRET, "correct'\\''horse battery-7f3a", "correct%27horse", "horse battery")
PAGES = ("/runs", "/runs/{run}", "/runs/{run}/devices/{index}", "/settings/audit", "/commands", "/devices/{index}")
ANSWERS = (
    "/api/runs/{run}",
    "/api/runs/{run}/devices/{index}",
    "/api/runs/{run}/devices/{index}/log",
    "/api/runs/{run}/export?format=json",
    "/api/runs/{run}/export?format=csv",
    "/api/runs/{run}/export?format=junit",
    "/api/audit",
    "/api/command-assets",
    "/metrics",
)


def holders(folder: Path, needles: tuple[str, ...]) -> list[str]:
    """The files below that hold one of these texts."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(needle.encode() in path.read_bytes() for needle in needles)]


def test_a_secret_reaches_the_device_and_nothing_else(rig: Rig, rack: Sim) -> None:
    serial = rack.serials[0]
    run = rig.begin(
        rig.shell('printf %s "{{ secrets.wifi }}" > /sdcard/wifi; cat /sdcard/wifi; echo; seq 1 200'),
        rig.shell('echo "it says {{ secrets.wifi }}" >&2; exit 3', on_failure="continue"),
        rig.shell('test "$(cat /sdcard/wifi)" = "{{ secrets.wifi }}"'),
        rig.step("open_url", url="http://device.invalid/?key={{ secrets.wifi }}") | {"on_failure": "continue"},
        on=[serial],
        secrets={"wifi": SECRET},
        title="Join the network",
    )

    rig.finished(run)
    rig.until(lambda: not _pending(rig, run, serial), "all files were uploaded")

    assert rig.attempts(run, serial)[:3] == [(0, 1, "succeeded"), (1, 1, "failed"), (2, 1, "succeeded")]
    detail = rig.detail(run, serial)
    assert "****" in detail["steps"][1]["attempts"][0]["error_message"], "masked, not lost"
    assert rig.run(run)["secrets"] == ["wifi"]
    places = {"run": run, "index": str(detail["device"]["index"])}
    for path in (*PAGES, *ANSWERS):
        shown = rig.api.send("GET", path.format(**places)).decode()
        assert not any(text in shown for text in AS_IT_MAY_LOOK), path
    for artifact in detail["artifacts"]:
        content = rig.api.send("GET", f"/api/artifacts/{artifact['id']}")
        assert SECRET.encode() not in content, artifact
    assert holders(rig.folder / "server", AS_IT_MAY_LOOK) == [], "not in the database, its log or any artifact"
    assert [path for path in rig.folder.glob("*.log") if SECRET in path.read_text("utf-8", "replace")] == []
    assert holders(rig.folder / "PC-01", AS_IT_MAY_LOOK) == [], "nor does the node keep it once the run is over"
    if os.name != "nt":
        assert ((rig.folder / "server" / "secret.key").stat().st_mode & 0o777) == 0o600
        assert ((rig.folder / "PC-01" / "journal").stat().st_mode & 0o777) == 0o600


def _pending(rig: Rig, run: str, serial: str) -> list[str]:
    return [each["id"] for each in rig.detail(run, serial)["artifacts"] if each["status"] == "pending"]
