"""What the server fetches: public addresses only, looked at where the connection goes, and nothing without a limit."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest

from rackhand.core.errors import Refused
from rackhand.server.outbound import Allowed, Fetched, Outbound, is_public

HERE = Allowed.of(["127.0.0.1"])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append((self.command, self.path, self.headers.get("Authorization")))  # type: ignore[attr-defined]
        where, _, value = self.path.lstrip("/").partition("=")
        if where == "to":
            self.send_response(302)
            self.send_header("Location", value)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        if where == "drip":
            self.server.gate.wait(20)  # type: ignore[attr-defined]
        self.wfile.write(b"x" * int(value or 2))

    do_POST = do_GET  # noqa: N815 - the name is the base class's

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[ThreadingHTTPServer]:
    """A server on loopback: `/size=9`, `/to=<address>`, `/drip`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.gate = [], Event()  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.gate.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(url: str, allowed: Allowed = HERE, **more: Any) -> Fetched:
    limits = {name: more.pop(name) for name in ("max_bytes", "timeout_s") if name in more}
    return asyncio.run(Outbound(allowed, **limits).fetch(url, **more))


def at(web: ThreadingHTTPServer, path: str) -> str:
    return f"http://127.0.0.1:{web.server_port}{path}"


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
        ),
        *("224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
        *("::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:0:0:0:0:f5ff:fffe"),
    ],
)
def test_what_is_not_the_public_internet(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/", "http://[::1]/", "http://localhost/", "http://169.254.169.254/latest/meta-data/"),
        *("http://2130706433/", "http://0x7f000001/", "http://127.1/", "http://[::ffff:127.0.0.1]/", "http://0/"),
        *("file:///etc/passwd", "gopher://example.com/", "//example.com/", "http:///x", "", "ftp://example.com/"),
        "http://user:password@example.com/",
    ],
)
def test_no_spelling_of_a_private_address_is_fetched(url: str) -> None:
    with pytest.raises(Refused) as refused:
        fetch(url, Allowed())
    assert refused.value.code == "outbound"


def test_a_name_is_judged_by_what_it_resolves_to_when_it_is_used(
    web: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["127.0.0.1", "10.0.0.5"])
    real = socket.getaddrinfo

    def resolve(host: Any, *more: Any, **named: Any) -> Any:
        return real(next(answers) if host == "rebind.example" else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert fetch(f"http://rebind.example:{web.server_port}/size=3").body == b"xxx"
    with pytest.raises(Refused, match="is not public"):
        fetch(f"http://rebind.example:{web.server_port}/size=3")


def test_hosts_and_networks_can_be_allowed(web: ThreadingHTTPServer) -> None:
    port = web.server_port
    assert fetch(f"http://localhost:{port}/", Allowed.of(["localhost"])).status == 200
    assert fetch(f"http://127.0.0.1:{port}/", Allowed.of(["127.0.0.0/8"])).status == 200
    with pytest.raises(Refused):
        fetch(f"http://127.0.0.1:{port}/", Allowed.of(["localhost", "10.0.0.0/8"]))


def test_every_redirect_is_looked_at_and_gets_no_credentials(web: ThreadingHTTPServer) -> None:
    seen: list[Any] = web.seen  # type: ignore[attr-defined]
    headers = {"Authorization": "Bearer secret"}
    moved = at(web, f"/to={at(web, '/size=1')}")
    assert fetch(moved, method="POST", body=b"b", headers=headers).body == b"x"
    assert [(method, token) for method, _, token in seen] == [("POST", "Bearer secret"), ("GET", None)]
    for target in ("http://10.0.0.1/", "file:///etc/passwd", "http://169.254.169.254/", "//localhost/"):
        with pytest.raises(Refused):
            fetch(at(web, f"/to={target}"))
    assert fetch(moved, redirects=0).status == 302, "who wants none sees it"


def test_redirects_end(web: ThreadingHTTPServer) -> None:
    url = at(web, "/")
    for _ in range(4):
        url = at(web, f"/to={url}")
    with pytest.raises(Refused, match="redirects too often"):
        fetch(url)


def test_size_and_time_have_a_limit(web: ThreadingHTTPServer) -> None:
    assert len(fetch(at(web, "/size=100"), max_bytes=100).body) == 100
    with pytest.raises(Refused, match="larger than 100 bytes"):
        fetch(at(web, "/size=101"), max_bytes=100)
    with pytest.raises(Refused, match="no answer within"):
        fetch(at(web, "/drip"), timeout_s=0.2)


def test_a_proxy_of_the_environment_is_not_asked(web: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert fetch(at(web, "/")).status == 200


def test_no_answer_names_the_host_and_not_the_path() -> None:
    with pytest.raises(Refused) as refused:
        fetch("http://127.0.0.1:9/hook/s3cr3t?key=s3cr3t")
    assert refused.value.detail.startswith("127.0.0.1 was not fetched")
    assert "s3cr3t" not in refused.value.detail
