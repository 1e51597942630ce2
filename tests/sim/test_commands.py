"""Android's and the system's commands answer as on a phone, in the forms that an agent sends and reads."""

import asyncio
from collections.abc import Callable

import pytest

from rackhand.core.presets import find
from rackhand.core.template import render_shell
from rackhand.sim.commands import COMMANDS
from rackhand.sim.console import Outcome, run_script
from rackhand.sim.device import SimDevice
from rackhand.sim.install import install, make_apk


def run(script: str, prepare: Callable[[SimDevice], None] = lambda _: None) -> tuple[Outcome, SimDevice]:
    async def story() -> tuple[Outcome, SimDevice]:
        device = SimDevice(1, now=lambda: 1_700_000_000_000)
        prepare(device)
        outcome = await run_script(device, script)
        assert device.journal.of("crash") == []
        await device.processes.stop()
        return outcome, device

    return asyncio.run(story())


def test_about_forty_commands_are_known() -> None:
    assert len(COMMANDS) >= 40


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("getprop ro.serialno", "SIM00001\n"),
        ("getprop ro.rackhand.simulated", "1\n"),
        ("getprop none.such; getprop none.such fallback", "\nfallback\n"),
        ("getprop | grep -c '^\\[ro.product.model\\]: \\[Sim_Beta\\]$'", "1\n"),
        ("setprop debug.x 'a b'; getprop debug.x", "a b\n"),
        ("settings put global airplane_mode_on 1; settings get global airplane_mode_on", "1\n"),
        ("settings get secure none", "null\n"),
        ("settings delete system screen_brightness; settings get system screen_brightness", "Deleted 1 rows\nnull\n"),
        ("svc wifi disable; dumpsys wifi | head -1; settings get global wifi_on", "Wi-Fi is disabled\n0\n"),
        ("wm size; wm density", "Physical size: 1080x2400\nPhysical density: 420\n"),
        ("pm list packages settings", "package:com.android.settings\n"),
        ("pm path com.android.chrome", "package:/system/app/com.android.chrome.apk\n"),
        ("date +%s; date '+%Y-%m-%d'", "1700000000\n2023-11-14\n"),
        ("whoami; uname; id | cut -d' ' -f1", "shell\nLinux\nuid=2000(shell)\n"),
        ("printf '%s-%d\\n' a 1 b 2; printf '%05d|%x|%%\\n' 42 255", "a-1\nb-2\n00042|ff|%\n"),
        ("printf 'a\\tb\\x41\\0102'", "a\tbAB"),
        ("printf '\\303\\251\\xc3\\xa9'", "éé"),
        ("echo -n x; echo -e 'a\\nb'", "xa\nb\n"),
        ("mkdir -p /sdcard/a/b; echo hi > /sdcard/a/b/f; cp /sdcard/a/b/f /sdcard/g; cat /sdcard/g", "hi\n"),
        ("echo hi > /sdcard/f; mv /sdcard/f /sdcard/DCIM; ls /sdcard/DCIM; stat -c %s /sdcard/DCIM/f", "f\n3\n"),
        ("touch /sdcard/f; [ -f /sdcard/f ] && rm /sdcard/f; test -e /sdcard/f; echo $?", "1\n"),
        ("[ 2 -gt 1 ] && [ a != b ] && [ ! -z x ] && echo right", "right\n"),
        ("printf abc | md5sum; printf abc | sha256sum | cut -d ' ' -f 1 | wc -c",
         "900150983cd24fb0d6963f7d28e17f72  -\n65\n"),
        ("dd if=/dev/zero bs=1k count=4 | wc -c", "4096\n"),
        ("dd if=/dev/zero of=/sdcard/z bs=10 count=3; wc -c /sdcard/z", "30 /sdcard/z\n"),
        ("seq 3; seq 2 2 6; seq 3 -1 1 | tail -n 1", "1\n2\n3\n2\n4\n6\n1\n"),
        ("echo banana | tr a o; echo x | tr -d x; printf 'b\\na\\nb\\n' | sort -u", "bonono\n\na\nb\n"),
        ("printf 'a\\nb\\n' | grep -v a; printf 'a\\n' | grep -q a && echo found", "b\nfound\n"),
        ("basename /a/b.txt; dirname /a/b.txt", "b.txt\n/a\n"),
        ("which screencap", "/system/bin/screencap\n"),
        ("logcat -d -t 3 | wc -l", "3\n"),
        ("uiautomator dump /sdcard/ui.xml; grep -c hierarchy /sdcard/ui.xml",
         "UI hierchary dumped to: /sdcard/ui.xml\n1\n"),
        ("screencap -p /sdcard/s.png; head -c 4 /sdcard/s.png | tail -c 3", "PNG"),
        ("dumpsys battery | grep level:", "  level: 73\n"),
        ("dumpsys battery set level 5; dumpsys battery | grep level; dumpsys battery reset", "  level: 5\n"),
        ("dumpsys power | grep mWakefulness; input keyevent 26; dumpsys power | grep mWakefulness",
         "  mWakefulness=Awake\n  mWakefulness=Asleep\n"),
        ("cat /proc/uptime", "0.00 0.00\n"),
        ("echo $0; set -- a b; echo $# $2; unset A; echo [$A]", "sh\n2 b\n[]\n"),
        ("eval 'echo evaluated'; command echo c; env echo e; nohup echo n", "evaluated\nc\ne\nn\n"),
        ("command -v ls; echo 'echo $1' > /sdcard/s.sh; sh /sdcard/s.sh word", "/system/bin/ls\nword\n"),
        ("echo 'echo piped; exit 3' | sh; echo $?", "piped\n3\n"),
        ("timeout -s KILL 0.01 sleep 900; echo $?; timeout 0.01 sleep 900; echo $?", "137\n124\n"),
        ("sleep 900 & kill -9 $!; wait $!; echo $?", "137\n"),
        ("sleep 900 & sleep 0; pkill sleep; echo $?; pgrep nothing; echo $?", "0\n1\n"),
        ("mkdir -p /sdcard/d/e; rmdir /sdcard/d/e; find /sdcard/d; ls -l /sdcard/d; ls -d /sdcard/d",
         "/sdcard/d\n/sdcard/d\n"),
        ("printf 123 > /sdcard/f; chmod 600 /sdcard/f; du /sdcard/f; dd if=/sdcard/f bs=2 count=1", "1\t/sdcard/f\n12"),
        ("printf abc | dd of=/sdcard/g; cat /sdcard/g; printf abc | base64; printf YWJj | base64 -d", "abcYWJj\nabc"),
        ("printf 'a\na\nb\n' | uniq; printf 'a\nb\n' | tac; echo abc | rev", "a\nb\nb\na\ncba\n"),
        ("uptime | cut -d, -f2; nproc; hostname", "  0 users\n8\nlocalhost\n"),
        ("svc power stayon true; settings get global stay_on_while_plugged_in; svc data disable", "7\n"),
        ("settings list global | grep -c =; settings --user current put system a b", "4\n"),
        ("am broadcast -a x | tail -n 1; cmd activity force-stop com.android.chrome",
         "Broadcast completed: result=0\n"),
        ("pm clear com.android.chrome; pm grant com.android.chrome p", "Success\n"),
        ("wm size 720x1600; wm size; wm dismiss-keyguard", "Physical size: 720x1600\n"),
        ("input keyevent HOME; input keyevent KEYCODE_SLEEP; dumpsys display | grep State", "  mScreenState=OFF\n"),
        ("input text hi; input swipe 1 2 3 4 100; input keyevent 224 82 99; logcat -c", ""),
        ("dumpsys battery unplug; dumpsys battery set temp 460; dumpsys battery | grep health", "  health: 3\n"),
        ("dumpsys package com.android.chrome | grep versionCode; dumpsys package none",
         "    versionCode=1 minSdk=26 targetSdk=34\nUnable to find package: none\n"),
        ("dumpsys -l | grep -c battery; dumpsys -t 5 window | grep -c Focus", "1\n2\n"),
    ],
)  # fmt: skip
def test_answers(script: str, shown: str) -> None:
    outcome, _ = run(script)
    assert (outcome.text, outcome.stderr, outcome.rc in (0, 1)) == (shown, b"", True)


@pytest.mark.parametrize(
    ("script", "rc", "reason"),
    [
        ("cat /none", 1, "cat: /none: No such file or directory"),
        ("cat /sdcard", 1, "Is a directory"),
        ("rm /none", 1, "No such file or directory"),
        ("mkdir /sdcard", 1, "File exists"),
        ("cd /none", 2, "No such file"),
        ("setprop ro.serialno x", 1, "failed to set property"),
        ("settings get nowhere x", 255, "Invalid namespace"),
        ("input tap 1", 255, "Invalid arguments"),
        ("input tap a b", 1, "bad argument"),
        ("am start -n com.none/.Main", 1, "does not exist"),
        ("am dance", 127, "not simulated: am dance"),
        ("pm dance", 127, "not simulated"),
        ("cmd statusbar expand", 127, "not simulated"),
        ("svc usb x", 127, "not simulated"),
        ("dumpsys meminfo", 127, "not simulated"),
        ("kill -9 99999", 1, "No such process"),
        ("kill -FOO 1", 1, "unknown signal"),
        ("grep '('", 2, "bad pattern"),
        ("[ 1 -eq 1", 2, "missing ]"),
        ("sleep soon", 1, "bad argument"),
        ("head -n many /proc/version", 1, "bad argument"),
        ("./script.sh", 127, "not found"),
        ("export 1x=2", 1, "is not an identifier"),
        ("pm install /sdcard/none.apk", 1, "Unable to open file"),
    ],
)
def test_refusals_name_the_reason(script: str, rc: int, reason: str) -> None:
    outcome, _ = run(script)
    assert outcome.rc == rc
    assert reason in outcome.stderr.decode()


def test_apps_come_to_the_front_and_leave() -> None:
    outcome, device = run("am start -n com.android.settings/.Settings; dumpsys window | grep mCurrentFocus")
    assert "com.android.settings/.Settings" in outcome.text.splitlines()[-1]
    assert "com.android.settings" in device.running_apps
    outcome, device = run(
        "monkey -p com.android.chrome -c android.intent.category.LAUNCHER 1; pidof com.android.chrome"
    )
    assert outcome.text.splitlines()[-1].isdigit()
    outcome, device = run("monkey -p com.android.chrome 1; am force-stop com.android.chrome; dumpsys activity")
    assert "com.android.launcher3" in outcome.text
    assert "com.android.chrome" not in device.running_apps
    assert run("monkey -p com.none 1")[0].rc == 252


def test_a_video_plays() -> None:
    play = "am start -a android.intent.action.VIEW -d https://youtu.be/x; dumpsys media_session"
    outcome, device = run(play + "; media dispatch pause")
    assert "state=PlaybackState {state=3" in outcome.text
    assert not device.media.is_playing
    assert "0 sessions" in run("dumpsys media_session")[0].text


def test_the_volume_is_set_by_either_command() -> None:
    outcome, device = run("cmd media_session volume --stream 3 --set 4; media volume --stream 3 --set 7")
    assert outcome.text == "[V] will set volume to index=4\n[V] will set volume to index=7\n"
    assert device.settings["system"]["volume_music_speaker"] == "7"
    assert run("media volume --stream 3 --set loud")[0].rc == 1


def test_the_preset_for_kiosks_stops_the_apps_that_came_later() -> None:
    def install_and_start(device: SimDevice) -> None:
        assert install(device, make_apk("com.example.player")) == ""
        device.start_app("com.example.player")
        device.start_app("com.android.chrome")

    stop, volume = (find("kiosk-reset").steps[at].params["command"] for at in (0, 3))
    outcome, device = run(f"{stop}\n" + render_shell(volume, {"params.volume": "5"}), install_and_start)
    assert (outcome.rc, outcome.stderr) == (0, b"")
    assert "com.example.player" not in device.running_apps
    assert "com.android.chrome" in device.running_apps
    assert device.settings["system"]["volume_music_speaker"] == "5"


@pytest.mark.parametrize(
    ("fault", "script", "shown"),
    [
        ("storage_full", "df /data", "100%"),
        ("low_battery", "dumpsys battery", "level: 4\n"),
        ("overheat", "dumpsys thermalservice", "Thermal Status: 3"),
        ("duplicate_serial", "getprop ro.serialno", "0123456789ABCDEF"),
        ("multi_display", "screencap -p | head -1", "[Warning] Multiple displays"),
        ("garbage_before_png", "screencap -p | head -1", "WARNING: linker"),
        ("install", "pm install /proc/version", "Failure [INSTALL_FAILED_INSUFFICIENT_STORAGE]"),
    ],
)
def test_faults_show_in_answers(fault: str, script: str, shown: str) -> None:
    outcome, _ = run(script, lambda device: device.faults.set(fault))
    assert shown in outcome.stdout.decode("latin-1")


def test_input_may_be_refused() -> None:
    outcome, _ = run("input tap 1 2", lambda device: device.faults.set("input_refused"))
    assert outcome.rc == 255
    assert b"INJECT_EVENTS" in outcome.stderr


def test_a_slow_device_waits_before_each_command() -> None:
    async def story() -> None:
        device = SimDevice(1)
        device.faults.set("slow", ms=5)
        loop = asyncio.get_running_loop()
        before = loop.time()
        await device.delay()
        assert loop.time() - before >= 0.004

    asyncio.run(story())
