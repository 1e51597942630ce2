"""Built files of the front end: names with their hash, served for ever; and the words that TypeScript needs."""

import json
from functools import cache
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from litestar import get
from litestar.params import FromPath

from rackhand.core.errors import NotFound
from rackhand.server.contract import PUBLIC, Content, Response, operation
from rackhand.server.web.language import translations

DIST = Path(__file__).resolve().parent.parent / "static" / "dist"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".txt": "text/plain"}


class NotBuilt(RuntimeError):
    """The checkout has no front end yet."""


@cache
def manifest() -> dict[str, str]:
    """Source name -> built name, such as `main.ts` -> `main-5QX.js`."""
    names: dict[str, str] = _read("manifest.json")
    return names


def asset(name: str) -> str:
    """The address of a built file."""
    return f"/static/dist/{manifest()[name]}"


@cache
def script_words(locale: str) -> str:
    """JSON of msgid -> text for the texts of TypeScript that this language says otherwise; safe inside `<script>`."""
    catalogue = translations(locale)
    pairs = {msgid: catalogue.gettext(msgid) for msgid in _read("messages.json")}
    shown = {msgid: text for msgid, text in pairs.items() if msgid != text}
    return json.dumps(shown, ensure_ascii=False).replace("<", "\\u003c")


def _read(name: str) -> Any:
    try:
        return json.loads((DIST / name).read_text(encoding="utf-8"))
    except OSError as error:
        raise NotBuilt(
            f"the front end is not built ({error}): run `make setup`, or install Rackhand's wheel"
        ) from error


@get(
    "/static/dist/{name:str}",
    **operation("A built file", role=PUBLIC, answers={200: Content(tuple(sorted(_TYPES.values())))}, page=True),
)
async def built(name: FromPath[str]) -> Response:
    path = DIST / name
    if path.suffix not in _TYPES or path.parent != DIST or not path.is_file():
        raise NotFound("there is no such built file")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    kind = guess_type(name)[0] or _TYPES[path.suffix]
    return Response(path.read_bytes(), media_type=kind, headers=headers)


handlers: list[Any] = [built]
