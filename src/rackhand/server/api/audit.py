"""The route of the audit log: for administrators, and for programs that copy it elsewhere (a token of scope `read`)."""

from typing import Any

from litestar import get

from rackhand.engine import audit_log
from rackhand.engine.access import Role
from rackhand.engine.audit_log import FILTERS, PAGE, AuditEntry
from rackhand.engine.paging import Page
from rackhand.server.contract import Request, Response, answer, operation, read_query
from rackhand.server.room import Room


@get(
    "/api/audit",
    **operation("Who did what, newest first", role=Role.ADMIN, query=PAGE | FILTERS, answers={200: Page[AuditEntry]}),
)
async def list_audit(request: Request, room: Room) -> Response:
    return answer(await room.db.read(audit_log.read, read_query(request)))


handlers: list[Any] = [list_audit]
