"""Pictures are valid PNGs that tell devices and apps apart."""

import struct
import zlib

from rackhand.sim.screen import SIGNATURE, Screen


def pixels(png: bytes) -> bytes:
    """The raw rows of a palette PNG, checking every chunk."""
    assert png.startswith(SIGNATURE)
    at, data = 8, b""
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        body = png[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", png, at + 8 + size)[0] == zlib.crc32(kind + body)
        data += body if kind == b"IDAT" else b""
        at += 12 + size
    return zlib.decompress(data)


def test_a_picture_tells_which_device_shows_what() -> None:
    first, second = Screen("SIM00001", "com.android.chrome"), Screen("SIM00002", "com.android.chrome")
    shot = first.picture(0, 50)
    assert len(pixels(shot)) == 136 * 300
    assert first.picture(30_000, 50) is shot
    assert first.picture(60_000, 50) != shot
    assert second.picture(0, 50) != shot
    first.show("com.android.settings")
    assert first.picture(0, 50) != shot
    assert len(shot) < 3000


def test_a_black_picture_is_black() -> None:
    screen = Screen("SIM00001", "com.android.chrome")
    assert set(pixels(screen.picture(0, 50, is_black=True))) == {0}
    screen.is_on = False
    assert set(pixels(screen.picture(0, 50))) == {0}
