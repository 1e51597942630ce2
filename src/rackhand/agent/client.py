"""HTTP to the server: one call, one answer, one of two errors. Whether to try again is the caller's matter."""

import ssl
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp
import msgspec

from rackhand.agent.servertime import ServerTime
from rackhand.agent.settings import AgentSettings
from rackhand.core.errors import RackhandError
from rackhand.wire.messages import PROTOCOL

_CONNECT_S = 5.0
_CHUNK = 256 * 1024
_PERSISTENT = {
    401: "the server does not know this node's token; enrol the node or rotate its token, then restart the agent",
    403: "the server does not allow this to this node; check --node-id and --token",
    426: "the server speaks another version of the protocol; update the agent",
}


class ServerUnreachable(RackhandError):
    """No answer, or one that says later (5xx, 429). The same request may be sent again."""

    def __init__(self, detail: str, *, retry_after_ms: int = 0) -> None:
        super().__init__("{detail}", detail=detail)
        self.retry_after_ms = retry_after_ms


class ServerRefused(RackhandError):
    """The server answered 4xx. `is_persistent`: it will say so until a human acts."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        hint = _PERSISTENT.get(status)
        text = f"{status} {code}: {detail}" + (f" ({hint})" if hint else "")
        super().__init__("{text}", code=code, text=text)
        self.status = status
        self.is_persistent = hint is not None


class ServerClient:
    """The server as this node sees it. Every call has a total deadline."""

    def __init__(self, settings: AgentSettings, time: ServerTime) -> None:
        self._base = settings.server.rstrip("/")
        is_https = self._base.startswith("https://")
        self._server_name = (settings.server_name or None) if is_https else None
        self._time = time
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {settings.token}", "X-Rackhand-Protocol": str(PROTOCOL)},
            connector=aiohttp.TCPConnector(limit=32, ssl=tls_context(settings.ca_file) if is_https else True),
            auto_decompress=True,
        )

    async def __aenter__(self) -> "ServerClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def post(self, path: str, body: bytes, timeout_ms: int) -> bytes:
        """The body of a 2xx answer."""
        headers = {"Content-Type": "application/json"}
        return await self._call("POST", path, timeout_ms, data=body, headers=headers)

    async def put_file(self, path: str, file: Path, headers: dict[str, str], timeout_ms: int) -> None:
        """Stream a file; the caller has looked that it is there."""
        with file.open("rb") as data:
            await self._call("PUT", path, timeout_ms, data=data, headers=headers)

    async def get_file(self, path: str, target: Path, timeout_ms: int) -> None:
        """Fetch into `target`, going on where an earlier try ended."""
        have = target.stat().st_size if target.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        try:
            async with self._request("GET", path, timeout_ms, headers=headers) as answer:
                if answer.status == 416:  # what is there is all there is, or wrong: the caller checks it
                    return
                await self._raise_for(answer, path)
                with target.open("ab" if answer.status == 206 else "wb") as file:
                    async for piece in answer.content.iter_chunked(_CHUNK):
                        file.write(piece)
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise self._unreachable(error) from None

    async def _call(self, method: str, path: str, timeout_ms: int, **kwargs: Any) -> bytes:
        try:
            async with self._request(method, path, timeout_ms, **kwargs) as answer:
                await self._raise_for(answer, path)
                return bytes(await answer.read())
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise self._unreachable(error) from None

    def _request(self, method: str, path: str, timeout_ms: int, **kwargs: Any) -> Any:
        timeout = aiohttp.ClientTimeout(total=timeout_ms / 1000, sock_connect=_CONNECT_S)
        return self._session.request(
            method,
            self._base + path,
            timeout=timeout,
            allow_redirects=False,
            server_hostname=self._server_name,
            **kwargs,
        )

    def _unreachable(self, error: BaseException) -> ServerUnreachable:
        return ServerUnreachable(f"no answer from {self._base}: {str(error) or type(error).__name__}")

    async def _raise_for(self, answer: aiohttp.ClientResponse, path: str) -> None:
        if answer.status < 300:
            return
        code, detail = _problem(await answer.content.read(64 * 1024))
        if answer.status >= 500 or answer.status == 429:
            raise ServerUnreachable(
                f"{self._base}{path} answered {answer.status} {detail}",
                retry_after_ms=_retry_after_ms(answer.headers.get("Retry-After")),
            )
        raise ServerRefused(answer.status, code, detail or answer.reason or "")


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies the certificate and the name in it, always; RackhandError if the file holds no certificate."""
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise RackhandError(
            "the CA file {path} cannot be used: {reason}; nothing was started", path=ca_file, reason=str(error)
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _problem(body: bytes) -> tuple[str, str]:
    """Code and detail of a problem+json body; empty for anything else."""
    try:
        problem = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return "", body[:200].decode("utf-8", "replace")
    if not isinstance(problem, dict):
        return "", ""
    return str(problem.get("type", "")).rpartition(":")[2], str(problem.get("detail", ""))[:500]


def _retry_after_ms(text: str | None) -> int:
    return min(int(text), 60) * 1000 if text is not None and text.isdigit() else 0
