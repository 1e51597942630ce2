"""Rules of every test run: generated examples are repeatable, and with CI=true a skipped test is a failure."""

import os

import pytest
from hypothesis import HealthCheck, settings

IS_CI = os.environ.get("CI") == "true"

settings.register_profile(
    "default", deadline=None, derandomize=IS_CI, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", settings.get_profile("default"), derandomize=False, max_examples=2000)
settings.load_profile("default")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Name what was skipped, and fail: what CI does not run, nobody runs."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not IS_CI or reporter is None:
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped:
        reporter.write_line("")
        for report in skipped:
            reporter.write_line(f"SKIPPED, and CI=true: {report.nodeid}: {report.longrepr}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
