"""Thumbnails: whatever comes in, a small JPEG of our own goes out, or nothing does."""

import asyncio
import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

from rackhand.server import thumbnails
from rackhand.server.thumbnails import HEIGHT, WIDTH, NoImage
from rackhand.sim.screen import SIGNATURE, chunk
from rackhand.sim.video_site import picture


def bomb(side: int) -> bytes:
    """A PNG of a few bytes that would be gigabytes in memory."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def test_an_image_is_made_small_and_loses_whatever_came_with_it() -> None:
    out = BytesIO()
    Image.new("RGBA", (1280, 720), "red").save(out, "WEBP", exif=b"Exif\0\0secret place")
    for content in (picture("dQw4w9WgXcQ"), out.getvalue(), out.getvalue() + b"<script>alert(1)</script>"):
        jpeg = asyncio.run(thumbnails.encoded(content))
        with Image.open(BytesIO(jpeg)) as image:
            assert (image.format, image.size, len(image.getexif())) == ("JPEG", (WIDTH, HEIGHT), 0)
        assert b"script" not in jpeg
        assert thumbnails.data_uri(jpeg).startswith("data:image/jpeg;base64,/9j/")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        picture("x")[:60],
        bomb(3_000),
        bomb(30_000),
        b"BM" + b"\0" * 60,
    ],
)
def test_what_is_no_image_or_too_large_is_refused(content: bytes) -> None:
    with pytest.raises(NoImage):
        asyncio.run(thumbnails.encoded(content))
