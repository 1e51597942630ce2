"""Saved playbooks: what the builder saves and runs, the list, one playbook with its revisions, and YAML."""

from typing import Any
from urllib.parse import quote, urlencode

from litestar import get, post
from litestar.params import FromPath

from rackhand.core.errors import Invalid, Malformed, RackhandError
from rackhand.core.playbook_diff import StepChange, compare
from rackhand.core.schema import Field, Integer, Text, parse
from rackhand.engine import drafts, imports, playbooks, portable
from rackhand.engine.access import Role
from rackhand.engine.playbooks import PlaybookItem, PlaybookRevision, PlaybookView
from rackhand.engine.yaml_lines import line_of, lines_of
from rackhand.server.contract import Request, Response, actor_of, read_query
from rackhand.server.errors import status_of
from rackhand.server.room import Room
from rackhand.server.web import builder
from rackhand.server.web import draft as drafted
from rackhand.server.web.builder import ON_FAILURE, read_draft
from rackhand.server.web.draft import EDITS, Draft, text_at
from rackhand.server.web.forms import typed, uploads
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.language import locale_of, localised
from rackhand.server.web.page import page, redirect, render, render_again, say
from rackhand.server.web.param_inputs import LABELS
from rackhand.store.db import Tx

_REVISION = Integer(1, 1_000_000)
_PAGE = 50
_SHOWN_REVISIONS = 200
FIELD_NAMES = {
    "title": N_("Title"),
    "kind": N_("Kind"),
    "effect": N_("Effect"),
    "probability": N_("Probability"),
    "timeout_ms": N_("Time limit (s)"),
    "retry_count": N_("Retries"),
    "on_failure": N_("If it fails"),
}


@post("/playbooks", **page(role=Role.OPERATOR, once=True))
async def submit(request: Request, room: Room) -> Response:
    """The builder's buttons: save, run, or one that only changes the form."""
    draft, do = await read_draft(request)
    if do.partition(":")[0] in (*EDITS, "preview"):
        drafted.edit(draft, do, await builder.known_of(room, draft, do))
        plan = await builder.plan_of(room, request, draft) if do == "preview" else None
        return await builder.show(room, request, draft, plan)
    try:
        return await _ENDS.get(do, _save)(request, room, draft)
    except RackhandError as error:
        form = await typed(request)
        return render_again(request, builder.PAGE, error, form, builder=await builder.load(room, request, draft))


async def _save(request: Request, room: Room, draft: Draft) -> Response:
    body = parse(drafts.SAVE, drafted.save_body(draft, await builder.known_of(room, draft)))
    saved = await room.db.write(drafts.save, actor_of(request), body)
    said = say(request, N_("Saved as revision {n}."), n=saved.revision)
    video = text_at(draft.run, "content")
    kept = f"&content={quote(video[:64])}" if video else ""  # a chosen video is of the run, and not of the playbook
    return redirect(request, f"/commands?playbook={saved.id}{kept}", said)


async def _run(request: Request, room: Room, draft: Draft) -> Response:
    body = parse(drafts.RUN, drafted.to_body(draft, await builder.known_of(room, draft)))
    created = await room.begin(drafts.run, actor_of(request), body, room.vault.seal(body["run"]["secrets"]))
    return redirect(request, f"/runs/{created.view.id}")


async def _schedule(request: Request, room: Room, draft: Draft) -> Response:
    """Save it, and go on to the form of a schedule with the target that was chosen."""
    body = parse(drafts.SAVE, drafted.save_body(draft, await builder.known_of(room, draft)))
    saved = await room.db.write(drafts.save, actor_of(request), body)
    pairs = [(name, text) for name, text in (await typed(request)).items() if name.startswith(_SCHEDULED) and text]
    return redirect(request, f"/schedules/new?{urlencode([('playbook', saved.id), *pairs])}")


_ENDS = {"run": _run, "schedule": _schedule}
_SCHEDULED = ("/run/target/", "/run/params/", "/run/policy/", "/run/rollout/")


@get(
    "/playbooks",
    **page(role=Role.VIEWER, query={"q": Field(Text(0, 200), None), "cursor": Field(Text(1, 500), None)}),
)
async def list_saved(request: Request, room: Room) -> Response:
    query = read_query(request)
    found = await room.db.read(playbooks.list_playbooks, query | {"limit": _PAGE, "q": query["q"] or None})
    return render(request, "playbooks/playbooks.html", found=found, q=query["q"] or "", problems=(), document="")


async def recent(room: Room, limit: int = 10) -> tuple[PlaybookItem, ...]:
    """The first playbooks by title, for other pages."""
    return (await room.db.read(playbooks.list_playbooks, {"limit": limit, "cursor": None, "q": None})).items


_PAIR = {"from": Field(_REVISION, None), "to": Field(_REVISION, None)}


@get("/playbooks/{playbook_id:str}", **page(role=Role.VIEWER, query=_PAIR))
async def one(request: Request, room: Room, playbook_id: FromPath[str]) -> Response:
    """A playbook, its revisions, and what changed between two of them."""
    query = read_query(request)
    view, revisions = await room.db.read(_read_one, playbook_id)
    changes: list[StepChange] | None = None
    older, newer = query["from"], query["to"] or view.revision
    if older is not None:
        before, after = await room.db.read(_read_pair, playbook_id, older, newer)
        changes = compare(before.steps, after.steps)
    return render(
        request,
        "playbooks/playbook.html",
        view=view,
        revisions=revisions,
        changes=changes,
        older=older or max(newer - 1, 1),
        newer=newer,
        names=FIELD_NAMES,
        labels=LABELS,
        on_failure=ON_FAILURE,
    )


def _read_one(tx: Tx, playbook_id: str) -> tuple[PlaybookView, tuple[PlaybookRevision, ...]]:
    query = {"limit": _SHOWN_REVISIONS, "cursor": None}
    return playbooks.get_playbook(tx, playbook_id), playbooks.list_revisions(tx, playbook_id, query).items


def _read_pair(tx: Tx, playbook_id: str, older: int, newer: int) -> tuple[PlaybookRevision, PlaybookRevision]:
    load = playbooks.load_revision
    return load(tx, playbook_id, older), load(tx, playbook_id, newer)


@post(
    "/playbooks/{playbook_id:str}/restore/{revision:int}",
    **page(role=Role.OPERATOR, path={"revision": _REVISION}, once=True),
)
async def restore(request: Request, room: Room, playbook_id: FromPath[str], revision: FromPath[int]) -> Response:
    """An old revision's steps as a new revision."""
    saved = await room.db.write(drafts.restore, actor_of(request), playbook_id, revision)
    said = say(request, N_("Revision {old} is in force again, as revision {n}."), old=revision, n=saved.revision)
    return redirect(request, f"/playbooks/{playbook_id}", said)


@post("/playbooks/{playbook_id:str}/archive", **page(role=Role.OPERATOR))
async def archive(request: Request, room: Room, playbook_id: FromPath[str]) -> Response:
    await room.db.write(playbooks.archive_playbook, actor_of(request), playbook_id)
    return redirect(request, "/playbooks", say(request, N_("The playbook was archived; its runs keep their revision.")))


@get("/playbooks/{playbook_id:str}/yaml", **page(role=Role.VIEWER, query={"revision": Field(_REVISION, None)}))
async def download(request: Request, room: Room, playbook_id: FromPath[str]) -> Response:
    """One revision as a YAML file; without one, the current revision, of an archived playbook too."""
    wanted = read_query(request)["revision"]
    found = await room.db.read(_revision, playbook_id, wanted)
    headers = {"Content-Disposition": f'attachment; filename="playbook-{found.playbook_id}-{found.revision}.yaml"'}
    return Response(portable.render(found), media_type="application/yaml", headers=headers)


def _revision(tx: Tx, playbook_id: str, wanted: int | None) -> PlaybookRevision:
    return playbooks.load_revision(tx, playbook_id, wanted or playbooks.get_playbook(tx, playbook_id).revision)


@post("/playbooks/import", **page(role=Role.OPERATOR, once=True))
async def import_document(request: Request, room: Room) -> Response:
    """A YAML document, pasted or as a file, becomes a playbook; what is wrong is told with its lines."""
    raw = await _document(request)
    try:
        document = portable.parse(raw)
        saved = await room.db.write(imports.import_document, actor_of(request), document)
    except (Invalid, Malformed) as error:
        text = raw.decode("utf-8", "replace")
        found = await room.db.read(playbooks.list_playbooks, {"limit": _PAGE, "cursor": None, "q": None})
        values: dict[str, Any] = {"found": found, "q": "", "document": text}
        problems = _problems(request, error, text)
        return render(request, "playbooks/playbooks.html", status=status_of(error), problems=problems, **values)
    return redirect(request, f"/commands?playbook={saved.id}", say(request, N_("The playbook was imported.")))


async def _document(request: Request) -> bytes:
    files = await uploads(request)
    if "/file" in files:
        return await files["/file"].read(portable.MAX_BYTES + 1)
    return (await typed(request)).get("/document", "").replace("\r\n", "\n").encode("utf-8", "replace")


def _problems(request: Request, error: Invalid | Malformed, text: str) -> tuple[tuple[int | None, str, str], ...]:
    """Line, field and message of everything that is wrong."""
    locale = locale_of(request)
    if isinstance(error, Malformed):
        return ((None, "", localised(locale, error.detail)),)
    lines = lines_of(text)
    rows = [(line_of(each.path, lines), each.path, localised(locale, each.message)) for each in error.errors]
    return tuple(sorted(rows, key=lambda row: row[0] or 0))


handlers: list[Any] = [submit, list_saved, one, restore, archive, download, import_document]
