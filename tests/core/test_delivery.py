"""When messages are tried again, when a channel is told again, and what a receiver checks."""

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256

import pytest

from rackhand.core.delivery import WAITS_MS, may_tell, new_secret, next_try, signed_headers

HOUR = 3_600_000


def test_it_is_tried_for_a_day_and_then_given_up() -> None:
    assert next_try(1, 1000) == 6000
    assert next_try(len(WAITS_MS), 0) == 8 * HOUR
    assert next_try(len(WAITS_MS) + 1, 0) is None
    assert sum(WAITS_MS) >= 23 * HOUR


def test_a_receiver_may_ask_for_more_time_within_reason() -> None:
    assert next_try(1, 0, 60) == 60_000
    assert next_try(1, 0, 1) == 5_000
    assert next_try(1, 0, 10_000_000) == HOUR


@pytest.mark.parametrize(
    ("last", "digest_s", "now", "allowed"),
    [(None, 60, 0, True), (0, 60, 59_999, False), (0, 60, 60_000, True), (5, 0, 5, True), (90_000, 60, 0, True)],
)
def test_a_channel_is_told_at_most_so_often(last: int | None, digest_s: int, now: int, allowed: bool) -> None:
    assert may_tell(last, digest_s, now) is allowed


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example of its specification, and by hand."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    headers = signed_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    fresh = new_secret(bytes(range(24)))
    key = b64decode(fresh.removeprefix("whsec_"))
    expected = hmac.new(key, b"d1.5.x", sha256).digest()
    assert signed_headers(fresh, "d1", 5, b"x")["webhook-signature"] == f"v1,{b64encode(expected).decode()}"
