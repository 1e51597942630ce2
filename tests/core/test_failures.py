"""Failures that are alike become one line; those that are not stay apart."""

from rackhand.core.failures import Failure, Group, group


def test_numbers_and_addresses_do_not_tell_failures_apart() -> None:
    failures = [
        Failure(9, 2, "device '10.0.0.9:5555' not found after 15.0 s"),
        Failure(4, 2, "device '10.0.0.4:5555' not found after 15.2 s"),
        Failure(7, 2, "exit code 1"),
        Failure(2, 0, "exit code 1"),
    ]
    assert group(failures) == [
        Group(2, "device '10.0.0.4:5555' not found after 15.2 s", (4, 9)),
        Group(0, "exit code 1", (2,)),
        Group(2, "exit code 1", (7,)),
    ]


def test_no_failures_make_no_groups() -> None:
    assert group([]) == []
