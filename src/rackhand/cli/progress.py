"""Live progress on stderr: a Rich bar on a terminal, now and then a line elsewhere, nothing when it must be quiet."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rackhand.cli.outcome import say

LINE_EVERY_S = 2.0


class Show(Protocol):
    """Called with what is done and a word about it, as often as one likes."""

    def __call__(self, done: int, text: str = "") -> None: ...


@contextmanager
def progress(title: str, total: int, *, is_quiet: bool = False) -> Iterator[Show]:
    """Shows `done` of `total` while the block runs."""
    if is_quiet:
        yield _ignore
    elif sys.stderr.isatty():
        with _bar(title, total) as show:
            yield show
    else:
        yield _Lines(title, total)


def _ignore(done: int, text: str = "") -> None:
    """Shows nothing."""


@contextmanager
def _bar(title: str, total: int) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, note="")

        def show(done: int, text: str = "") -> None:
            bar.update(task, completed=done, note=text)

        yield show


class _Lines:
    """A line when something changed, at most one every LINE_EVERY_S, and the one that says that all is done."""

    def __init__(self, title: str, total: int) -> None:
        self._title, self._total = title, total
        self._last = ""
        self._said_at = -LINE_EVERY_S

    def __call__(self, done: int, text: str = "") -> None:
        line = f"{self._title}: {done}/{self._total}" + (f" ({text})" if text else "")
        is_due = time.monotonic() - self._said_at >= LINE_EVERY_S or done >= self._total
        if line != self._last and is_due:
            self._last, self._said_at = line, time.monotonic()
            say(line)
