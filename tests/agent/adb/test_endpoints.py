"""TCP devices are kept attached, patiently: decisions as a table, back-off by a given dice."""

import asyncio
import random

import pytest

from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.endpoints import Endpoint, EndpointPeriods, Endpoints, Move, backoff_ms, decide

PERIODS = EndpointPeriods()


@pytest.mark.parametrize(
    ("state", "not_before", "offline_since", "now", "move"),
    [
        (None, 0, None, 100, Move.CONNECT),
        (None, 200, None, 100, Move.NOTHING),
        ("device", 0, None, 100, Move.NOTHING),
        ("unauthorized", 0, None, 10**9, Move.NOTHING),
        ("offline", 0, 0, 14_999, Move.NOTHING),
        ("offline", 0, 0, 15_000, Move.RENEW),
        ("offline", 20_000, 0, 15_000, Move.NOTHING),
    ],
)
def test_what_to_do_about_an_endpoint(
    state: str | None, not_before: int, offline_since: int | None, now: int, move: Move
) -> None:
    endpoint = Endpoint("127.0.0.1:16000", not_before=not_before, offline_since=offline_since)
    assert decide(endpoint, state, now, PERIODS) is move


def test_the_back_off_doubles_up_to_its_bound_and_is_spread() -> None:
    rng = random.Random(1)
    waits = [backoff_ms(n, PERIODS, rng) for n in range(1, 12)]
    for n, wait in enumerate(waits):
        full = min(60_000, 2_000 * 2**n)
        assert 0.8 * full <= wait <= full
    assert backoff_ms(10_000, PERIODS, rng) <= 60_000


def test_an_endpoint_nobody_listens_on_is_noted_and_left_for_a_while(port: int) -> None:
    async def story() -> None:
        endpoints = Endpoints(Adb(port=port), [f"127.0.0.1:{port}"], clock=lambda: 1_000)
        endpoint = endpoints.endpoints[f"127.0.0.1:{port}"]
        await endpoints.reconcile()  # no server: not the endpoint's fault
        assert endpoint.failure_count == 0
        await endpoints._move(endpoint, Move.CONNECT)
        assert "cannot reach it" in endpoint.last_error_message
        assert endpoint.not_before > 1_000
        endpoints.reset()
        assert endpoint.not_before == 0

    asyncio.run(story())


@pytest.mark.parametrize("address", ["nonsense", "host:port", "", ":", "127.0.0.1:99999", "a..b:1"])
def test_an_address_that_is_none_is_an_error_not_a_crash(address: str, port: int) -> None:
    async def story() -> None:
        endpoints = Endpoints(Adb(port=port), [address])
        await endpoints._move(endpoints.endpoints[address], Move.CONNECT)
        assert endpoints.endpoints[address].last_error_message

    asyncio.run(story())
