"""Rackhand's own icons: 24-px strokes, drawn inline so that they take the colour of the text."""
# ruff: noqa: E501 - a path is one line

from functools import cache

from markupsafe import Markup

_PATHS = {
    "alert": "M12 3 2.5 20h19zM12 10v4M12 17.3v.2",
    "battery": "M3 8h15v8H3zM18 10.5h3v3h-3M6 11v2",
    "check": "m5 12.5 4.5 4.5L19 7",
    "chevron": "m9 6 6 6-6 6",
    "clock": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 7.5V12l3 2",
    "code": "m8 7-5 5 5 5M16 7l5 5-5 5M13.5 5l-3 14",
    "commands": "m5 7 5 5-5 5M12 18h7",
    "copy": "M9 8h10a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H9a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1M4 16V5a1 1 0 0 1 1-1h11",
    "dashboard": "M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z",
    "devices": "M8 2.5h8a1.5 1.5 0 0 1 1.5 1.5v16a1.5 1.5 0 0 1-1.5 1.5H8A1.5 1.5 0 0 1 6.5 20V4A1.5 1.5 0 0 1 8 2.5M11 18.5h2",
    "dice": "M5 4h14a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1M8.5 8.5v.1M15.5 8.5v.1M12 12v.1M8.5 15.5v.1M15.5 15.5v.1",
    "down": "m6 9 6 6 6-6",
    "download": "M12 4v11M7 11l5 5 5-5M4 20h16",
    "edit": "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
    "external": "M14 4h6v6M20 4l-9 9M18 14v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1h5",
    "file": "M6 3h8l4 4v14H6zM14 3v4h4",
    "filter": "M3 5h18l-7 8v6l-4-2v-4z",
    "flag": "M6 21V4M6 4.5h12l-3 4 3 4H6",
    "folder": "M3 6h6l2 2h10v11H3z",
    "grip": "M9 5v.1M15 5v.1M9 12v.1M15 12v.1M9 19v.1M15 19v.1",
    "help": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M9.5 9.5a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8M12 16.8v.1",
    "image": "M4 5h16v14H4zM8.5 9.5v.1M4 16l5-4 4 3 3-2 4 3",
    "info": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 11v5M12 7.8v.1",
    "key": "M14.5 4a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M10.5 13.5 4 20h4v-3h3M15.5 8.5v.1",
    "list": "M8 6h12M8 12h12M8 18h12M4 6v.1M4 12v.1M4 18v.1",
    "lock": "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
    "login": "M10 4h9v16h-9M4 12h10M10.5 8l4 4-4 4",
    "logout": "M14 4H5v16h9M10 12h10M16.5 8l4 4-4 4",
    "menu": "M4 7h16M4 12h16M4 17h16",
    "minus": "M5 12h14",
    "moon": "M20 14.5A8 8 0 0 1 9.5 4 8 8 0 1 0 20 14.5",
    "node": "M4 5h16v5H4zM4 14h16v5H4zM7.5 7.5v.1M7.5 16.5v.1",
    "pause": "M8 5v14M16 5v14",
    "pin": "M12 3a6 6 0 0 0-6 6c0 4.5 6 12 6 12s6-7.5 6-12a6 6 0 0 0-6-6M12 9v.1",
    "play": "M7 4.5v15l12-7.5z",
    "plus": "M12 5v14M5 12h14",
    "power": "M12 3v9M6.5 7a8 8 0 1 0 11 0",
    "refresh": "M20 5v5h-5M4 19v-5h5M19 10a7.5 7.5 0 0 0-13-2.5L4 10M5 14a7.5 7.5 0 0 0 13 2.5l2-2.5",
    "runs": "M4 5h16M4 12h10M4 19h13",
    "save": "M5 4h11l3 3v13H5zM8 4v5h7V4M8 20v-6h8v6",
    "scan": "M4 9V5a1 1 0 0 1 1-1h4M15 4h4a1 1 0 0 1 1 1v4M20 15v4a1 1 0 0 1-1 1h-4M9 20H5a1 1 0 0 1-1-1v-4M4 12h16",
    "screenshot": "M4 8h3.5L9 5h6l1.5 3H20v11H4zM12 10.5a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
    "search": "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5 20 20",
    "settings": "M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7M12 2.5v3M12 18.5v3M2.5 12h3M18.5 12h3M5.3 5.3l2.1 2.1M16.6 16.6l2.1 2.1M5.3 18.7l2.1-2.1M16.6 7.4l2.1-2.1",
    "shield": "M12 3 5 6v5c0 5 3 8 7 10 4-2 7-5 7-10V6zM9 12l2.2 2.2L15 10",
    "skip": "M5 5v14l9-7zM18 5v14",
    "stop": "M6 6h12v12H6z",
    "storage": "M5 6c0-1.5 3-2.5 7-2.5s7 1 7 2.5-3 2.5-7 2.5S5 7.5 5 6M5 6v12c0 1.5 3 2.5 7 2.5s7-1 7-2.5V6M5 12c0 1.5 3 2.5 7 2.5s7-1 7-2.5",
    "sun": "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
    "temperature": "M14 13.5V5a2 2 0 0 0-4 0v8.5a4 4 0 1 0 4 0M12 9v7",
    "trash": "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
    "undo": "M9 14 4 9l5-5M4 9h9a7 7 0 0 1 0 14",
    "up": "m6 15 6-6 6 6",
    "upload": "M12 20V9M7 13l5-5 5 5M4 4h16",
    "user": "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8M4.5 20.5a7.5 7.5 0 0 1 15 0",
    "video": "M3 5h18v14H3zM10 9v6l5-3z",
    "wait": "M7 3h10M7 21h10M8 3v3.5l4 5.5 4-5.5V3M8 21v-3.5l4-5.5 4 5.5V21",
    "x": "m6 6 12 12M18 6 6 18",
}


@cache
def icon(name: str) -> Markup:
    """An icon by name; decoration only: the word stands beside it or in the label of its button."""
    return Markup(  # noqa: S704 - constants of this file
        '<svg class="icon" viewBox="0 0 24 24" width="18" height="18" fill="none" stroke="currentColor" '
        'stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">'
        f'<path d="{_PATHS[name]}"/></svg>'
    )
