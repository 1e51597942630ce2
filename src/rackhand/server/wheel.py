"""Rackhand's own wheel, packed from the files that run here: a node installs from its server, without a checkout."""

import base64
import hashlib
import io
import zipfile
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from litestar import get
from litestar.params import FromPath

import rackhand
from rackhand.core.errors import NotFound
from rackhand.server.contract import PUBLIC, Content, Response, operation

NAME = f"rackhand-{rackhand.__version__}-py3-none-any.whl"
_PACKAGE = Path(rackhand.__file__).parent
_INFO = f"rackhand-{rackhand.__version__}.dist-info"
_WHEEL = "Wheel-Version: 1.0\nGenerator: rackhand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_MOMENT = (2026, 1, 1, 0, 0, 0)
_LEFT_OUT = {"__pycache__", ".stamp"}


@cache
def wheel() -> bytes:
    """The wheel; the same files make the same bytes."""
    files = {path.relative_to(_PACKAGE.parent).as_posix(): path.read_bytes() for path in sorted(_sources())}
    found = distribution("rackhand")
    files[f"{_INFO}/METADATA"] = (found.read_text("METADATA") or "").encode()
    files[f"{_INFO}/WHEEL"] = _WHEEL.encode()
    files[f"{_INFO}/entry_points.txt"] = (found.read_text("entry_points.txt") or "").encode()
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items())
    files[f"{_INFO}/RECORD"] = (record + f"{_INFO}/RECORD,,\n").encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _sources() -> list[Path]:
    return [path for path in _PACKAGE.rglob("*") if path.is_file() and not _LEFT_OUT & set(path.parts)]


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


@get(
    "/dist/{name:str}",
    **operation("The wheel of this version, for new nodes", role=PUBLIC, answers={200: Content(("application/zip",))}),
)
async def download(name: FromPath[str]) -> Response:
    if name != NAME:
        raise NotFound("this server has no such wheel; it has {name}", name=NAME)
    return Response(wheel(), media_type="application/zip", headers={"Cache-Control": "no-cache"})


handlers: list[Any] = [download]
