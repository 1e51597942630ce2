"""Addresses of notification channels: checked before they are kept, sealed, and as much of them as may be seen."""

import ipaddress
from urllib.parse import urlsplit

from rackhand.core.errors import FieldError, Invalid
from rackhand.engine.notifications import SealedAddress
from rackhand.server.outbound import Allowed
from rackhand.server.room import Parts


async def seal_address(room: Parts, kind: str, address: str) -> SealedAddress:
    """The address, sealed; Invalid names what is wrong with it. Nothing is sent."""
    wrong = _wrong_webhook(room, address) if kind == "webhook" else await _wrong_chat(room, address)
    if wrong is not None:
        raise Invalid([wrong])
    return SealedAddress(room.vault.seal_text(address), shown_of(kind, address))


def shown_of(kind: str, address: str) -> str:
    """Scheme and host of a webhook, the scheme alone of a chat: the rest may be a password."""
    parts = urlsplit(address)
    if kind == "webhook":
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}/…"
    return f"{address.partition('://')[0][:40]}://…"


def _wrong_webhook(room: Parts, address: str) -> FieldError | None:
    host = _host_of(address)
    if host is None:
        return FieldError("/address", "must be an http or https address without a password in it")
    try:
        literal = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if not Allowed.of(room.settings.outbound_allow).admits(host, literal):
        return FieldError("/address", "is not a public address; an administrator can add it to RACKHAND_OUTBOUND_ALLOW")
    return None


async def _wrong_chat(room: Parts, address: str) -> FieldError | None:
    if "://" not in address:
        return FieldError("/address", "must be an address of Apprise, such as mailto://... or slack://...")
    reason = await room.courier.chat.check(address)
    return None if reason is None else FieldError("/address", "cannot be used: {reason}", {"reason": reason})


def _host_of(address: str) -> str | None:
    """The host of an http or https address; None if it is none, or holds a password."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname if parts.scheme in ("http", "https") and parts.username is None else None
