"""Every command kind on a simulated device, through both fronts; refusals in words; nothing half done."""

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rackhand.agent.actions.outcome import Context, Outcome
from rackhand.agent.actions.perform import ACTIONS, perform
from rackhand.agent.adb.errors import AdbTimeoutError, DeviceGoneError
from rackhand.agent.adb.stream import Deadlines
from rackhand.core.assets import KINDS
from rackhand.sim.install import make_apk

RackMaker = Callable[[int], AbstractAsyncContextManager[Any]]


class Bench:
    """One rack, one folder, a store of files by sha256, and what was said."""

    def __init__(self, rack: Any, folder: Path) -> None:
        self.rack = rack
        self.folder = folder
        self.said = bytearray()
        self.facts = {"params.name": "it's $HOME `id`", "device.index": "1", "device.label": "", "run.id": "r-1"}

    def keep(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        (self.folder / sha256).write_bytes(content)
        return sha256

    async def file(self, sha256: str) -> Path:
        return self.folder / sha256

    async def do(self, kind: str, timeout_ms: int = 10_000, **params: Any) -> Outcome:
        ctx = Context(
            self.rack.device(1), self.file, self.folder / "out", self.said.extend, timeout_ms, self.facts, poll_ms=20
        )
        return await perform(kind, params, ctx)


def play(rack: RackMaker, folder: Path, story: Callable[[Bench], Any]) -> None:
    async def run() -> None:
        async with rack(1) as r:
            await story(Bench(r, folder))

    asyncio.run(run())


def test_every_kind_has_an_action() -> None:
    assert set(ACTIONS) == set(KINDS)


def test_a_shell_step_says_what_it_said(rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        done = await bench.do("shell", command="echo {{ params.name }}; echo {{ run.id }}")
        assert done == Outcome(0, "it's $HOME `id`\nr-1\n")
        assert bytes(bench.said) == done.output.encode()
        failed = await bench.do("shell", command="echo half; echo bad >&2; exit 3")
        assert (failed.exit_code, failed.error_message) == (3, "exit code 3: bad")
        assert failed.output == "half\nbad\n"

    play(rack, tmp_path, story)


def test_a_step_that_lasts_too_long_is_ended_on_the_device(rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        with pytest.raises(AdbTimeoutError) as caught:
            await bench.do("shell", timeout_ms=300, command="echo go; sleep 900")
        assert caught.value.is_killed
        assert bytes(bench.said) == b"go\n"

    play(rack, tmp_path, story)


def test_a_device_that_is_away_is_raised_not_folded(rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.rack.fleet.fault(1, "refuse")
        await bench.rack.until(1, "offline")
        with pytest.raises(DeviceGoneError):
            await bench.do("screenshot")

    play(rack, tmp_path, story)


def test_apps_are_started_seen_and_stopped(rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        assert (await bench.do("start_app", package="com.android.settings")).is_success
        assert (await bench.do("assert", focused_app="com.android.settings")).is_success
        assert (await bench.do("start_app", package="com.android.chrome", activity="org.x.Main")).exit_code is not None
        assert (await bench.do("stop_app", package="com.android.settings")).is_success
        missing = await bench.do("start_app", package="org.nobody")
        assert missing.error_message is not None
        opened = await bench.do("open_url", url="https://example.org/?a=1&b={{ device.index }}")
        assert opened.is_success, opened
        command = bench.rack.sim(1).journal.commands()[-1]
        assert "'https://example.org/?a=1&b=1'" in command

    play(rack, tmp_path, story)


def test_an_app_is_installed_and_removed(rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        apk = bench.keep(make_apk("org.example.kiosk"))
        assert (await bench.do("install_apk", file=apk)).is_success
        assert "org.example.kiosk" in bench.rack.sim(1).packages
        assert (await bench.do("uninstall", package="org.example.kiosk")).is_success
        again = await bench.do("uninstall", package="org.example.kiosk")
        assert again.error_message == "Failure [DELETE_FAILED_INTERNAL_ERROR]"
        refused = await bench.do("install_apk", file=bench.keep(b"no apk"))
        assert "INSTALL_PARSE_FAILED_NOT_APK" in str(refused.error_message)
        assert not refused.is_worth_retrying

    play(rack, tmp_path, story)


def test_files_go_and_come(rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        sha256 = bench.keep(b"content")
        assert (await bench.do("push_file", file=sha256, dest="/sdcard/{{ device.index }}.txt")).is_success
        pulled = await bench.do("pull_file", path="/sdcard/1.txt")
        assert [f.path.read_bytes() for f in pulled.files] == [b"content"]
        missing = await bench.do("pull_file", path="/sdcard/../../none")
        assert "No such file" in str(missing.error_message)
        assert missing.files == ()

    play(rack, tmp_path, story)


def test_trouble_on_the_node_is_told_from_trouble_on_the_device(server_rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        (tmp_path / "out").write_text("a file where the folder should be")
        failed = await bench.do("screenshot")
        assert str(failed.error_message).startswith("on the node, not on the device: ")

    play(server_rack, tmp_path, story)


def test_a_screenshot_and_a_log_become_files(rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        (shot,) = (await bench.do("screenshot")).files
        assert (shot.kind, shot.content_type) == ("screenshot", "image/png")
        assert shot.path.read_bytes().startswith(b"\x89PNG")
        logged = await bench.do("logcat", lines=20)
        assert logged.is_success, logged
        assert logged.files[0].path.read_text().strip() == logged.output.strip()

    play(rack, tmp_path, story)


def test_a_log_is_followed_for_as_long_as_asked(rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        followed = await bench.do("logcat", lines=5, duration_ms=300, filter="*:V")
        assert followed.is_success, followed
        assert followed.files[0].path.exists()
        assert not bench.rack.sim(1).processes.live

    play(rack, tmp_path, story)


def test_the_wait_for_a_turn_is_not_charged_to_the_step(
    server_rack: RackMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rackhand.agent.actions.perform._CLEANUP_S", 0.0)

    async def story(bench: Bench) -> None:
        bench.rack.sim(1).files.write("/sdcard/1.txt", b"one")
        async with bench.rack.adb.budgets.quiet_transfers(5_000):
            pulling = asyncio.create_task(bench.do("pull_file", path="/sdcard/1.txt", timeout_ms=200))
            await asyncio.wait({pulling}, timeout=0.4)
            assert not pulling.done()
        assert (await pulling).is_success

    play(server_rack, tmp_path, story)


def test_a_log_of_a_device_that_went_silent_is_no_success(server_rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.rack.adb.deadlines = Deadlines(cleanup_ms=200)
        following = asyncio.create_task(bench.do("logcat", lines=5, duration_ms=500))
        await bench.rack.sim(1).journal.wait_for("command")
        bench.rack.fleet.fault(1, "mute")
        with pytest.raises(AdbTimeoutError):
            await following

    play(server_rack, tmp_path, story)


def test_a_reboot_ends_when_the_device_is_back(server_rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        before = bench.rack.sim(1).boot_id
        done = await bench.do("reboot", timeout_ms=20_000)
        assert done.is_success
        assert before in done.output
        assert bench.rack.sim(1).props["sys.boot_completed"] == "1"

    play(server_rack, tmp_path, story)


def test_a_reconnect_ends_when_the_device_answers(rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        assert (await bench.do("reconnect")).is_success

    play(rack, tmp_path, story)


@pytest.mark.parametrize(
    ("params", "sent"),
    [
        ({"action": "tap", "x": 1, "y": 2}, "'input' 'tap' '1' '2'"),
        ({"action": "swipe", "x": 1, "y": 2, "x2": 3, "y2": 4, "duration_ms": 5}, "'swipe' '1' '2' '3' '4' '5'"),
        ({"action": "text", "text": "a b; reboot"}, "'text' 'a%sb;%sreboot'"),
        ({"action": "key", "key": "KEYCODE_HOME"}, "'keyevent' 'KEYCODE_HOME'"),
    ],
)
def test_input_is_sent_as_quoted_words(rack: RackMaker, tmp_path: Path, params: Any, sent: str) -> None:
    async def story(bench: Bench) -> None:
        assert (await bench.do("input", **params)).is_success
        assert sent in bench.rack.sim(1).journal.commands()[-1]

    play(rack, tmp_path, story)


def test_input_that_the_system_refuses_is_a_failure(rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.rack.fleet.fault(1, "input_refused")
        refused = await bench.do("input", action="tap", x=1, y=1)
        assert "INJECT_EVENTS" in refused.output
        assert refused.error_message

    play(rack, tmp_path, story)


def test_a_setting_is_changed(rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        done = await bench.do("set_setting", namespace="global", key="stay_on_while_plugged_in", value="3")
        assert done.is_success
        assert bench.rack.sim(1).settings["global"]["stay_on_while_plugged_in"] == "3"

    play(rack, tmp_path, story)


@pytest.mark.parametrize(
    ("params", "unmet"),
    [
        ({"property": "ro.serialno", "equals": "SIM00001"}, None),
        ({"property": "ro.serialno", "equals": "X"}, "property ro.serialno is 'SIM00001', not 'X'"),
        ({"focused_app": "org.nobody"}, "in front is com.android.launcher3, not org.nobody"),
        ({"dumpsys": "battery", "contains": "level:"}, None),
        ({"dumpsys": "battery", "contains": "unobtainium"}, "does not contain"),
        ({"command": "echo abc", "matches": "^b?abc$"}, None),
        ({"command": "echo abc", "matches": "^b"}, "does not match"),
        ({"command": "echo abc", "matches": "("}, "not a regular expression"),
        ({"command": "exit 4", "exit_code": 4}, None),
        ({"command": "exit 4"}, "exit code 4, not 0"),
        ({"media_playing": False}, None),
        ({"media_playing": True}, "media is not playing"),
    ],
)
def test_a_check_says_what_is_not_so(rack: RackMaker, tmp_path: Path, params: Any, unmet: str | None) -> None:
    async def story(bench: Bench) -> None:
        checked = await bench.do("assert", **params)
        assert checked.is_success is (unmet is None)
        assert (unmet or "") in (checked.error_message or "")

    play(rack, tmp_path, story)


def test_waiting_for_something_ends_when_it_is_so(rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        waiting = asyncio.create_task(bench.do("wait_for", property="debug.ready", equals="yes"))
        await bench.rack.sim(1).journal.wait_for("command")
        bench.rack.sim(1).props["debug.ready"] = "yes"
        assert (await waiting).is_success

    play(rack, tmp_path, story)


def test_waiting_in_vain_is_a_failure_in_words(rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        vain = await bench.do("wait_for", timeout_ms=300, focused_app="org.nobody")
        assert "still not so after 300 ms: in front is" in str(vain.error_message)

    play(rack, tmp_path, story)


def test_a_wait_can_be_cancelled_and_must_fit_its_timeout(server_rack: RackMaker, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        assert (await bench.do("wait", duration_ms=1)).is_success
        waiting = asyncio.create_task(bench.do("wait", timeout_ms=90_000, duration_ms=60_000))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    play(server_rack, tmp_path, story)


@pytest.mark.parametrize(
    ("kind", "params", "words"),
    [
        ("teleport", {}, "does not know the command kind 'teleport'"),
        ("shell", {}, "/params/command"),
        ("shell", {"command": "echo {{ params.absent }}"}, "no value for the placeholder params.absent"),
        ("input", {"action": "tap", "x": 1}, "/params/y"),
        ("wait", {"duration_ms": "1"}, "/params/duration_ms"),
    ],
)
def test_bad_input_is_refused_before_the_device_hears_of_it(
    server_rack: RackMaker, tmp_path: Path, kind: str, params: Any, words: str
) -> None:
    async def story(bench: Bench) -> None:
        refused = await bench.do(kind, **params)
        assert words in str(refused.error_message)
        assert bench.rack.sim(1).journal.commands() == []

    play(server_rack, tmp_path, story)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60))
def test_any_value_reaches_the_device_unchanged(server_rack: RackMaker, tmp_path: Path, value: str) -> None:
    async def story(bench: Bench) -> None:
        bench.facts = {"params.v": value}
        done = await bench.do("shell", command='printf %s "{{ params.v }}"')
        assert done.output == value

    play(server_rack, tmp_path, story)
