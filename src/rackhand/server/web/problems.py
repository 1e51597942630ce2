"""Errors of pages: to the login without a session, an error page for a browser, problem+json for everybody else."""

from urllib.parse import quote

import msgspec
from litestar import Request as LitestarRequest
from litestar import Response as LitestarResponse

from rackhand.core.errors import NotAuthenticated
from rackhand.server.contract import Operation, Request, Response
from rackhand.server.errors import answer_error
from rackhand.server.web.page import is_fragment, render, wants_problem


def answer(request: LitestarRequest, error: Exception) -> Response:  # type: ignore[type-arg]
    """Litestar's exception handler for everything."""
    problem = answer_error(request, error)
    if not _wants_page(request):
        return problem
    if isinstance(error, NotAuthenticated) and request.method == "GET":
        return LitestarResponse(b"", status_code=303, headers={"Location": f"/login?next={quote(_here(request))}"})
    shown = msgspec.json.decode(problem.content)
    return render(
        request,
        "error.html",
        status=problem.status_code or 500,
        headers=dict(problem.headers),
        code=shown["status"],
        title=shown["title"],
        detail=shown["detail"],
        back=_here(request) if request.method == "GET" and shown["status"] >= 500 else None,
    )


def _wants_page(request: Request) -> bool:
    if is_fragment(request) or wants_problem(request) or request.scope["path"].startswith("/api/"):
        return False
    handler = request.scope.get("route_handler")
    declared: Operation | None = handler.opt.get("operation") if handler is not None else None
    return "text/html" in request.headers.get("accept", "") or (declared is not None and declared.is_page)


def _here(request: Request) -> str:
    query = request.scope["query_string"].decode("latin-1")
    return str(request.scope["path"]) + (f"?{query}" if query else "")
