"""The simulated shell runs scripts as a phone's shell does."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackhand.sim.console import Outcome, run_script
from rackhand.sim.device import SimDevice
from rackhand.sim.process import SIGNALS


def run(script: str, stdin: bytes = b"") -> Outcome:
    async def story() -> Outcome:
        device = SimDevice(1)
        try:
            outcome = await run_script(device, script, stdin)
            assert device.journal.of("crash") == []
            return outcome
        finally:
            await device.processes.stop()

    return asyncio.run(story())


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("echo a; echo b", "a\nb\n"),
        ("echo a\n\n# nothing\necho b # end", "a\nb\n"),
        ("true && echo yes || echo no", "yes\n"),
        ("false && echo yes || echo no", "no\n"),
        ("! false && echo turned", "turned\n"),
        ("A='x  y'; echo $A; echo \"$A\"", "x y\nx  y\n"),
        ("echo ${A:-none} ${#HOME} ${HOME:+set}", "none 1 set\n"),
        ('A=1 env | grep ^A; echo "[$A]"', "[]\n"),
        ("echo 'it'\\''s' \"a \\\"b\\\"\"", 'it\'s a "b"\n'),
        ("echo $(echo in $(echo side)) `echo back`", "in side back\n"),
        ("false; echo $?; true; echo $?", "1\n0\n"),
        ("echo err >&2; echo out 2>&1", "out\n"),
        ("(cd /sdcard; pwd); pwd", "/sdcard\n/\n"),
        ("{ echo a; echo b; } | wc -l", "2\n"),
        ("for i in 1 2 3; do echo $i; done | tail -1", "3\n"),
        ("if false; then echo a; elif true; then echo b; else echo c; fi", "b\n"),
        ("while read x; do echo got $x; done", "got one\ngot two\n"),
        ("echo one > /sdcard/f; echo two >> /sdcard/f; cat /sdcard/f", "one\ntwo\n"),
        ("cat < /proc/version | grep -c rackhand", "1\n"),
        ("echo x > /dev/null; echo /sdcard/D*", "/sdcard/DCIM /sdcard/Download\n"),
        ("nope 2>/dev/null || echo $?", "127\n"),
        ("sh -c 'echo $1' name word", "word\n"),
        ("trap 'echo bye' EXIT; echo hi; exit 4", "hi\nbye\n"),
        ("yes | head -n 2", "y\ny\n"),
        ("sleep 0 & wait; echo done", "done\n"),
        ("timeout 5 echo in time", "in time\n"),
    ],
)
def test_scripts(script: str, shown: str) -> None:
    assert run(script, b"one\ntwo\n").text == shown


@pytest.mark.parametrize(
    "script",
    ["echo 'open", 'echo "open', "if true; then echo a", "echo $((1+1))", "cat <<E\nE", ";", "a ||", ")", "${x"],
)
def test_a_syntax_error_is_told_and_nothing_runs(script: str) -> None:
    outcome = run("echo before; " + script)
    assert outcome.rc == 1
    assert outcome.stdout == b""
    assert b"syntax error" in outcome.stderr


def test_an_unknown_command_answers_127_and_is_journalled() -> None:
    async def story() -> None:
        device = SimDevice(1)
        outcome = await run_script(device, "frobnicate --now; dumpsys nonsense")
        assert outcome.rc == 127
        assert [entry.facts["name"] for entry in device.journal.of("not_simulated")] == [
            "frobnicate",
            "dumpsys nonsense",
        ]

    asyncio.run(story())


def test_exit_codes_and_stderr_are_separate() -> None:
    outcome = run("echo fine; ls /none; exit 7")
    assert (outcome.rc, outcome.stdout) == (7, b"fine\n")
    assert outcome.stderr == b"ls: /none: No such file or directory\n"


def test_dollar_dollar_is_the_group_leader() -> None:
    async def story() -> None:
        device = SimDevice(1)
        outcome = await run_script(device, "echo $$; (echo $$); echo $(echo $$)")
        assert len(set(outcome.text.split())) == 1

    asyncio.run(story())


def test_a_full_storage_fails_redirection_with_the_text_of_a_phone() -> None:
    async def story() -> None:
        device = SimDevice(1)
        device.faults.set("storage_full")
        outcome = await run_script(device, "echo x > /sdcard/f")
        assert outcome.rc == 1
        assert b"No space left on device" in outcome.stderr

    asyncio.run(story())


def quote(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_value_comes_back_unchanged(value: str) -> None:
    outcome = run(f'export A={quote(value)}\nprintf %s "${{A}}"; printf %s {quote(value)}')
    assert outcome.stdout == value.encode() * 2


@settings(max_examples=300, deadline=None)
@given(st.text("abe ;&|<>()'\"$`{}\\\n*#!=1", max_size=40))
def test_no_text_crashes_the_shell(script: str) -> None:
    outcome = run(script)
    assert 0 <= outcome.rc <= 255


@pytest.mark.parametrize(
    "script", ["sleep 900; echo end", "sleep 901", "sleep 902 & wait", "trap '' HUP; sleep 903", "sh -c 'sleep 904'"]
)
def test_children_survive_a_hang_up_until_their_group_is_killed(script: str) -> None:
    async def story() -> None:
        device = SimDevice(1)
        shell = asyncio.create_task(run_script(device, script))
        group = (await device.processes.appearance("sleep")).pgid
        device.processes.deliver(device.processes.live[group], SIGNALS["HUP"])
        if "trap" not in script:
            await shell
        assert "sleep 90" in (await run_script(device, "ps")).text
        rejected = await run_script(device, f"kill -9 -- -{group}")
        assert rejected.rc != 0
        assert (await run_script(device, f"kill -9 -{group}")).rc == 0
        assert (await shell).rc in (129, 137)
        assert "sleep 90" not in (await run_script(device, "ps")).text

    asyncio.run(story())


def test_a_trap_runs_after_the_command_in_the_foreground() -> None:
    async def story() -> None:
        device = SimDevice(1)
        shell = asyncio.create_task(run_script(device, "trap 'echo caught' TERM; sleep 900; echo after"))
        await device.processes.appearance("sleep")
        leader, child = sorted(device.processes.live)
        device.processes.kill(leader, SIGNALS["TERM"])
        device.processes.kill(child, SIGNALS["KILL"])
        assert (await shell).text == "caught\nafter\n"

    asyncio.run(story())
