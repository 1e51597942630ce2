"""Installing apps: from a stream (`cmd package install -S N`) or from a file (`pm install PATH`).

Belongs here: what is checked, in which order, and the answers `Success` / `Failure [CODE]`. Must not: parsing of
real APKs; the package name comes from a `package=NAME` line in the archive, else from its checksum.
"""

import hashlib
import io
import re
import zipfile

from rackhand.sim.device import Package, SimDevice
from rackhand.sim.filesystem import FileError

_NAME = re.compile(rb"package=([A-Za-z][\w.]{2,120})")
_VERSION = re.compile(rb"version=(\d{1,9})")
MANIFEST = "AndroidManifest.xml"


def install(device: SimDevice, data: bytes, *, replace: bool = True) -> str:
    """Install an archive; "" if it went well, else the failure code."""
    package, version = "", 1
    failure = failure_before(device, data)
    if not failure:
        package, version = describe(data)
        known = device.packages.get(package)
        if known is not None and not replace:
            failure = "INSTALL_FAILED_ALREADY_EXISTS"
        elif known is not None and version < known.version:
            failure = "INSTALL_FAILED_VERSION_DOWNGRADE"
    if not failure:
        path = f"/data/app/{package}.apk"
        try:
            device.files.write(path, data)
            device.packages[package] = Package(package, ".MainActivity", version, device.now(), path)
        except FileError:
            failure = "INSTALL_FAILED_INSUFFICIENT_STORAGE"
    device.journal.add("installed", package=package, outcome=failure or "Success", size=len(data))
    return failure


def failure_before(device: SimDevice, data: bytes) -> str:
    """What is wrong whatever the archive is called."""
    if device.faults.is_on("install"):
        return device.faults.text("install", "code")
    if device.files.is_full or len(data) > device.files.free_bytes:
        return "INSTALL_FAILED_INSUFFICIENT_STORAGE"
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return "INSTALL_PARSE_FAILED_NOT_APK"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if MANIFEST not in archive.namelist():
            return "INSTALL_PARSE_FAILED_BAD_MANIFEST"
    return ""


def describe(data: bytes) -> tuple[str, int]:
    """Package name and version of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        manifest = archive.read(MANIFEST)
    name, version = _NAME.search(manifest), _VERSION.search(manifest)
    fallback = "app.sim" + hashlib.sha256(data).hexdigest()[:8]
    return (name.group(1).decode() if name else fallback), int(version.group(1)) if version else 1


def uninstall(device: SimDevice, package: str) -> str:
    """Remove an app; "" if it went well, else the failure code."""
    known = device.packages.pop(package, None)
    if known is None:
        return "DELETE_FAILED_INTERNAL_ERROR"
    device.stop_app(package)
    if known.path and device.files.get(known.path):
        device.files.remove(known.path)
    return ""


def make_apk(package: str, version: int = 1, size: int = 0) -> bytes:
    """A tiny archive that the simulator installs as `package` (for demos and tests)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(MANIFEST, f"package={package}\nversion={version}\n")
        archive.writestr("assets/filler.bin", bytes(size))
    return buffer.getvalue()
