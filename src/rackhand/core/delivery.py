"""Deliveries of messages: when one is tried again, when a channel may be told again, and how a webhook is signed.

The signature is that of Standard Webhooks (its specification, version 1): headers `webhook-id`, `webhook-timestamp` and
`webhook-signature`; receivers check it with the libraries that exist for it. The id stays the same in every try.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256

from rackhand.core.clock import Millis

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every such secret begins with
_SECOND, _MINUTE, _HOUR = 1_000, 60_000, 3_600_000
WAITS_MS = (
    *(5 * _SECOND, 30 * _SECOND, 2 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR, 8 * _HOUR),
)
"""Before the second try, the third ...: a day in all, so that an hour of refusals loses nothing."""
MOST_AT_ONCE = 50
"""Happenings in one message."""


class DeliveryState(StrEnum):
    """How a delivery stands; `sending` has a claim that runs out."""

    DUE = "due"
    SENDING = "sending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


def next_try(attempt: int, now: Millis, retry_after_s: int | None = None) -> Millis | None:
    """When to try again after the `attempt`-th failure in a row (from 1); None: give up. A receiver's Retry-After is
    kept, up to an hour."""
    if attempt > len(WAITS_MS):
        return None
    asked = 0 if retry_after_s is None else min(retry_after_s * _SECOND, _HOUR)
    return now + max(WAITS_MS[attempt - 1], asked)


def may_tell(last_told_at: Millis | None, digest_s: int, now: Millis) -> bool:
    """Whether a channel may get a message now: the first goes at once, the next ones are gathered meanwhile."""
    return last_told_at is None or now - last_told_at >= digest_s * _SECOND or now < last_told_at


def new_secret(entropy: bytes) -> str:
    """A secret for signatures, of 24 random bytes or more."""
    return SECRET_PREFIX + b64encode(entropy).decode()


def signed_headers(secret: str, delivery_id: str, at_s: int, body: bytes) -> Mapping[str, str]:
    """The three headers of a signed body."""
    key = b64decode(secret.removeprefix(SECRET_PREFIX))
    said = f"{delivery_id}.{at_s}.".encode() + body
    signature = b64encode(hmac.new(key, said, sha256).digest()).decode()
    return {"webhook-id": delivery_id, "webhook-timestamp": str(at_s), "webhook-signature": f"v1,{signature}"}
