"""How a page is declared, drawn and answered: the one place of the Content-Security-Policy, notices and error pages.

@get("/devices", **page(role=Role.VIEWER))
async def devices(request: Request, room: Room) -> Response:
    return render(request, "devices/devices.html", view=await room.db.read(...))
"""

import json
import secrets
import time
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response as LitestarResponse
from litestar.datastructures import Cookie
from markupsafe import Markup

import rackhand
from rackhand.core.clock import Millis
from rackhand.core.disk import Space
from rackhand.core.errors import Invalid, RackhandError
from rackhand.core.schema import Field, Spec, Text
from rackhand.engine.access import Role
from rackhand.engine.todo import of_server
from rackhand.server.contract import Audience, Content, Request, Response, operation
from rackhand.server.errors import PROBLEM_TYPE, status_of
from rackhand.server.web.assets import asset, script_words
from rackhand.server.web.formats import Formats
from rackhand.server.web.forms import FormValues, errors_by_field
from rackhand.server.web.heat import codes_said, draw_tiles
from rackhand.server.web.icons import icon
from rackhand.server.web.language import COOKIE, LOCALES, locale_of, localised, translate, translations
from rackhand.server.web.language import gettext_noop as N_

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HTML = Content(("text/html",))
NOTICE = "rackhand_notice"
TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
_YEAR_S = 31_536_000


def page(
    *,
    role: Role | Audience,
    query: Mapping[str, Spec | Field] | None = None,
    path: Mapping[str, Spec] | None = None,
    once: bool = False,
) -> dict[str, Any]:
    """Arguments for a route decorator of a page or of a form's target. `once`: the form's hidden key makes sending it
    twice do it once."""
    asked: Mapping[str, Spec | Field] | None = {"lang": Field(Text(0, 10), None), **query} if query else None
    return operation(role=role, answers={200: HTML}, query=asked, path=path, idempotent=once, page=True)


def is_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of the page; a page that the browser goes back to is wanted whole."""
    return request.headers.get("hx-request") == "true" and "hx-history-restore-request" not in request.headers


def wants_problem(request: Request) -> bool:
    """Whether forms.ts sent the form and shows errors at their fields itself."""
    return PROBLEM_TYPE in request.headers.get("accept", "")


def render(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> Response:
    """A page, or a part of one, in the language of the request."""
    locale = locale_of(request)
    notice = None if is_fragment(request) else request.cookies.get(NOTICE)
    context = _context(request, locale) | {"notice": _text_of(notice)}
    body = _environment(locale).get_template(template).render(context | values)
    own = {"Content-Security-Policy": CSP, "Vary": "HX-Request, Accept-Language, Cookie", "Cache-Control": "no-store"}
    answer: Response = LitestarResponse(
        body, status_code=status, media_type="text/html", headers=own | dict(headers or {})
    )
    if notice is not None:
        answer.set_cookie(Cookie(key=NOTICE, value="", max_age=0, path="/"))
    if request.query_params.get("lang") in LOCALES:
        answer.set_cookie(Cookie(key=COOKIE, value=locale, max_age=_YEAR_S, path="/", samesite="lax"))
    return answer


def render_again(request: Request, template: str, error: RackhandError, form: FormValues, **values: Any) -> Response:
    """A form that was refused, as it was typed, with the errors at their fields. Raises `error` where JavaScript shows
    them."""
    if wants_problem(request):
        raise error
    locale = locale_of(request)
    return render(
        request,
        template,
        status=status_of(error),
        **values,
        form=form,
        form_errors={name: localised(locale, message) for name, message in errors_by_field(error).items()},
        form_error=alert_of(request, error, form),
    )


def alert_of(request: Request, error: RackhandError, form: FormValues) -> str:
    """What stands above a refused form: of mistakes that stand at their fields only that there are some."""
    if isinstance(error, Invalid) and all(item.path in form for item in error.errors):
        return say(request, N_("Nothing was changed. The fields in question are marked."))
    return localised(locale_of(request), error.detail)


def redirect(request: Request, to: str, notice: str | None = None) -> Response:
    """The end of a form that took effect: go to `to`, and show `notice` (a translated text) there."""
    body = json.dumps({"location": to}).encode()
    status, headers = (200, {}) if wants_problem(request) else (303, {"Location": to})
    answer: Response = LitestarResponse(body, status_code=status, media_type="application/json", headers=headers)
    if notice is not None:
        text = json.dumps({"text": quote(notice[:300])})
        answer.set_cookie(Cookie(key=NOTICE, value=text, max_age=60, path="/", samesite="lax", httponly=True))
    return answer


def say(request: Request, msgid: str, **values: object) -> str:
    """A text in the language of the request."""
    return translate(locale_of(request), msgid, values)


def localised_all(request: Request, texts: Mapping[int, str]) -> dict[int, str]:
    """Texts that the database holds, by number, in the language of the request."""
    locale = locale_of(request)
    return {number: localised(locale, text) for number, text in texts.items()}


def formats_of(request: Request) -> Formats:
    """Formatters for texts that a handler makes itself."""
    return Formats(locale_of(request), _now())


def _now() -> Millis:
    return time.time_ns() // 1_000_000


def _context(request: Request, locale: str) -> dict[str, Any]:
    session = request.scope["state"].get("session")
    actor = request.scope["state"].get("actor")
    role = actor.role if actor is not None else None
    formats = Formats(locale, _now())
    return {
        "lang": locale,
        "other_lang": next(name for name in LOCALES if name != locale),
        "path": request.scope["path"],
        "version": rackhand.__version__,
        "script_words": Markup(script_words(locale)),  # noqa: S704 - our own catalogue, `<` escaped
        "user": session,
        "low_disks": _low_disks(request) if session is not None else (),
        "codes_said": codes_said(locale),
        "draw_tiles": draw_tiles,
        "csrf_token": getattr(session, "csrf_token", ""),
        "csrf_field": lambda: _hidden_fields(getattr(session, "csrf_token", "")),
        "can": lambda wanted: role is not None and role.includes(Role(wanted)),
        "said": partial(localised, locale),  # texts of ours that come from the database or in views
        "form": {},
        "form_errors": {},
        "form_error": None,
        "now": formats.now,
        "moment": formats.moment,
        "ago": formats.ago,
        "since": formats.since,
        "duration": formats.duration,
        "number": formats.number,
        "percent": formats.percent,
        "bytes_": formats.bytes_,
    }


def _low_disks(request: Request) -> tuple[str, ...]:
    """Why no new run starts now: what the to-do list says of each disk that is low. Folders of one disk are one."""
    spaces: tuple[Space, ...] = request.app.state.room.disks.spaces()
    disks = {space.free: space for space in reversed(spaces)}
    return tuple(item.message for item in of_server(list(disks.values()), None, 0))


def _hidden_fields(csrf_token: str) -> Markup:
    pair = (("csrf_token", csrf_token), ("idempotency_key", secrets.token_urlsafe(16)))
    return Markup("").join(Markup('<input type="hidden" name="{}" value="{}">').format(*item) for item in pair)


def _text_of(notice: str | None) -> str | None:
    try:
        text = json.loads(notice or "null")
    except ValueError:
        return None
    return unquote(text["text"]) if isinstance(text, dict) and isinstance(text.get("text"), str) else None


@cache
def _environment(locale: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["merge"] = lambda one, other: {**one, **other}
    environment.globals |= {"asset": asset, "icon": icon, "min": min, "max": max, "zip": zip}
    environment.install_gettext_translations(translations(locale), newstyle=True)  # type: ignore[attr-defined]
    return environment
