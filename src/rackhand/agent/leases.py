"""The leases that this node holds, timed by `ttl_ms` on the monotonic clock. Who may act on a device now?

A lease is LIVE until it ran out and the run's grace passed (OUT_OF_CONTACT: a renewal makes it live again), or until
the server lists it as cancelled (for ever). After a restart of the agent nothing is live before the first renewal.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rackhand.agent.servertime import monotonic_ms
from rackhand.agent.waking import Wake


class Standing(StrEnum):
    LIVE = "live"
    OUT_OF_CONTACT = "out_of_contact"
    CANCELLED = "cancelled"


@dataclass(slots=True)
class HeldLease:
    """`ends_at` is monotonic, grace included."""

    grace_ms: int
    ends_at: int
    is_cancelled: bool = False


class Leases:
    """All held leases. A token that is not held counts as cancelled."""

    def __init__(self) -> None:
        self._held: dict[str, HeldLease] = {}
        self._wake = Wake()

    def hold(self, token: str, ttl_ms: int, grace_ms: int, asked_at: int | None = None) -> None:
        """A new lease, asked for at `asked_at` (monotonic: the server's count began no earlier)."""
        since = monotonic_ms() if asked_at is None else asked_at
        self._held[token] = HeldLease(grace_ms, since + ttl_ms + grace_ms)

    def restore(self, token: str, grace_ms: int) -> None:
        """A lease from before a restart: out of contact until it is renewed."""
        self._held[token] = HeldLease(grace_ms, monotonic_ms() - 1)

    def renew(self, token: str, ttl_ms: int, asked_at: int) -> None:
        lease = self._held.get(token)
        if lease is not None:
            lease.ends_at = max(lease.ends_at, asked_at + ttl_ms + lease.grace_ms)
            self._wake.notify()

    def cancel(self, tokens: Iterable[str]) -> None:
        """The server says that these are not live; those not held are no news."""
        for token in tokens:
            if token in self._held:
                self._held[token].is_cancelled = True
        self._wake.notify()

    def forget(self, token: str) -> None:
        self._held.pop(token, None)
        self._wake.notify()

    def standing(self, token: str) -> Standing:
        lease = self._held.get(token)
        if lease is None or lease.is_cancelled:
            return Standing.CANCELLED
        return Standing.LIVE if monotonic_ms() <= lease.ends_at else Standing.OUT_OF_CONTACT

    async def until_not_live(self, token: str) -> Standing:
        """Waits as long as the lease is live."""
        while (now := self.standing(token)) is Standing.LIVE:
            await self._wake.wait(self._held[token].ends_at - monotonic_ms() + 1)
        return now

    async def until_cancelled(self, token: str) -> None:
        while self.standing(token) is not Standing.CANCELLED:
            await self._wake.wait()

    async def admit(self, token: str) -> bool:
        """Waits until the lease is live (True) or cancelled (False)."""
        while (now := self.standing(token)) is Standing.OUT_OF_CONTACT:
            await self._wake.wait()
        return now is Standing.LIVE
