"""Many devices at once, large and strange output, and files in both directions."""

import hashlib
from typing import Any

import pytest

from rackhand.cli.fake import Rig, Sim, gated

COUNT = 20
TAIL = 16 * 1024
ONE = "SIM00101"


@pytest.fixture(scope="module")
def sim(rig: Rig) -> Sim:
    sim = rig.start_sim(COUNT, first=101)
    rig.start_agent("PC-20", sim.ports[0])
    rig.until_online(sim.serials)
    return sim


def last(rig: Rig, run: str, index: int = 0) -> dict[str, Any]:
    return dict(rig.detail(run, ONE)["steps"][index]["attempts"][-1])


def content(rig: Rig, run: str, kind: str) -> bytes:
    """The one file of this kind, once it is on the server."""

    def look() -> list[str]:
        files = rig.detail(run, ONE)["artifacts"]
        return [each["id"] for each in files if (each["kind"], each["status"]) == (kind, "stored")]

    (found,) = rig.until(look, f"a {kind} of run {run}")
    return rig.api.send("GET", f"/api/artifacts/{found}")


def test_twenty_devices_of_one_node_at_once(rig: Rig, sim: Sim) -> None:
    run = rig.begin(rig.shell(gated("crowd")), rig.step("screenshot"), on=sim.serials, policy={"concurrency": COUNT})

    for serial in sim.serials:
        rig.until_told(sim, serial, ": crowd;")
    assert rig.run(run)["counts"]["running"] == COUNT
    for serial in sim.serials:
        sim.open(serial, "crowd")

    assert rig.finished(run)["status"] == "succeeded", rig.messages(run)
    assert rig.run(run)["counts"]["succeeded"] == COUNT


def test_ten_megabytes_are_kept_whole_and_shown_in_part(rig: Rig, sim: Sim) -> None:
    run = rig.begin(rig.shell("dd if=/dev/zero bs=1048576 count=10"), on=[ONE])

    assert rig.finished(run)["status"] == "succeeded", rig.messages(run)
    assert 0 < len(last(rig, run)["output_tail"].encode()) <= TAIL
    assert "\0" not in last(rig, run)["output_tail"]
    assert content(rig, run, "log") == bytes(10 * 1024 * 1024)


def test_many_lines_are_counted_and_their_end_is_shown(rig: Rig, sim: Sim) -> None:
    run = rig.begin(rig.shell("seq 1 50000"), on=[ONE])

    assert rig.finished(run)["status"] == "succeeded", rig.messages(run)
    assert last(rig, run)["output_lines"] == 50_000
    assert last(rig, run)["output_tail"].endswith("49999\n50000\n")
    assert rig.detail(run, ONE)["log"][-1]["text"] == "50000"


def test_output_that_is_no_text_is_shown_with_marks_and_kept_as_it_was(rig: Rig, sim: Sim) -> None:
    run = rig.begin(rig.shell(r"printf 'a\377\376\000b\n'"), on=[ONE])

    assert rig.finished(run)["status"] == "succeeded", rig.messages(run)
    shown = last(rig, run)["output_tail"]
    assert (shown[0], shown[-2:], "\0" in shown) == ("a", "b\n", False)
    assert content(rig, run, "log") == b"a\xff\xfe\x00b\n"


def test_a_file_goes_there_and_comes_back(rig: Rig, sim: Sim) -> None:
    body = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(40_000))
    sha256 = rig.upload(body)
    run = rig.begin(
        rig.step("push_file", file=sha256, dest="/sdcard/Download/there.bin"),
        rig.step("pull_file", path="/sdcard/Download/there.bin"),
        on=[ONE],
    )

    assert rig.finished(run)["status"] == "succeeded", rig.messages(run)
    assert hashlib.sha256(content(rig, run, "file")).hexdigest() == sha256


def test_what_cannot_be_done_says_why(rig: Rig, sim: Sim) -> None:
    apk = rig.upload(b"this is no package")
    run = rig.begin(
        rig.step("install_apk", file=apk) | {"on_failure": "continue"},
        rig.step("pull_file", path="/sdcard/not-there") | {"on_failure": "continue"},
        rig.shell("not-a-command", on_failure="continue"),
        rig.shell("exit 7"),
        on=[ONE],
    )
    rig.finished(run)

    steps = [last(rig, run, index) for index in range(4)]
    assert [step["status"] for step in steps] == ["failed"] * 4
    assert "INSTALL_" in steps[0]["error_message"]
    assert "/sdcard/not-there" in steps[1]["error_message"]
    assert steps[2]["exit_code"] == 127
    assert (steps[3]["exit_code"], "7" in steps[3]["error_message"]) == (7, True)
    assert rig.statuses(run) == {ONE: "failed"}
