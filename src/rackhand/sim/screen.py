"""The screen of one simulated phone and its pictures.

Belongs here: what is shown, drawing, PNG. Must not: commands. Pictures are small (135 x 300), in a palette of a
few colours, and kept until what they show changes.
"""

import struct
import zlib
from dataclasses import dataclass, field

from rackhand.sim.font import WIDTH as GLYPH_WIDTH
from rackhand.sim.font import glyph

WIDTH, HEIGHT = 135, 300
SIGNATURE = b"\x89PNG\r\n\x1a\n"
BACK, BAR, TEXT, DIM, ACCENT = range(5)


@dataclass(slots=True)
class Screen:
    """What a look at the phone would show. `width`/`height` are what `wm size` reports."""

    label: str
    package: str
    activity: str = ""
    note: str = ""
    is_on: bool = True
    is_locked: bool = False
    rotation: int = 0
    width: int = 1080
    height: int = 2400
    density: int = 420
    _cache: tuple[object, bytes] | None = field(default=None, repr=False)

    def show(self, package: str, activity: str = "") -> None:
        """Another app comes to the front."""
        self.package, self.activity, self.note = package, activity, ""

    @property
    def focus(self) -> str:
        """`package/activity`, as dumpsys window writes it."""
        return f"{self.package}/{self.activity}" if self.activity else self.package

    def picture(self, now: int, battery: int, *, is_black: bool = False) -> bytes:
        """A PNG: label, clock (UTC, minutes), battery, app and note; black while the screen is off or secure."""
        minutes = now // 60_000
        clock = f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"
        key = (self.label, clock, battery, self.package, self.note, self.is_locked, is_black or not self.is_on)
        if self._cache is None or self._cache[0] != key:
            canvas = Canvas(WIDTH, HEIGHT)
            if not key[-1]:
                self._draw(canvas, clock, battery)
            self._cache = (key, canvas.png(palette(self.package, bool(key[-1]))))
        return self._cache[1]

    def _draw(self, canvas: "Canvas", clock: str, battery: int) -> None:
        canvas.fill(0, 0, WIDTH, HEIGHT, BACK)
        canvas.fill(0, 0, WIDTH, 16, BAR)
        canvas.text(4, 3, clock, 2, TEXT)
        canvas.text(WIDTH - 36, 3, f"{battery}%", 2, TEXT)
        canvas.text(6, 32, self.label, 3, ACCENT)
        name = self.package.rsplit(".", 1)[-1]
        canvas.fill(6, 70, WIDTH - 12, 60, BAR)
        canvas.text(12, 80, "LOCKED" if self.is_locked else name[:14], 2, TEXT)
        canvas.text(12, 100, self.package[-28:], 1, DIM)
        for row, start in enumerate(range(0, min(len(self.note), 150), 30)):
            canvas.text(8, 145 + 9 * row, self.note[start : start + 30], 1, TEXT)
        canvas.text(6, HEIGHT - 14, "SIMULATED", 2, DIM)


def palette(package: str, is_black: bool) -> bytes:
    """Five RGB colours; the background follows the app, so that tiles of the same app look alike."""
    if is_black:
        return bytes(15)
    hue = zlib.crc32(package.encode("utf-8", "replace"))
    back = bytes(24 + (hue >> shift) % 56 for shift in (0, 8, 16))
    return back + bytes([12, 14, 20, 240, 240, 240, 150, 160, 175, 255, 196, 64])


def chunk(kind: bytes, data: bytes) -> bytes:
    """One PNG chunk with length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


class Canvas:
    """A grid of palette indexes."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._rows = [bytearray(width) for _ in range(height)]

    def fill(self, left: int, top: int, width: int, height: int, colour: int) -> None:
        """A filled rectangle, cut at the edges."""
        left, right = max(0, left), min(self._width, left + width)
        for row in self._rows[max(0, top) : max(0, top + height)]:
            row[left:right] = bytes([colour]) * max(0, right - left)

    def text(self, left: int, top: int, text: str, scale: int, colour: int) -> None:
        """One line of text."""
        for position, character in enumerate(text):
            x = left + position * (GLYPH_WIDTH + 1) * scale
            if x >= self._width:
                return
            for row, dots in enumerate(glyph(character)):
                for column, dot in enumerate(dots):
                    if dot == "#":
                        self.fill(x + column * scale, top + row * scale, scale, scale, colour)

    def png(self, colours: bytes) -> bytes:
        """The picture as an 8-bit palette PNG."""
        raw = b"".join(b"\0" + bytes(row) for row in self._rows)
        header = struct.pack(">IIBBBBB", self._width, self._height, 8, 3, 0, 0, 0)
        return SIGNATURE + b"".join(
            [
                chunk(b"IHDR", header),
                chunk(b"PLTE", colours),
                chunk(b"IDAT", zlib.compress(raw, 6)),
                chunk(b"IEND", b""),
            ]
        )
