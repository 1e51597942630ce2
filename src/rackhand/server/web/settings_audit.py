"""`/settings/audit`: who did what, to what, when and from where, with filters. Nothing here can be changed."""

from typing import Any
from urllib.parse import urlencode

from litestar import get

from rackhand.core.errors import Invalid
from rackhand.engine import audit_log
from rackhand.engine.access import Role
from rackhand.engine.audit_log import FILTERS, PAGE
from rackhand.engine.paging import Page
from rackhand.server.contract import Request, Response, read_query
from rackhand.server.room import Room
from rackhand.server.web.forms import errors_by_field
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.language import locale_of, localised
from rackhand.server.web.page import page, render

_HERE = "/settings/audit"
FAMILIES = {
    "run": N_("Runs and their commands"),
    "session": N_("Logins"),
    "user": N_("Users and passwords"),
    "token": N_("API tokens"),
    "node": N_("Nodes"),
    "device": N_("Devices"),
    "scan": N_("Scans"),
    "asset": N_("Commands"),
    "file": N_("Files"),
    "playbook": N_("Playbooks"),
    "settings": N_("Settings"),
}
"""What the part of an action before its dot is about."""


@get(_HERE, **page(role=Role.ADMIN, query=PAGE | FILTERS))
async def show(request: Request, room: Room) -> Response:
    query = read_query(request)
    given = {name: query[name] or "" for name in FILTERS}
    errors: dict[str, str] = {}
    try:
        view = await room.db.read(audit_log.read, query)
    except Invalid as error:
        locale = locale_of(request)
        errors = {name.rpartition("/")[2]: localised(locale, text) for name, text in errors_by_field(error).items()}
        view = Page((), None)
    return render(
        request,
        "settings/audit.html",
        status=422 if errors else 200,
        view=view,
        given=given,
        errors=errors,
        families=FAMILIES,
        more=None if view.next_cursor is None else f"{_HERE}?{urlencode(given | {'cursor': view.next_cursor})}",
    )


handlers: list[Any] = [show]
