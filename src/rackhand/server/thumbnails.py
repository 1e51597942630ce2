"""Thumbnails: fetched by the server, decoded with limits, made small and encoded again. Pages show only our own copies.

Decoding and encoding again leaves nothing of the file that came in: no metadata, no second meaning.
"""

import asyncio
import warnings
from base64 import b64encode
from io import BytesIO

from PIL import Image, UnidentifiedImageError

WIDTH, HEIGHT = 320, 180
MOST_PIXELS = 4_000_000
MEDIA_TYPE = "image/jpeg"
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")


class NoImage(ValueError):
    """The content is no image that is shown here."""


async def encoded(content: bytes) -> bytes:
    """The image as a JPEG that fits 320 by 180; NoImage if it is none, or is too large to decode."""
    return await asyncio.to_thread(_encode, content)


def data_uri(jpeg: bytes) -> str:
    """For a preview, which is stored nowhere."""
    return f"data:{MEDIA_TYPE};base64,{b64encode(jpeg).decode()}"


def _encode(content: bytes) -> bytes:
    try:
        with warnings.catch_warnings(), Image.open(BytesIO(content), formats=_FORMATS) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if image.width * image.height > MOST_PIXELS:
                raise NoImage("the image has too many pixels")
            image.draft("RGB", (WIDTH * 2, HEIGHT * 2))
            small = image.convert("RGB")
            small.thumbnail((WIDTH, HEIGHT))
            out = BytesIO()
            small.save(out, "JPEG", quality=80, optimize=True)
            return out.getvalue()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise NoImage("the content is no image") from error
