"""What is written in a message: the JSON body of a webhook, and the title and text for chats and mails."""

import json
from collections.abc import Sequence

from rackhand.core.clock import to_rfc3339
from rackhand.core.happenings import Happening, message_of
from rackhand.core.reasons import recognise
from rackhand.engine.postal import Parcel
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.language import localised, translate
from rackhand.store.happenings import HappeningRow

TITLE, TITLE_OF_MANY = N_("Rackhand: {sentence}"), N_("Rackhand: {n} messages")


def sentence(language: str, row: HappeningRow) -> str:
    """One happening in a language; reasons of ours inside it as well."""
    values = {name: recognise(value) if isinstance(value, str) else value for name, value in row.data.items()}
    return localised(language, message_of(Happening(row.kind), values))


def link(public_url: str, path: str) -> str | None:
    """Where people can look; None if the server does not know its own address."""
    return f"{public_url}{path}" if public_url else None


def body_of(parcel: Parcel, public_url: str) -> bytes:
    """The body of a webhook: the same bytes in every try."""
    told = [
        {
            "id": row.id,
            "kind": row.kind,
            "at": to_rfc3339(row.at),
            "subject": row.subject,
            "message": sentence(parcel.channel.language, row),
            "url": link(public_url, row.path),
            "data": row.data,
        }
        for row in parcel.happenings
    ]
    head = {"id": parcel.delivery.id, "created_at": to_rfc3339(parcel.delivery.created_at)}
    return json.dumps(head | {"test": parcel.delivery.is_test, "happenings": told}, ensure_ascii=False).encode()


def letter_of(parcel: Parcel, public_url: str) -> tuple[str, str]:
    """(title, text) for people."""
    language, rows = parcel.channel.language, parcel.happenings
    lines = [_line(language, row, public_url) for row in rows]
    return _title(language, rows), "\n".join(lines)


def _line(language: str, row: HappeningRow, public_url: str) -> str:
    where = link(public_url, row.path)
    return sentence(language, row) + (f"\n{where}" if where else "")


def _title(language: str, rows: Sequence[HappeningRow]) -> str:
    if len(rows) == 1:
        return translate(language, TITLE, {"sentence": sentence(language, rows[0])})[:200]
    return translate(language, TITLE_OF_MANY, {"n": len(rows)})
