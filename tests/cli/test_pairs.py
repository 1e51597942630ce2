"""KEY=VALUE flags."""

import pytest

from rackhand.cli.pairs import read_pairs, read_policy
from rackhand.core.errors import Invalid


def test_pairs_keep_their_values_as_they_are() -> None:
    assert read_pairs("--param", ["a=1", "url=http://x/?q=1", "empty="]) == {
        "a": "1",
        "url": "http://x/?q=1",
        "empty": "",
    }


@pytest.mark.parametrize("text", ["a", "", "=1", " =1"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="KEY=VALUE"):
        read_pairs("--param", [text])


def test_a_policy_has_numbers_and_words() -> None:
    assert read_policy(["grace_wait_ms=2000", "offline=skip"], 3) == {
        "grace_wait_ms": 2000,
        "offline": "skip",
        "concurrency": 3,
    }
    assert read_policy(["wait_s=60"]) == {"offline": {"wait_s": 60}}


def test_all_that_is_wrong_with_a_policy_is_said_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        read_policy(["grace_wait_ms=soon", "patience=1", "retry_count=-1"])

    assert {error.path for error in caught.value.errors} == {
        "/policy/grace_wait_ms",
        "/policy/patience",
        "/policy/retry_count",
    }
