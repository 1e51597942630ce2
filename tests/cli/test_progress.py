"""Progress where there is no terminal, and where nothing may be said."""

import pytest

from rackhand.cli.follow import count_final, describe
from rackhand.cli.progress import progress


def test_lines_are_few_and_the_last_one_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Devices", 100) as show:
        for done in range(101):
            show(done, "running")
        show(100, "running")

    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Devices: 0/100 (running)"
    assert lines[-1] == "Devices: 100/100 (running)"
    assert len(lines) < 100


def test_quiet_progress_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Devices", 2, is_quiet=True) as show:
        show(2)

    said = capsys.readouterr()
    assert said.err + said.out == ""


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress("Devices", 4) as show:
        show(3, "1 [waiting]")

    assert "3/4" in capsys.readouterr().err


def test_counts_in_words() -> None:
    counts = {"total": 9, "queued": 2, "running": 1, "waiting": 1, "succeeded": 4, "failed": 0, "skipped_offline": 1}

    assert describe(counts) == "1 running, 1 waiting, 4 succeeded, 1 skipped_offline"
    assert count_final(counts) == 5
