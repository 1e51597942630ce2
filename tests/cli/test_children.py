"""Child processes: their first words, their end, and that they do not outlive their parent."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rackhand.cli.children import Child, ChildEnded
from rackhand.cli.fake_process import until

SIM = ["sim", "--devices", "1"]


@contextmanager
def child(folder: Path, *words: str) -> Iterator[Child]:
    started = Child("child", words, os.environ, folder / "logs" / "child.log")
    try:
        yield started
    finally:
        started.ask_to_end()
        started.await_end(time.monotonic() + 10)


def test_a_child_speaks_and_ends_when_asked(tmp_path: Path) -> None:
    with child(tmp_path, *SIM) as started:
        assert '"control"' in started.next_line(60)
        started.check()

        started.ask_to_end()

        assert started.await_end(time.monotonic() + 20)
        assert started.is_ended


def test_a_child_that_fails_is_reported_with_its_own_words(tmp_path: Path) -> None:
    with child(tmp_path, "sim", "--devices", "no") as started:
        with pytest.raises(ChildEnded, match="ended with code 2") as caught:
            started.next_line(60)

        assert "--devices" in caught.value.detail
        with pytest.raises(ChildEnded):
            started.check()


def test_a_child_that_says_nothing_is_reported(tmp_path: Path) -> None:
    with child(tmp_path, *SIM) as started, pytest.raises(ChildEnded, match="did not start within"):
        started.next_line(0)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_child_that_does_not_end_is_killed(tmp_path: Path) -> None:
    with child(tmp_path, *SIM) as started:
        started.next_line(60)

        assert not started.await_end(time.monotonic())
        assert started.is_ended


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_child_ends_when_its_leash_is_let_go(tmp_path: Path) -> None:
    with child(tmp_path, *SIM) as started:
        started.next_line(60)

        started.let_go()

        until(lambda: started.is_ended, "still running")


def test_an_end_twice_is_no_trouble(tmp_path: Path) -> None:
    with child(tmp_path, *SIM) as started:
        started.await_end(time.monotonic())
        started.ask_to_end()
        assert started.await_end(time.monotonic())
