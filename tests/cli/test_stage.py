"""What a demo decides before it starts anything."""

import socket

import pytest

from rackhand.cli.stage import expected_counts, first_free_port, matches


def test_a_port_in_use_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert first_free_port(port) > port


def test_port_0_stays_0() -> None:
    assert first_free_port(0) == 0


@pytest.mark.parametrize(
    ("scenario", "count", "expected"),
    [
        ("none", 200, {"succeeded": 200, "failed": 0, "skipped_offline": 0}),
        ("default", 20, {"succeeded": 18, "failed": 1, "skipped_offline": 1}),
        ("default", 2, {"succeeded": 0, "failed": 1, "skipped_offline": 1}),
        ("default", 1, {"succeeded": 0, "failed": 0, "skipped_offline": 1}),
        ("my.toml", 3, None),
    ],
)
def test_a_scenario_announces_its_end(scenario: str, count: int, expected: dict[str, int] | None) -> None:
    assert expected_counts(scenario, count) == expected


def test_a_run_is_right_if_every_announced_count_is() -> None:
    announced = {"succeeded": 1, "failed": 1}

    assert matches({"succeeded": 1, "failed": 1, "total": 2}, announced)
    assert not matches({"succeeded": 2, "failed": 0, "total": 2}, announced)
    assert matches({"succeeded": 0, "total": 2}, None)
