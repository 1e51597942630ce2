"""What bad requests get: problem+json with a path and a reason, and nothing changes."""

import asyncio
from typing import Any

import msgspec
import pytest
from litestar import Request

from rackhand.core.errors import Busy, FieldError, IllegalMove, Invalid
from rackhand.engine import catalog
from rackhand.server.errors import answer_error
from rackhand.server.fake import ServerPlace
from rackhand.server.gate import HSTS, SECURITY_HEADERS
from rackhand.server.web.language import localised

ASSET = {"title": "Look", "kind": "shell", "params": {"command": "id"}}
MEMBERS = {"type", "title", "status", "detail", "instance"}


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'"\xff"', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"title": "\\ud800"}', "application/json", 400),
        (b"title=x", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b"1e999", "application/json", 400),
        (b"{}", "application/json; charset=utf-8", 422),
        (b"{}", "application/merge-patch+json", 422),
    ],
)
def test_a_body_that_is_no_request(server: ServerPlace, content: bytes, content_type: str, status: int) -> None:
    async def story() -> None:
        async with server.open() as api:
            answer = await api.post("/api/command-assets", content=content, headers={"Content-Type": content_type})

            assert answer.status_code == status, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json().keys() >= MEMBERS
            assert (await api.get("/api/command-assets")).json() == {"items": [], "next_cursor": None}

    asyncio.run(story())


def test_every_error_comes_at_once_with_its_path(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            body = {"title": "", "kind": "shell", "params": {"comand": 1}, "effect": "twice", "extra~/": 1}
            answer = await api.post("/api/command-assets", json=body)

            assert answer.status_code == 422
            found = {error["path"] for error in answer.json()["errors"]}
            assert found == {"/title", "/params/comand", "/params/command", "/effect", "/extra~0~1"}

    asyncio.run(story())


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=0", "/query/limit"),
        ("limit=many", "/query/limit"),
        ("limit=1&limit=2", "/query/limit"),
        ("limit=99999999999999999999999", "/query/limit"),
        ("colour=red", "/query/colour"),
        ("kind=dance", "/query/kind"),
        ("cursor=%F0", "/query/cursor"),
        ("cursor=W10", "/query/cursor"),
        ("q=%00", "/query/q"),
    ],
)
def test_query_parameters_are_checked(server: ServerPlace, query: str, path: str) -> None:
    async def story() -> None:
        async with server.open() as api:
            answer = await api.get(f"/api/command-assets?{query}")

            assert answer.status_code == 422
            assert [error["path"] for error in answer.json()["errors"]] == [path]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/api/playbooks/%00", 404),
        ("GET", f"/api/playbooks/{'x' * 201}", 404),
        ("GET", "/api/playbooks/x/revisions/99999999999999999999", 404),
        ("GET", "/api/playbooks/x/revisions/0", 404),
        ("GET", "/api/playbooks/x/revisions/one", 404),
        ("GET", "/api/files/../../etc/passwd", 404),
        ("GET", "/api/files/..%2f..%2fetc%2fpasswd", 404),
        ("PATCH", "/api/playbooks", 405),
        ("DELETE", "/healthz", 405),
        ("OPTIONS", "/api/playbooks", 405),
    ],
)
def test_paths_that_lead_nowhere(server: ServerPlace, method: str, path: str, status: int) -> None:
    async def story() -> None:
        async with server.open() as api:
            answer = await api.send(method, path)

            assert answer.status_code == status, answer.text
            assert answer.json().keys() >= MEMBERS

    asyncio.run(story())


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:8765", 200),
        ("[::1]:8765", 200),
        ("rack.lab", 200),
        ("RACK.LAB:443", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 421),
    ],
)
def test_only_known_host_names_are_answered(server: ServerPlace, host: str, status: int) -> None:
    async def story() -> None:
        async with server.open(allowed_hosts=("rack.lab",)) as api:
            answer = await api.get("/healthz", headers={"Host": host})

            assert answer.status_code == status
            assert status == 200 or answer.headers["content-type"] == "application/problem+json"

    asyncio.run(story())


def test_a_body_that_is_too_large_is_refused_announced_or_not(server: ServerPlace) -> None:
    async def chunks() -> object:
        for _ in range(5):
            yield b" " * 1000

    async def story() -> None:
        async with server.open(max_body_bytes=2000) as api:
            announced = await api.post("/api/command-assets", content=b" " * 5000)
            streamed = await api.post("/api/command-assets", content=chunks())

            for answer in (announced, streamed):
                assert answer.status_code == 413
                assert answer.json()["type"] == "urn:rackhand:too_large"

    asyncio.run(story())


def test_every_answer_carries_a_request_id_and_security_headers(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            for path in ("/healthz", "/api/nothing", "/api/playbooks"):
                answer = await api.using(None).get(path, headers={"X-Request-Id": "from-me"})
                assert answer.headers["x-request-id"] == "from-me"
                present = {name.encode(): value.encode() for name, value in answer.headers.items()}
                assert set(SECURITY_HEADERS) <= set(present.items()), path
                assert HSTS[0] not in present, "promised over https only"
            misdirected = await api.get("/healthz", headers={"Host": "evil.example"})
            assert (misdirected.status_code, misdirected.headers["x-frame-options"]) == (421, "DENY")
            page = await api.using(None).get("/login")
            assert "script-src 'self'" in page.headers["content-security-policy"]
            strange = await api.get("/healthz", headers={"X-Request-Id": "a b\tc"})
            assert len(strange.headers["x-request-id"]) == 32

    asyncio.run(story())


def test_what_nobody_foresaw_is_a_500_that_tells_nothing(server: ServerPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise IllegalMove("secret inside")

    async def story() -> None:
        async with server.open() as api:
            answer = await api.get("/api/command-assets")

            assert answer.status_code == 500
            assert answer.json()["type"] == "urn:rackhand:internal"
            assert "secret" not in answer.text

    monkeypatch.setattr(catalog, "list_assets", fail)
    asyncio.run(story())


def test_a_busy_server_says_when_to_come_again(server: ServerPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Busy("too much at once", retry_after_s=7)

    async def story() -> None:
        async with server.open() as api:
            answer = await api.get("/api/command-assets")

            assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")

    monkeypatch.setattr(catalog, "list_assets", fail)
    asyncio.run(story())


def test_health_readiness_and_metrics(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            assert (await api.using(None).get("/healthz")).json() == {"status": "ok"}
            ready = (await api.using(None).get("/readyz")).json()
            assert ready == dict.fromkeys(("database", "schema", "sweep", "disk"), "ok")
            text = (await api.using(None).get("/metrics")).text
            assert 'rackhand_http_requests_total{method="GET",route="/healthz",status="200"} 1.0' in text

    asyncio.run(story())


KOREAN = {"Accept-Language": "ko-KR,ko;q=0.9,en;q=0.8"}


def test_a_page_hears_its_own_language_and_a_program_english(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            program = (await api.post("/api/command-assets", json={}, headers=KOREAN)).json()
            assert program["title"] == "Unprocessable Entity"
            assert {error["message"] for error in program["errors"]} == {"is required"}

            page = await api.using(None).post("/api/command-assets", json={}, headers=KOREAN)
            assert (page.json()["title"], page.status_code) == ("인증 필요", 401)
            assert page.json()["detail"].startswith("인증 정보가 없는 요청입니다.")

            nowhere = (await api.using(None).get("/api/nothing", headers={"Cookie": "lang=ko"})).json()
            assert nowhere["detail"] == "이 주소에는 아무것도 없습니다. /api/openapi.json을 확인하세요"
            lost = (await api.using(None).get("/healthz", headers=KOREAN | {"Host": "evil.example"})).json()
            assert lost["title"] == "잘못 전달된 요청"
            plain = (await api.using(None).get("/api/nothing")).json()
            assert plain["detail"] == "there is nothing at this path; see /api/openapi.json"

    asyncio.run(story())


def test_fields_are_named_in_the_language_of_the_page_and_hostile_values_stay_text() -> None:
    hostile = "{0.__class__}{path}"
    error = Invalid(
        [
            FieldError("/name", "must have at most {n} characters", {"n": 9}),
            FieldError("/steps", "names no command asset: {id}", {"id": hostile}),
        ]
    )
    scope = {"type": "http", "path": "/x", "method": "POST", "query_string": b""}
    page: Request[Any, Any, Any] = Request(scope | {"state": {}, "headers": [(b"cookie", b"lang=ko")]})  # type: ignore[arg-type]
    body = msgspec.json.decode(answer_error(page, error).content)

    assert body["detail"] == "/name: 9자 이하여야 합니다 (외 1건)"
    assert body["errors"] == [
        {"path": "/name", "message": "9자 이하여야 합니다"},
        {"path": "/steps", "message": f"없는 명령입니다: {hostile}"},
    ]
    headers = [(b"cookie", b"lang=ko"), (b"authorization", b"Bearer x")]
    program = Request(scope | {"state": {}, "headers": headers})  # type: ignore
    body = msgspec.json.decode(answer_error(program, error).content)
    assert body["detail"] == "/name: must have at most 9 characters (and 1 more)"
    assert body["errors"][1]["message"] == f"names no command asset: {hostile}"


def test_stored_reasons_are_said_in_the_language_of_the_page() -> None:
    assert localised("ko", "the device was left out: quarantined: {x}") == "기기가 제외되었습니다: 격리됨: {x}"
    assert localised("en", "its node has been silent") == "its node has been silent"
    assert localised("ko", "what an agent said {x}") == "what an agent said {x}"
