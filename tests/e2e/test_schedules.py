"""Two workers, one of which is killed: each due time fires once. `bench/schedules.py` does it a thousand times."""

from bench.schedules import is_kept, prove
from tests.postgres import PostgresServer


def test_each_time_fires_once_though_a_worker_is_killed(postgres_server: PostgresServer) -> None:
    name = postgres_server.take()
    try:
        figures = prove(postgres_server.url(name), ticks=12, speed=240, kills=1)
    finally:
        postgres_server.give_back(name)

    assert is_kept(figures), figures
    assert figures["killed"] == 1
    assert figures["states"]["started"] >= 12
