"""A file that came along with a form: kept by content and registered, as POST /api/files does."""

import re
from collections.abc import AsyncIterator

from litestar.datastructures import UploadFile

from rackhand.engine import files
from rackhand.server.contract import Request, actor_of
from rackhand.server.room import Parts
from rackhand.store.blobs import CHUNK

_NO_NAME = re.compile(r"[/\\:\x00-\x1f\x7f]")


async def keep(request: Request, room: Parts, sent: UploadFile) -> str:
    """The sha256 of the file."""

    async def chunks() -> AsyncIterator[bytes]:
        while part := await sent.read(CHUNK):
            yield part

    blob = await room.files.put(None, chunks(), max_size=room.settings.max_file_bytes)
    name = _NO_NAME.sub("_", sent.filename)[-255:] or "file"
    await room.db.write(files.register, actor_of(request), blob.sha256, blob.size, name, sent.content_type[:200])
    return blob.sha256
