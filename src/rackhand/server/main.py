"""`rackhand serve`: opens the database, binds the socket, runs uvicorn and ends within three seconds of a signal."""

import asyncio
import contextlib
import ipaddress
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from rackhand.core.errors import Conflict
from rackhand.core.traces import Tracer, untraced
from rackhand.engine import login_links
from rackhand.server.app import make_app, room_of
from rackhand.server.settings import SettingError, Settings
from rackhand.store import schema
from rackhand.store.connect import make_database

GRACE_S = 2


class Server(uvicorn.Server):
    """uvicorn that ends long polls first, so that they do not hold up the shutdown."""

    def __init__(self, config: uvicorn.Config, end_polls: Callable[[], None], ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_polls, self._ready = end_polls, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal ends it in order; a second one, whichever, does not wait for requests any more."""
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals as uvicorn does, but do not raise them again: `serve` returns and closes the database."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._end_polls()
        await super().shutdown(sockets)


Ready = Callable[[str, str | None], None]
"""Gets the address once it answers, and the secret of a one-time link while no administrator has a password."""


def run(settings: Settings, ready: Ready, trace: Tracer = untraced) -> None:
    """`serve` in an event loop of its own: uvloop where it is installed."""
    factory = uvicorn.Config("", log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(settings, ready, trace))


async def serve(settings: Settings, ready: Ready, trace: Tracer = untraced) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is called once it answers. SettingError or Conflict before that."""
    check_binding(settings)
    check_tls(settings)
    settings.data.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(bind(settings)) as sock:
        database = make_database(
            settings.database_url or None,
            settings.data,
            statement_cache=settings.statement_cache,
            pool_size=settings.database_pool,
            direct_url=settings.database_direct_url,
        )
        await database.start()
        try:
            await schema.upgrade(database)
            secret = await database.write(login_links.first_link)
            app = make_app(database, settings, trace)
            end_polls = room_of(app).wakeups.close
            server = Server(_config(app, settings), end_polls, lambda: ready(address(settings, sock), secret))
            await server.serve(sockets=[sock])
        finally:
            await database.close()


def check_binding(settings: Settings) -> None:
    """SettingError for an address beyond loopback that nobody encrypts."""
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise SettingError("RACKHAND_TLS_CERT and RACKHAND_TLS_KEY belong together; only one is set")
    if not (is_loopback(settings.host) or settings.tls_cert or settings.behind_proxy):
        raise SettingError(
            f"RACKHAND_HOST: {settings.host} is reachable from other machines and tokens would travel in clear text; "
            "set tls_cert and tls_key, or behind_proxy if a proxy ends TLS"
        )


def check_tls(settings: Settings) -> None:
    """SettingError if certificate and key cannot be read or do not belong together."""
    if not settings.tls_cert:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise SettingError(f"RACKHAND_TLS_CERT and RACKHAND_TLS_KEY cannot be used: {error}") from error


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bind(settings: Settings) -> socket.socket:
    """A bound socket, so that port 0 is known before anything else starts; Conflict if the port is taken.

    It names its protocol, as only then asyncio switches Nagle's algorithm off, which holds an answer back for 40 ms.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((settings.host, settings.port))
    except OSError as error:
        sock.close()
        raise Conflict(
            "cannot listen on {host}:{port}: {reason}; nothing was started: choose another --port, or 0 for a free one",
            host=settings.host,
            port=settings.port,
            reason=error.strerror,
            code="port",
        ) from error
    return sock


def address(settings: Settings, sock: socket.socket) -> str:
    """The URL that the server answers at."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.tls_cert else 'http'}://{host}:{sock.getsockname()[1]}"


def _config(app: object, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips="127.0.0.1",
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=75,
        ssl_certfile=settings.tls_cert or None,
        ssl_keyfile=settings.tls_key or None,
    )
