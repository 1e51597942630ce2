"""The client of the API against a server of the standard library that answers what a story says."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rackhand.cli.client import Client
from rackhand.cli.outcome import Unreachable
from rackhand.core.errors import Busy, Conflict, Invalid, NotAllowed, NotAuthenticated, NotFound, RackhandError
from rackhand.sim.ports import free_port


@dataclass
class Answers:
    """What is answered, in order, and what was asked."""

    url: str = ""
    planned: list[tuple[int, bytes]] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def plan(self, status: int, body: Any) -> None:
        self.planned.append((status, body if isinstance(body, bytes) else json.dumps(body).encode()))


@pytest.fixture
def answers() -> Iterator[Answers]:
    said = Answers()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            said.asked.append((self.command, self.path, dict(self.headers), body))
            status, content = said.planned.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content if status != 304 else b"")

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - the library calls them so

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own word
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        said.url = f"http://127.0.0.1:{server.server_port}"
        yield said
        server.shutdown()
        thread.join()


def problem(status: int, code: str, **more: Any) -> dict[str, Any]:
    return {"type": f"urn:rackhand:{code}", "title": "T", "status": status, "detail": "why", "instance": "/x", **more}


def test_a_question_carries_token_query_and_client(answers: Answers) -> None:
    answers.plan(200, {"n": 1})

    assert Client(answers.url, "secret").get("/api/runs", {"limit": 2, "status": None}) == {"n": 1}

    method, path, headers, _ = answers.asked[0]
    assert (method, path) == ("GET", "/api/runs?limit=2")
    assert headers["Authorization"] == "Bearer secret"
    assert headers["X-Rackhand-Client".title()] == "cli"


def test_a_body_is_json(answers: Answers) -> None:
    answers.plan(201, {"id": "7"})
    answers.plan(204, b"")

    client = Client(answers.url, "")
    assert client.post("/api/runs", {"title": "밤"}) == {"id": "7"}
    client.delete("/api/nodes/PC-01")

    assert json.loads(answers.asked[0][3]) == {"title": "밤"}
    assert "Authorization" not in answers.asked[0][2]


def test_a_paged_list_is_read_to_its_end(answers: Answers) -> None:
    answers.plan(200, {"items": [1, 2], "next_cursor": "c"})
    answers.plan(200, {"items": [3], "next_cursor": None})

    assert list(Client(answers.url, "").items("/api/devices", {"limit": 2})) == [1, 2, 3]
    assert answers.asked[1][1] == "/api/devices?limit=2&cursor=c"


def test_not_modified_is_nothing(answers: Answers) -> None:
    answers.plan(304, b"")

    assert Client(answers.url, "").get("/api/runs/1", {"since": 5}) is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, NotAuthenticated), (403, NotAllowed), (404, NotFound), (409, Conflict), (503, Busy), (500, RackhandError)],
)
def test_a_problem_is_an_error_with_its_code(answers: Answers, status: int, kind: type[RackhandError]) -> None:
    answers.plan(status, problem(status, "some_rule"))

    with pytest.raises(kind, match="why") as caught:
        Client(answers.url, "").get("/x")

    assert caught.value.code == "some_rule"


def test_field_errors_come_along(answers: Answers) -> None:
    answers.plan(422, problem(422, "invalid", errors=[{"path": "/target", "message": "matches {no} device"}]))

    with pytest.raises(Invalid) as caught:
        Client(answers.url, "").post("/api/runs")

    assert [(each.path, each.message) for each in caught.value.errors] == [("/target", "matches {no} device")]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b"\xff"])
def test_an_error_that_is_no_problem_is_one_all_the_same(answers: Answers, body: bytes) -> None:
    answers.plan(502, body)

    with pytest.raises(RackhandError, match="the server answered 502"):
        Client(answers.url, "").get("/x")


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        Client(f"http://127.0.0.1:{free_port()}", "").get("/x")


def test_a_proxy_is_never_asked_about_this_machine(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    answers.plan(200, {})

    assert Client(answers.url, "").get("/x") == {}


@pytest.mark.parametrize("server", ["", "127.0.0.1:8765", "ftp://127.0.0.1", "file:///etc/passwd"])
def test_only_http_addresses_are_taken(server: str) -> None:
    with pytest.raises(ValueError, match="must be an http or https URL"):
        Client(server, "")
