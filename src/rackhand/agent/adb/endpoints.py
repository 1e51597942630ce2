"""Keeping TCP devices attached: a list of wanted `host:port`, reconciled with what the adb server lists.

`decide` is pure; `Endpoints` acts. A connect into a black hole holds a thread of the server for 134 s, so each
one is preceded by a TCP connect of our own; a zombie ("already connected" but offline) heals only by
disconnect and connect; a new server knows no TCP device at all.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.errors import AdbError, AdbTimeoutError, DeviceGoneError
from rackhand.agent.adb.supervisor import monotonic_ms


@dataclass(frozen=True, slots=True)
class EndpointPeriods:
    """Every period of the reconcile loop; tests shorten them."""

    check_ms: int = 10_000
    reach_ms: int = 2_000
    connect_ms: int = 12_000
    offline_ms: int = 15_000
    backoff_min_ms: int = 2_000
    backoff_max_ms: int = 60_000
    max_at_once: int = 8


class Move(StrEnum):
    """What to do about one endpoint now."""

    NOTHING = "nothing"
    CONNECT = "connect"
    RENEW = "renew"


@dataclass(slots=True)
class Endpoint:
    """What is remembered of one endpoint; times are monotonic ms."""

    address: str
    failure_count: int = 0
    not_before: int = 0
    offline_since: int | None = None
    last_error_message: str = ""


def decide(endpoint: Endpoint, adb_state: str | None, now: int, periods: EndpointPeriods) -> Move:
    """`adb_state` is the server's word for it, None if it is not listed."""
    if now < endpoint.not_before:
        return Move.NOTHING
    if adb_state is None:
        return Move.CONNECT
    is_stale = endpoint.offline_since is not None and now - endpoint.offline_since >= periods.offline_ms
    return Move.RENEW if adb_state == "offline" and is_stale else Move.NOTHING


def backoff_ms(failure_count: int, periods: EndpointPeriods, rng: random.Random) -> int:
    """Doubling from the minimum to the maximum, the last fifth of it by chance."""
    full = min(periods.backoff_max_ms, periods.backoff_min_ms * 2 ** min(failure_count - 1, 20))
    return int(full * (0.8 + 0.2 * rng.random()))


class Endpoints:
    """Runs the reconcile loop. `reset` after a server restart; `close` at the end."""

    def __init__(
        self,
        adb: Adb,
        wanted: Iterable[str] = (),
        *,
        periods: EndpointPeriods | None = None,
        rng: random.Random | None = None,
        clock: Callable[[], int] = monotonic_ms,
    ) -> None:
        self._adb = adb
        self._periods = periods or EndpointPeriods()
        self._rng = rng or random.Random()
        self._clock = clock
        self._gate = asyncio.Semaphore(self._periods.max_at_once)
        self._moves: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self.endpoints = {address: Endpoint(address) for address in wanted}

    def want(self, addresses: Iterable[str]) -> None:
        """Replace the wanted list; what is no longer wanted stays attached but is not looked after."""
        self.endpoints = {a: self.endpoints.get(a) or Endpoint(a) for a in addresses}
        self._wake.set()

    def reset(self) -> None:
        """Forget all back-offs and look at once: the adb server is a new one."""
        for endpoint in self.endpoints.values():
            endpoint.not_before = endpoint.failure_count = 0
            endpoint.offline_since = None
        self._wake.set()

    async def run(self) -> None:
        """Reconcile for ever, each `check_ms` and whenever woken."""
        while True:
            await self.reconcile()
            try:
                async with asyncio.timeout(self._next_check_ms() / 1000):
                    await self._wake.wait()
            except TimeoutError:
                continue
            finally:
                self._wake.clear()

    def _next_check_ms(self) -> int:
        now = self._clock()
        waits = [e.not_before - now for e in self.endpoints.values() if e.not_before > now]
        return max(10, min([self._periods.check_ms, *waits]))

    async def reconcile(self) -> None:
        """One look, and a task for each endpoint that needs a move; `settle` waits for those."""
        try:
            listed = {entry.serial: entry.state for entry in await self._adb.devices()}
        except AdbError:
            return  # the supervisor's matter; the next look will tell
        now = self._clock()
        for endpoint in self.endpoints.values():
            state = listed.get(endpoint.address)
            _note(endpoint, state, now)
            move = decide(endpoint, state, now, self._periods)
            if move is not Move.NOTHING and endpoint.address not in self._moves:
                self._begin(endpoint, move)

    def _begin(self, endpoint: Endpoint, move: Move) -> None:
        task = asyncio.create_task(self._move(endpoint, move), name=f"endpoint {endpoint.address}")
        self._moves[endpoint.address] = task
        task.add_done_callback(lambda _: self._moves.pop(endpoint.address, None))

    async def _move(self, endpoint: Endpoint, move: Move) -> None:
        async with self._gate:
            try:
                await self._reach(endpoint.address)
                if move is Move.RENEW:
                    await self._adb.disconnect(endpoint.address)
                await self._adb.connect(endpoint.address, self._periods.connect_ms)
            except AdbError as error:
                endpoint.failure_count += 1
                endpoint.last_error_message = str(error)
                endpoint.not_before = self._clock() + backoff_ms(endpoint.failure_count, self._periods, self._rng)
            else:
                endpoint.failure_count, endpoint.last_error_message, endpoint.offline_since = 0, "", None

    async def _reach(self, address: str) -> None:
        """Our own TCP connect, which gives up in time."""
        host, _, port = address.rpartition(":")
        try:
            async with asyncio.timeout(self._periods.reach_ms / 1000):
                _, writer = await asyncio.open_connection(host, int(port))
        except TimeoutError:
            raise AdbTimeoutError(
                f"no TCP answer within {self._periods.reach_ms} ms", serial=address, phase="connect"
            ) from None
        except (OSError, ValueError, OverflowError) as error:
            raise DeviceGoneError(f"cannot reach it: {error}", serial=address, phase="connect") from None
        writer.transport.abort()

    async def settle(self) -> None:
        """Wait for every move that is under way."""
        while self._moves:
            await asyncio.wait(set(self._moves.values()))

    async def close(self) -> None:
        moves = list(self._moves.values())
        for task in moves:
            task.cancel()
        await asyncio.gather(*moves, return_exceptions=True)


def _note(endpoint: Endpoint, state: str | None, now: int) -> None:
    if state != "offline":
        endpoint.offline_since = None
    elif endpoint.offline_since is None:
        endpoint.offline_since = now
