"""A plug-in of pytest: what a test reaches is recorded under the test's name. Only individual_coverage.py uses it."""

from collections.abc import Iterator

import pytest
from coverage import Coverage


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """From a test's first fixture to its last, coverage records under its node id."""
    measured = Coverage.current()
    assert measured is not None, "run under `coverage run`"
    measured.switch_context(item.nodeid)
    try:
        return (yield)
    finally:
        measured.switch_context("")
