"""What a page's poll of the fleet costs: `python -m bench.status_poll [--short] [--devices 1000 10000 100000]`.

A fleet of 100 devices a node, all online, and one connection that polls `GET /api/nodes/status` with the session cookie
of a person, as pages do, one poll after the other; the time is the whole round trip on loopback, and the CPU that of
the server. Views `packed` (half a byte a device, what pages poll) and `plain` (with an object for each device):

- `304`: nothing changed since the rev that the poll names;
- `changed`: one node has just reported all its 100 devices, and each of them is online now and was not, or the other
  way round; the poll names the rev before;
- `cached`: the whole fleet for somebody who knows nothing yet, encoded already for another one;
- `encoded`: the same for the first who asks after something has changed.

Beside it, `GET /healthz` on the same connection: what HTTP alone takes. The last beat of the nodes lies in the future,
so that the sweep leaves them online; what beats cost is in bench/replicas.py, what a browser does with an answer in
bench/heatmap_browser.py. Memory of a server contains modules that only the test processes' forge has loaded.
"""

import argparse
import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bench.fleet_rows import at, fill, names, serials, token_of
from bench.measure import (
    ROUNDS,
    Served,
    fresh_databases,
    machine,
    median_of,
    percentile,
    report,
    serving,
)
from rackhand.engine import accounts, sessions
from rackhand.engine.access import SYSTEM
from rackhand.server.session_cookie import NAME
from rackhand.store.db import Tx

EACH = 100
POLL = "/api/nodes/status"
PROMISED_AT = 100_000
PROMISED_MS = {"304": (1.0, 1.5), "changed": (2.0, 3.0), "cached": (5.0, 5.0)}
"""SQLite and PostgreSQL, at 100,000 devices, of the view that pages poll."""
PROMISED_BYTES = {"changed": 6 * 1024}
PAGES, VIEWS = "packed", ("packed", "plain")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    ms: float


class Page:
    """A connection of a person's browser, and one of a node that reports."""

    def __init__(self, url: str, cookie: str) -> None:
        place = urlsplit(url)
        self._line = http.client.HTTPConnection(place.hostname or "", place.port)
        self._node = http.client.HTTPConnection(place.hostname or "", place.port)
        self._headers = {"Cookie": f"{NAME}={cookie}"}
        self._beats = 0

    def get(self, path: str) -> Answer:
        began_at = time.perf_counter()
        self._line.request("GET", path, headers=self._headers)
        answer = self._line.getresponse()
        body = answer.read()
        return Answer(answer.status, body, (time.perf_counter() - began_at) * 1000)

    def where(self) -> tuple[int, int]:
        """The fleet's rev and layout now."""
        part = json.loads(self.get(f"{POLL}?view=packed").body)
        return part["rev"], part["layout"]

    def change(self) -> None:
        """The first node reports its devices, every one of them not as before."""
        self._beats += 1
        state: dict[str, Any] = {
            "online": self._beats % 2 == 0,
            "adb_state": "device" if self._beats % 2 == 0 else "offline",
        }
        phones = [{"serial": serial, "runtime_handle": serial} | state for serial in serials(0, EACH)]
        node = names(1)[0]
        event = {"event_id": f"b{self._beats}", "type": "device_heartbeat", "node_id": node}
        body = json.dumps(event | {"payload": {"devices": phones}})
        headers = {"Authorization": f"Bearer {token_of(node)}", "Content-Type": "application/json"}
        self._node.request("POST", "/api/nodes/callback", body, headers)
        answer = self._node.getresponse()
        assert answer.status == 200, answer.read()[:300]
        answer.read()

    def close(self) -> None:
        self._line.close()
        self._node.close()


class Polls:
    """The kinds of polls; each returns answers of one round."""

    def __init__(self, page: Page, view: str, count: int) -> None:
        self._page, self._view, self._count = page, view, count

    def unchanged(self) -> Iterator[Answer]:
        rev, layout = self._page.where()
        for _ in range(self._count):
            yield self._asked(f"&since={rev}&layout={layout}", 304)

    def changed(self) -> Iterator[Answer]:
        rev, layout = self._page.where()
        for _ in range(self._count // 5 or 1):
            self._page.change()
            answer = self._asked(f"&since={rev}&layout={layout}", 200)
            part = json.loads(answer.body)
            rev = part["rev"]
            assert len(part["changed"]) == EACH, answer.body[:300]
            yield answer

    def cached(self) -> Iterator[Answer]:
        """Asked again within the five seconds that an encoded answer lives."""
        self._asked("", 200)
        ends_at = time.monotonic() + 4
        for _ in range(self._count // 5 or 1):
            yield self._asked("", 200)
            if time.monotonic() > ends_at:
                return

    def encoded(self) -> Iterator[Answer]:
        for _ in range(2):
            self._page.change()
            yield self._asked("", 200)

    def _asked(self, more: str, status: int) -> Answer:
        answer = self._page.get(f"{POLL}?view={self._view}{more}")
        assert answer.status == status, (answer.status, answer.body[:300])
        return answer


def figures(served: Served, answers: Iterator[Answer]) -> dict[str, float]:
    """Of one round; the CPU is of the whole round, so of a change too where there is one."""
    before, found = served.cpu_s(), list(answers)
    times = [answer.ms for answer in found]
    cpu_ms = (served.cpu_s() - before) * 1000 / len(found)
    return {
        "ms": percentile(times, 50),
        "p99_ms": percentile(times, 99),
        "cpu_ms": cpu_ms,
        "bytes": percentile([len(answer.body) for answer in found], 50),
    }


def _log_in(tx: Tx) -> str:
    user = accounts.create_user(tx, SYSTEM, "Kim", "viewer", None)
    return sessions.open_session(tx, user.id)


@contextmanager
def opened(url: str, devices: int) -> Iterator[tuple[Served, Page]]:
    """A server over a fleet, and a person who looks at it."""
    fill(url, devices // EACH, EACH)
    cookie = at(url, _log_in)
    with serving(url) as served:
        page = Page(served.url, cookie)
        try:
            yield served, page
        finally:
            page.close()


def measure(url: str, dialect: str, devices: int, args: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    with opened(url, devices) as (served, page):
        started_mb = served.memory_mb()
        healthz = percentile([page.get("/healthz").ms for _ in range(args.polls)][args.polls // 4 :], 50)
        for view in VIEWS:
            polls = Polls(page, view, args.polls)
            kinds = {"304": polls.unchanged, "changed": polls.changed, "cached": polls.cached, "encoded": polls.encoded}
            for kind, asked in kinds.items():
                found = median_of(lambda asked=asked: figures(served, asked()), args.rounds)  # type: ignore[misc]
                about = {"database": dialect, "devices": devices, "view": view, "poll": kind}
                promised = _promised(dialect, devices, kind) if view == PAGES else {}
                rows.append(about | found | promised | {"healthz_ms": healthz, "of_healthz": found["ms"] / healthz})
        memory = {"memory_mb": served.memory_mb(), "memory_at_start_mb": started_mb}
    return [row | memory for row in rows]


def _promised(dialect: str, devices: int, kind: str) -> dict[str, float]:
    if devices != PROMISED_AT or kind not in PROMISED_MS:
        return {}
    ms = PROMISED_MS[kind][0 if dialect == "sqlite" else 1]
    return {"promised_ms": ms} | ({"promised_bytes": PROMISED_BYTES[kind]} if kind in PROMISED_BYTES else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="1,000 and 100,000 devices, one round of 50 polls each")
    parser.add_argument("--devices", type=int, nargs="+")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--polls", type=int)
    args = parser.parse_args()
    args.devices = args.devices or ([1_000, 100_000] if args.short else [1_000, 10_000, 100_000])
    args.rounds = args.rounds or (1 if args.short else ROUNDS)
    args.polls = args.polls or (50 if args.short else 200)
    where, rows = machine(), list[dict[str, Any]]()
    with fresh_databases("sqlite", "postgresql") as fresh:
        for dialect in ("sqlite", "postgresql"):
            for devices in args.devices:
                rows += measure(fresh(dialect), dialect, devices, args)
    report("status_poll", rows, where=where, rounds=args.rounds, polls=args.polls)


if __name__ == "__main__":
    main()
