"""The one client for addresses that people or other servers name (webhooks, content, an OpenID provider): guarded.

Only http and https; only public addresses, looked at after the name was resolved and on the very connection that is
used; each redirect is looked at like the first address; no proxy of the environment; a limit for size and for time.
Hosts and networks that are private and yet wanted are listed in the setting `outbound_allow`.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from rackhand.core.errors import Refused
from rackhand.core.message import Message

MAX_BYTES = 1_048_576
TIMEOUT_S = 10.0
MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Blocked(OSError):
    """A name stands for an address that is not public."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Exceptions from the rule: host names, and networks such as `10.0.0.0/8`."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[str]) -> "Allowed":
        """From the setting: what is no network or address is a host name."""
        hosts, networks = set[str](), list[ipaddress.IPv4Network | ipaddress.IPv6Network]()
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                hosts.add(entry.lower())
        return cls(frozenset(hosts), tuple(networks))

    def admits(self, host: str, address: Address) -> bool:
        """Whether a connection to this address of this host is allowed."""
        return is_public(address) or host.lower() in self.hosts or any(address in net for net in self.networks)


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet; what is embedded in an IPv6 address counts, too."""
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if embedded is None and address in _NAT64:
            embedded = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if embedded is not None:
            return is_public(embedded)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Resolver(AbstractResolver):
    """Resolves names and keeps only the addresses that are allowed: the connection goes to these and no others."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed, self._inner = allowed, aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        kept = [each for each in found if self._allowed.admits(host, ipaddress.ip_address(each["host"]))]
        if not kept:
            raise Blocked(f"{host} has no public address")
        return kept

    async def close(self) -> None:
        await self._inner.close()


@dataclass(frozen=True, slots=True)
class Outbound:
    """`fetch` is all there is. `allowed` comes from the settings; `timeout_s` is for everything together."""

    allowed: Allowed = field(default_factory=Allowed)
    max_bytes: int = MAX_BYTES
    timeout_s: float = TIMEOUT_S

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        redirects: int = MAX_REDIRECTS,
    ) -> Fetched:
        """The answer; Refused (code `outbound`) for an address that is not allowed, and when there is no answer, or one
        that is too large or too late. A redirect is followed by GET, without the body and the headers."""
        try:
            async with asyncio.timeout(self.timeout_s), self._session() as session:
                for _ in range(redirects + 1):
                    self._require_allowed(url)
                    answer = await self._once(session, method, url, body, headers)
                    if answer.status not in _REDIRECTS or "Location" not in answer.headers or not redirects:
                        return answer
                    url, method, body, headers = urljoin(url, answer.headers["Location"]), "GET", None, None
            raise _refused(url, Message("it redirects too often"))
        except TimeoutError as error:
            raise _refused(url, Message("no answer within {n} s", n=self.timeout_s)) from error
        except Blocked as error:
            raise _refused(url, _NOT_PUBLIC) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error.__cause__, Blocked) or isinstance(getattr(error, "os_error", None), Blocked):
                raise _refused(url, _NOT_PUBLIC) from error
            raise _refused(url, str(error) or type(error).__name__) from error

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[aiohttp.ClientSession]:
        connector = aiohttp.TCPConnector(resolver=_Resolver(self.allowed), use_dns_cache=False, limit=1)
        async with aiohttp.ClientSession(
            connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        ) as session:
            yield session

    def _require_allowed(self, url: str) -> None:
        """The scheme, and a literal address, which no resolver is asked about."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise _refused(url, Message("only http and https addresses without a password are fetched"))
        try:
            address = ipaddress.ip_address(parts.hostname.partition("%")[0])
        except ValueError:
            return
        if not self.allowed.admits(parts.hostname, address):
            raise _refused(url, _NOT_PUBLIC)

    async def _once(
        self,
        session: aiohttp.ClientSession,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> Fetched:
        sent = {"Accept-Encoding": "identity", "User-Agent": "rackhand", **(headers or {})}
        async with session.request(method, url, data=body, headers=sent, allow_redirects=False) as answer:
            content = b""
            async for piece in answer.content.iter_chunked(65_536):
                content += piece
                if len(content) > self.max_bytes:
                    raise _refused(url, Message("the answer is larger than {n} bytes", n=self.max_bytes))
            return Fetched(answer.status, answer.headers, content)


_NOT_PUBLIC = Message("its address is not public; an administrator can add it to RACKHAND_OUTBOUND_ALLOW")


def _refused(url: str, reason: str) -> Refused:
    """Names the host only: a path or a query may hold a secret."""
    return Refused(
        "{host} was not fetched: {reason}; nothing was changed",
        host=(urlsplit(url).hostname or url[:80]) if "//" in url else url[:80],
        reason=reason,
        code="outbound",
    )
