"""What people call things, to the ids of the API: a playbook by id, title or YAML file; a run by id or `last`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rackhand.cli.outcome import say
from rackhand.core.errors import Conflict, NotFound

if TYPE_CHECKING:
    from rackhand.cli.client import Client

YAML = "application/yaml"
SUFFIXES = (".yaml", ".yml")


def part(text: str) -> str:
    """What somebody typed, as one part of a path."""
    return quote(text, safe="")


def find_run(client: "Client", name: str) -> str:
    """The id of a run, as a part of a path; `last` is the newest one."""
    if name != "last":
        return part(name)
    newest = client.get("/api/runs", {"limit": 1})["items"]
    if not newest:
        raise NotFound("there is no run yet")
    return str(newest[0]["id"])


def find_playbook(client: "Client", name: str) -> str:
    """The id of a playbook; a YAML file is imported unless an equal playbook is there."""
    if Path(name).suffix.lower() in SUFFIXES:
        return _from_file(client, Path(name))
    titled = _with_title(client, name)
    if len(titled) > 1:
        ids = ", ".join(item["id"] for item in titled)
        raise Conflict(
            "{n} playbooks are called {name!r}; nothing was started: name one by its id: {ids}",
            n=len(titled),
            name=name,
            ids=ids,
        )
    if titled:
        return str(titled[0]["id"])
    try:
        return str(client.get(f"/api/playbooks/{part(name)}")["id"])
    except NotFound:
        raise NotFound(
            "there is no playbook {name!r}; nothing was started: see rackhand playbooks list", name=name
        ) from None


def _with_title(client: "Client", title: str) -> list[dict[str, Any]]:
    found = client.items("/api/playbooks", {"q": title[:200] or None, "limit": 500})
    return [item for item in found if item["title"].casefold() == title.casefold()]


def _from_file(client: "Client", path: Path) -> str:
    from rackhand.engine import portable

    raw = path.read_bytes()
    document = portable.parse(raw)
    for item in _with_title(client, document["title"]):
        if portable.parse(client.send("GET", f"/api/playbooks/{item['id']}/export")) == document:
            return str(item["id"])
    saved = import_playbook(client, raw)
    say(f"Imported {path} as playbook {saved['id']}.")
    return str(saved["id"])


def import_playbook(client: "Client", raw: bytes) -> dict[str, Any]:
    """POST of a YAML document; `{id, revision}`."""
    answer: dict[str, Any] = json.loads(client.send("POST", "/api/playbooks/import", body=raw, content_type=YAML))
    return answer
