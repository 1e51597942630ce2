"""`BlobStore` over S3-compatible object storage, by obstore. Credentials come from the environment (AWS_*).

A content is received into a local file first, so that its size and digest are known before the first byte is sent;
the upload (in parts, where large) becomes visible at its end only. What an abandoned upload left in the bucket is the
bucket's own to remove, by a lifecycle rule.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterable, AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError
from obstore.store import S3Store

from rackhand.core.errors import Busy, NotFound
from rackhand.store.blobs import CHUNK, INCOMING, Blob, key_of, receive, remove_old_files, require_key

if TYPE_CHECKING:  # obstore has these two for type checkers only
    from obstore.store import ClientConfig, RetryConfig

PART_BYTES = 8 * 1024 * 1024
"""Larger contents go up in parts of this size, a few at a time."""
_CLIENT: "ClientConfig" = {
    "connect_timeout": timedelta(seconds=5),
    "read_timeout": timedelta(seconds=30),
    "timeout": timedelta(hours=1),
}
_RETRY: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=15)}
"""Short: a node that hears "busy" keeps its file and sends it again."""


class S3Blobs:
    """`url` is s3://BUCKET[/PREFIX]; ValueError if it is not. `folder` holds what is being received."""

    def __init__(self, url: str, folder: Path) -> None:
        if not url.startswith("s3://") or not url.removeprefix("s3://").strip("/"):
            raise ValueError(f"not an address of object storage: {url!r}; known is s3://BUCKET[/PREFIX]")
        is_http_allowed = os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true"  # obstore's own word for it
        client: ClientConfig = {**_CLIENT, "allow_http": is_http_allowed}
        self._store = S3Store.from_url(url, client_options=client, retry_config=_RETRY)
        self._folder = folder / INCOMING

    async def put(
        self, key: str | None, chunks: AsyncIterable[bytes], *, max_size: int, expected_sha256: str | None = None
    ) -> Blob:
        if key is not None:
            require_key(key)
        part = self._folder / uuid.uuid4().hex
        try:
            size, digest = await receive(part, chunks, max_size, expected_sha256)
            name = key or key_of(digest)
            await self._store.put_async(name, part, chunk_size=PART_BYTES, use_multipart=size > PART_BYTES)
            return Blob(name, size, digest)
        except BaseError as error:
            raise _busy(error) from error
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)

    async def open(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        size = await self.size(key)
        if size is None:
            raise NotFound("the content is not here")
        end = size if length is None else min(start + length, size)
        return self._read(key, start, end)

    async def _read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        if start >= end:  # which a range cannot say
            return
        try:
            found = await self._store.get_async(key, options={"range": (start, end)})
            async for chunk in found.stream(min_chunk_size=CHUNK):
                yield bytes(chunk)
        except (BaseError, FileNotFoundError) as error:
            raise _busy(error) from error

    async def size(self, key: str) -> int | None:
        try:
            return (await self._store.head_async(require_key(key)))["size"]
        except (FileNotFoundError, ValueError):
            return None
        except BaseError as error:
            raise _busy(error) from error

    async def delete(self, key: str) -> None:
        try:
            await self._store.delete_async(require_key(key))
        except FileNotFoundError:
            return
        except BaseError as error:
            raise _busy(error) from error

    async def tidy(self, older_than_s: float) -> int:
        return await asyncio.to_thread(remove_old_files, self._folder, older_than_s)


def _busy(error: Exception) -> Busy:
    reason = " ".join(str(error).split())[:200]
    return Busy("the object storage cannot do this now ({reason}); send the same request again", reason=reason)
