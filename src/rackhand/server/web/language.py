"""Which language a request is answered in, and the words of that language (gettext; msgids are the English texts)."""

import gettext
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from babel.core import negotiate_locale
from litestar.connection import ASGIConnection

from rackhand.core.message import Message
from rackhand.core.reasons import recognise

LOCALES = ("en", "ko")
COOKIE = "lang"
FOLDER = Path(__file__).resolve().parent.parent / "locale"

Connection = ASGIConnection[Any, Any, Any, Any]


def gettext_noop(message: str) -> str:
    """Marks a text for the catalogues; it is translated where it is shown."""
    return message


def locale_of(request: Connection) -> str:
    """`en` or `ko`: what the address says (`?lang=`), else the cookie, else the person's choice, else the browser's."""
    session = request.scope["state"].get("session")
    for wanted in (request.query_params.get("lang"), request.cookies.get(COOKIE), getattr(session, "locale", None)):
        if wanted in LOCALES:
            return str(wanted)
    return _negotiate(request.headers.get("accept-language", ""))


def _negotiate(header: str) -> str:
    weighted = [part.partition(";q=") for part in header.replace(" ", "").split(",") if part]
    ranked = sorted(weighted, key=lambda part: -_weight(part[2]))
    return negotiate_locale([name for name, *_ in ranked], LOCALES, sep="-") or LOCALES[0]


def _weight(text: str) -> float:
    try:
        return float(text or 1)
    except ValueError:
        return 0.0


@cache
def translations(locale: str) -> gettext.NullTranslations:
    """The catalogue of a language; English needs none."""
    return gettext.translation("messages", FOLDER, [locale], fallback=locale == LOCALES[0])


def translate(locale: str, msgid: str, values: Mapping[str, object] | None = None) -> str:
    """A text in a language; `{name}` places are filled with `values`, which are never read as a template."""
    text = translations(locale).gettext(msgid) if msgid else ""
    return text.format(**values) if values is not None else text


def localised(locale: str, text: str) -> str:
    """A text that the code or the database holds, in a language: Messages and the reasons that the server writes down
    are translated, what people and agents wrote stays as it is. `str` in every case, for msgspec takes no other."""
    known = text if isinstance(text, Message) else recognise(text)
    return known.translated(partial(translate, locale)) if isinstance(known, Message) else text
