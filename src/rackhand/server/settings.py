"""The one table of settings. Flags beat RACKHAND_* variables, these beat a TOML file, and that beats the default."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rackhand.core.lease import Periods

MIN_BOOTSTRAP_TOKEN = 32
_PERIODS = Periods()


class SettingError(ValueError):
    """A setting has a value that cannot be used; the message names the setting and where the value came from."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError("must be a whole number")
        try:
            number = int(value)
        except ValueError:
            raise ValueError("must be a whole number") from None
        if not low <= number <= high:
            raise ValueError(f"must be from {low} to {high}")
        return number

    return read


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if str(value).lower() not in words:
        raise ValueError("must be true or false")
    return words[str(value).lower()]


def _names(value: Any) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError("must be names separated by commas")
    return tuple(part.strip().lower() for part in parts if part.strip())


def _folder(value: Any) -> Path:
    return Path(value).expanduser()


def _bootstrap(value: Any) -> str:
    if _text(value) and len(value) < MIN_BOOTSTRAP_TOKEN:
        raise ValueError(f"must have at least {MIN_BOOTSTRAP_TOKEN} characters")
    return str(value)


def _log_format(value: Any) -> str:
    if value not in ("text", "json"):
        raise ValueError("must be text or json")
    return str(value)


def _issuer(value: Any) -> str:
    parts = urlsplit(_text(value))
    is_here = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if value and not (parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and is_here))):
        raise ValueError("must be an https address")
    return str(value)


def _public(value: Any) -> str:
    parts = urlsplit(_text(value))
    if value and not (parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment):
        raise ValueError("must be an http or https address such as https://rack.example.org")
    return str(value).rstrip("/")


def _address(value: Any) -> str:
    parts = urlsplit(_text(value))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an http or https address")
    return str(value)


def _roles(value: Any) -> tuple[str, ...]:
    pairs = value.split(",") if isinstance(value, str) else value
    found = tuple(pair.strip() for pair in pairs if pair.strip())
    if not all(pair.partition("=")[0] and pair.rpartition("=")[2] in ("viewer", "operator", "admin") for pair in found):
        raise ValueError("must be pairs such as qa=operator,lab-admins=admin")
    return found


def _about(read: Callable[[Any], Any], text: str) -> dict[str, Any]:
    return {"read": read, "help": text}


_MS = _whole(1, 604_800_000)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, one field each; RACKHAND_ and the name in capitals is its environment variable."""

    data: Path = field(
        default=Path("rackhand-data"), metadata=_about(_folder, "Folder of the database, uploaded files and artifacts")
    )
    database_url: str = field(
        default="", metadata=_about(_text, "postgresql://... or sqlite:///PATH; empty: SQLite in the data folder")
    )
    database_direct_url: str = field(
        default="",
        metadata=_about(
            _text, "The same PostgreSQL past its transaction pooler, for LISTEN and workers; empty: database_url"
        ),
    )
    storage_url: str = field(
        default="",
        metadata=_about(
            _text, "s3://BUCKET[/PREFIX] for files and artifacts, credentials from AWS_*; empty: the data folder"
        ),
    )
    embedded_jobs: bool = field(
        default=True,
        metadata=_about(_switch, "This server does background jobs itself; off where `rackhand worker` does them"),
    )
    host: str = field(
        default="127.0.0.1",
        metadata=_about(_text, "Address to listen on; beyond loopback it needs TLS or behind_proxy"),
    )
    port: int = field(default=8765, metadata=_about(_whole(0, 65_535), "Port to listen on; 0 picks a free one"))
    allowed_hosts: tuple[str, ...] = field(
        default=(), metadata=_about(_names, "Host names, besides loopback ones, that requests may name")
    )
    behind_proxy: bool = field(
        default=False, metadata=_about(_switch, "A proxy on this machine ends TLS and sets X-Forwarded-*")
    )
    tls_cert: str = field(default="", metadata=_about(_text, "PEM file of the server's certificate chain"))
    tls_key: str = field(default="", metadata=_about(_text, "PEM file of the certificate's private key"))
    bootstrap_token: str = field(
        default="",
        metadata=_about(
            _bootstrap, "An admin API token that is valid while it is set, for automation; at least 32 characters"
        ),
    )
    secret_key: str = field(
        default="",
        metadata=_about(
            _bootstrap,
            "Seals secrets of runs and API keys; the same for all replicas; empty: a file in the data folder",
        ),
    )
    oidc_issuer: str = field(
        default="",
        metadata=_about(_issuer, "Address of an OpenID Connect provider; empty: there is none"),
    )
    oidc_client_id: str = field(default="", metadata=_about(_text, "This server's id at the provider"))
    oidc_client_secret: str = field(default="", metadata=_about(_text, "This server's secret at the provider"))
    oidc_name: str = field(default="single sign-on", metadata=_about(_text, "What the login page calls the provider"))
    oidc_scopes: str = field(
        default="openid profile email", metadata=_about(_text, "What the provider is asked for, separated by spaces")
    )
    oidc_role_claim: str = field(
        default="groups", metadata=_about(_text, "Claim of the ID token that roles follow from; a.b reads b in a")
    )
    oidc_roles: tuple[str, ...] = field(
        default=(),
        metadata=_about(_roles, "VALUE=ROLE pairs, such as qa=operator,lab-admins=admin; who has none is not let in"),
    )
    oidc_domains: tuple[str, ...] = field(
        default=(), metadata=_about(_names, "Domains that a verified e-mail address must be of; empty: any")
    )
    outbound_allow: tuple[str, ...] = field(
        default=(),
        metadata=_about(_names, "Hosts and networks that are not public and that the server may fetch from"),
    )
    public_url: str = field(
        default="",
        metadata=_about(_public, "Address that people open this server at, for links in messages; empty: no links"),
    )
    content_api_url: str = field(
        default="https://www.googleapis.com/youtube/v3",
        metadata=_about(_address, "Address of the video source's Data API v3, without the name of an endpoint"),
    )
    log_format: str = field(default="text", metadata=_about(_log_format, "text or json"))
    traces: bool = field(
        default=False,
        metadata=_about(_switch, "Export a trace of each run by OpenTelemetry (extra otel)"),
    )
    max_body_bytes: int = field(
        default=16_777_216, metadata=_about(_whole(1024, 1 << 30), "Largest request body, uploads left out")
    )
    max_file_bytes: int = field(
        default=2_147_483_648, metadata=_about(_whole(1024, 1 << 40), "Largest uploaded script, APK or other file")
    )
    max_artifact_bytes: int = field(
        default=536_870_912, metadata=_about(_whole(1024, 1 << 40), "Largest artifact that a node may upload")
    )
    min_free_mb: int = field(
        default=1024, metadata=_about(_whole(0, 1 << 30), "Less free space than this on the server's disks: no new run")
    )
    callback_queue: int = field(
        default=50_000, metadata=_about(_whole(1, 10_000_000), "Events that may wait for their commit before 503")
    )
    database_pool: int = field(default=10, metadata=_about(_whole(2, 200), "Connections to PostgreSQL"))
    statement_cache: bool = field(
        default=True, metadata=_about(_switch, "Off for PostgreSQL behind a transaction pooler")
    )
    lease_ms: int = field(
        default=_PERIODS.lease_ms, metadata=_about(_MS, "How long a lease lasts unless a heartbeat renews it")
    )
    beat_ms: int = field(default=_PERIODS.beat_ms, metadata=_about(_MS, "How often a node reports"))
    node_gone_ms: int = field(
        default=_PERIODS.node_gone_ms,
        metadata=_about(_MS, "Queued device runs of a node silent for longer are skipped_offline"),
    )
    retention_ms: int = field(
        default=600_000, metadata=_about(_MS, "How often history that is kept no longer is removed")
    )
    schedule_ms: int = field(default=5_000, metadata=_about(_MS, "How often schedules that are due are looked for"))
    misfire_ms: int = field(
        default=300_000, metadata=_about(_MS, "A scheduled time that nobody got to for longer than this is missed")
    )
    notice_ms: int = field(
        default=5_000, metadata=_about(_MS, "How often what happened is looked for, and messages are sent")
    )
    sweep_ms: int = field(
        default=_PERIODS.sweep_ms, metadata=_about(_MS, "How often what passed its deadline is closed")
    )
    sweep_gap_ms: int = field(
        default=_PERIODS.sweep_gap_ms,
        metadata=_about(_MS, "A longer pause of all servers is forgiven: no deadline passes in it"),
    )
    scan_deadline_ms: int = field(
        default=_PERIODS.scan_deadline_ms, metadata=_about(_MS, "A scan job that takes longer is timed_out")
    )
    pull_wait_ms: int = field(
        default=_PERIODS.pull_wait_ms, metadata=_about(_MS, "The longest that a node's pull waits for work")
    )
    upload_window_ms: int = field(
        default=_PERIODS.upload_window_ms, metadata=_about(_MS, "How long after its lease an artifact may be uploaded")
    )
    activity_window_ms: int = field(
        default=_PERIODS.activity_window_ms, metadata=_about(_MS, "How long a tile shows its last device run")
    )
    probe_write_ms: int = field(
        default=_PERIODS.probe_write_ms,
        metadata=_about(_MS, "How often the last probe of an unchanged device is written"),
    )
    server: str = field(
        default="http://127.0.0.1:8765", metadata=_about(_text, "Client commands: the server's address")
    )
    token: str = field(default="", metadata=_about(_text, "Client commands: the API token"))

    @property
    def periods(self) -> Periods:
        return Periods(**{item.name: getattr(self, item.name) for item in fields(Periods)})


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the table."""

    name: str
    type: str
    default: Any
    help: str
    read: Callable[[Any], Any]

    @property
    def variable(self) -> str:
        return f"RACKHAND_{self.name.upper()}"


SETTINGS = tuple(
    Setting(
        item.name,
        getattr(item.type, "__name__", str(item.type)),
        item.default,
        item.metadata["help"],
        item.metadata["read"],
    )
    for item in fields(Settings)
)
"""The table; docs/settings.md and `--help` are made from it."""


def load(flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None = None) -> Settings:
    """Settings from flags (None = not given), RACKHAND_* variables and a TOML file; SettingError names the culprit."""
    from_file = {} if file is None else _read_toml(file)
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        if flags.get(setting.name) is not None:
            values[setting.name] = _checked(setting, flags[setting.name], f"--{setting.name.replace('_', '-')}")
        elif setting.variable in environment:
            values[setting.name] = _checked(setting, environment[setting.variable], setting.variable)
        elif setting.name in from_file:
            values[setting.name] = _checked(setting, from_file[setting.name], f"{setting.name} in {file}")
    return Settings(**values)


def _checked(setting: Setting, value: Any, source: str) -> Any:
    try:
        return setting.read(value)
    except (TypeError, ValueError) as error:
        raise SettingError(f"{source}: {error}") from error


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(f"the settings file {file} cannot be read: {error}") from error
    unknown = sorted(set(content) - {setting.name for setting in SETTINGS})
    if unknown:
        raise SettingError(f"{unknown[0]} in {file}: is not a known setting")
    return content
