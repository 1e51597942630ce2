"""Command lines from any values, and the verdict over what Android's tools print."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.agent.actions.command import judge, judge_exit, line
from rackhand.agent.actions.files import file_name, logcat_command
from rackhand.agent.adb.shell import ShellResult


@given(st.lists(st.text(st.characters(exclude_characters="\0")), min_size=1))
def test_every_argument_stays_one_word(arguments: list[str]) -> None:
    assert shlex.split(line(*arguments)) == arguments


@pytest.mark.parametrize(
    ("exit_code", "stdout", "stderr", "message"),
    [
        (0, "Starting: Intent { act=android.intent.action.VIEW }\n", "", None),
        (0, "Events injected: 1\n", "", None),
        (0, "Success\n", "", None),
        (0, "Starting: Intent { }\nError: Activity class {a/b} does not exist.\n", "", "Error: Activity class"),
        (0, "Error type 3\n", "", "Error type 3"),
        (1, "Failure [DELETE_FAILED_INTERNAL_ERROR]\n", "", "Failure [DELETE_FAILED"),
        (0, "** No activities found to run, monkey aborted.\n", "", "monkey aborted"),
        (0, "", "java.lang.SecurityException: Injecting to another application requires INJECT_EVENTS", "INJECT"),
        (127, "", "sh: am: not found\n", "exit code 127: sh: am: not found"),
        (1, "", "", "exit code 1"),
    ],
)
def test_a_tool_that_complains_has_failed(exit_code: int, stdout: str, stderr: str, message: str | None) -> None:
    outcome = judge(ShellResult(exit_code, stdout.encode(), stderr.encode()))
    assert outcome.is_success is (message is None)
    assert (message or "") in (outcome.error_message or "")


def test_a_script_may_print_what_it_likes() -> None:
    assert judge_exit(ShellResult(0, b"Error: all fine\n", b"Exception\n")).is_success


def test_an_output_that_was_cut_says_so() -> None:
    assert "output cut" in judge_exit(ShellResult(0, b"x", b"", is_truncated=True)).output


@pytest.mark.parametrize(
    ("remote", "name"),
    [
        ("/sdcard/DCIM/a.png", "pulled-a.png"),
        ("/sdcard/../..", "pulled-file"),
        ("/", "pulled-file"),
        ("/sdcard/c:\\con|x?.txt", "pulled-c_con_x_.txt"),
        ("/sdcard/.hidden/", "pulled-hidden"),
        ("/" + "x" * 300, "pulled-" + "x" * 100),
    ],
)
def test_a_pulled_file_gets_a_safe_name(remote: str, name: str) -> None:
    assert file_name(remote) == name


def test_log_filters_are_words() -> None:
    assert logcat_command(5, "A:I *:S", is_following=False).endswith("'-t' '5' 'A:I' '*:S'")
    assert logcat_command(5, "; reboot", is_following=True).endswith("'-T' '5' ';' 'reboot'")
