"""Tiles of the heatmap as HTML, by f-strings: ten times as fast as a template loop, and 10,000 of them are one page.

Every value in a tile is a number or an escaped text; of what people typed only the reason of a quarantine goes there.
"""

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from rackhand.core.heatmap import Activity
from rackhand.engine.racks import Rack
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.language import translate

DOTS_FROM = 1_000
"""From more devices than this on, tiles start as dots."""
ACTIVITIES = (N_("idle"), N_("running"), N_("waiting"), N_("error"), N_("done"))
ONLINE, OFFLINE = N_("online"), N_("offline")


def codes_said(locale: str) -> list[str]:
    """What is said of each code 0..15: `online · done`."""
    words = [translate(locale, word) for word in ACTIVITIES]
    states = (translate(locale, OFFLINE), translate(locale, ONLINE))
    return [f"{states[number >> 3]} · {words[min(number & 7, Activity.DONE)]}" for number in range(16)]


def draw_tiles(rack: Rack, base: str, said: Sequence[str], why: Mapping[int, str]) -> Markup:
    """The tiles of a rack; links go to `base/<index>`. `why`: the tooltips of devices that no run may use."""
    shown = ((index, f"{index} · {why[index]}") for index, _ in rack.tiles if index in why)
    titles = {index: f' title="{escape(text)}"' for index, text in shown}
    texts, start = [str(escape(text)) for text in said], str(escape(base))
    return Markup(  # noqa: S704 - numbers, and texts escaped above
        "".join(
            f'<a class="t" data-drawer data-i="{index}" data-c="{tile_code}" href="{start}/{index}" '
            f'aria-label="{index} · {texts[tile_code]}"{titles.get(index, "")}>{index}</a>'
            for index, tile_code in rack.tiles
        )
    )
