"""The check of `rackhand doctor` for phones on USB: may this user open them? Linux only; elsewhere drivers decide."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from rackhand.cli.finding import Finding, Level

SYSFS = Path("/sys/bus/usb/devices")
NODES = Path("/dev/bus/usb")
_ADB = ("ff", "42", "01")
"""Class, subclass and protocol of the interface over which adb speaks."""
_ADVICE = (
    "Install the udev rules for Android (Debian: android-sdk-platform-tools-common), add this user to plugdev, "
    "then plug the phones in again"
)


def check_usb(sysfs: Path = SYSFS, nodes: Path = NODES) -> list[Finding]:
    """One line, or none where there is no sysfs."""
    if not sys.platform.startswith("linux") or not sysfs.is_dir():
        return []
    found = {number: nodes / number for number in phones(sysfs)}
    closed = sorted(number for number, node in found.items() if not os.access(node, os.R_OK | os.W_OK))
    if closed:
        detail = f"{len(closed)} of {len(found)} phones cannot be opened by this user: {', '.join(closed[:5])}"
        return [Finding("usb", Level.FAIL, detail, _ADVICE)]
    if not found:
        return [Finding("usb", Level.OK, "no phone with USB debugging is plugged in here")]
    return [Finding("usb", Level.OK, f"{len(found)} phones with USB debugging, all may be opened")]


def phones(sysfs: Path) -> Iterator[str]:
    """`001/004` of every device that offers adb."""
    for interface in sorted(sysfs.glob("*:*")):
        names = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
        device = sysfs / interface.name.partition(":")[0]
        if tuple(_word(interface / name) for name in names) == _ADB and _word(device / "devnum").isdigit():
            yield f"{int(_word(device / 'busnum')):03d}/{int(_word(device / 'devnum')):03d}"


def _word(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
