"""KEY=VALUE flags."""

import pytest

from rackhand.cli.pairs import read_pairs, read_policy, read_rollout
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


DEFAULT = {"waves": [1, "10%", "100%"], "auto": True}


def test_a_rollout_has_numbers_and_shares() -> None:
    assert read_rollout("1, 10%,100%") == DEFAULT
    assert read_rollout("5", 0.5, is_auto=False) == {"waves": [5], "max_failed_ratio": 0.5, "auto": False}
    with pytest.raises(Invalid) as caught:
        read_rollout("1,ten")
    assert [error.path for error in caught.value.errors] == ["/rollout/waves/1"]


def test_all_that_is_wrong_with_a_policy_is_said_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        read_policy(["grace_wait_ms=soon", "patience=1", "retry_count=-1"])

    assert {error.path for error in caught.value.errors} == {
        "/policy/grace_wait_ms",
        "/policy/patience",
        "/policy/retry_count",
    }
