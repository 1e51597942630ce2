"""Streamed install (`cmd package install -S <size>`), and what each refusal of the package manager means."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from rackhand.agent.adb.errors import InstallError, shorten
from rackhand.agent.adb.feed import send_file, send_until_answered
from rackhand.agent.adb.protocol import decode_text
from rackhand.agent.adb.stream import Stream

_CHUNK = 64 * 1024
_MAX_ANSWER = 64 * 1024
_FAILURE = re.compile(r"Failure\s*\[(?P<code>[A-Z][A-Z0-9_]*)\s*(?::\s*(?P<detail>[^\]]*))?")


@dataclass(frozen=True, slots=True)
class Remedy:
    """What can be done about a refusal: try again, uninstall first, or call a human."""

    hint: str
    may_retry: bool = False
    needs_uninstall: bool = False
    needs_human: bool = False


UNKNOWN = Remedy("Read the device's message", needs_human=True)
REMEDIES = {
    "INSTALL_FAILED_INSUFFICIENT_STORAGE": Remedy("Free space on the device", needs_human=True),
    "INSTALL_FAILED_UPDATE_INCOMPATIBLE": Remedy("Signed by another key: uninstall it first", needs_uninstall=True),
    "INSTALL_FAILED_VERSION_DOWNGRADE": Remedy("A newer version is installed", needs_uninstall=True),
    "INSTALL_FAILED_SHARED_USER_INCOMPATIBLE": Remedy("Uninstall the other app first", needs_uninstall=True),
    "INSTALL_FAILED_ALREADY_EXISTS": Remedy("Set replace, or uninstall it first", needs_uninstall=True),
    "INSTALL_FAILED_DUPLICATE_PERMISSION": Remedy("Another app owns a permission", needs_uninstall=True),
    "INSTALL_FAILED_CONFLICTING_PROVIDER": Remedy("Another app owns a provider", needs_uninstall=True),
    "INSTALL_FAILED_USER_RESTRICTED": Remedy(
        "Allow install over USB in the developer options (on MIUI a second switch)", needs_human=True
    ),
    "INSTALL_FAILED_VERIFICATION_FAILURE": Remedy("The verifier on the device refused it", needs_human=True),
    "INSTALL_FAILED_VERIFICATION_TIMEOUT": Remedy("The verifier did not answer", may_retry=True),
    "INSTALL_FAILED_ABORTED": Remedy("Cancelled on the device, or interrupted", may_retry=True),
    "INSTALL_FAILED_INTERNAL_ERROR": Remedy("The package manager failed by itself", may_retry=True),
    "INSTALL_FAILED_MEDIA_UNAVAILABLE": Remedy("Storage is not mounted (yet)", may_retry=True),
    "INSTALL_FAILED_DEXOPT": Remedy("Out of space or memory while optimising", may_retry=True),
    "INSTALL_FAILED_TEST_ONLY": Remedy("A test-only build: build a release", needs_human=True),
    "INSTALL_FAILED_OLDER_SDK": Remedy("The app needs a newer Android", needs_human=True),
    "INSTALL_FAILED_DEPRECATED_SDK_VERSION": Remedy("The app targets too old an Android", needs_human=True),
    "INSTALL_FAILED_NO_MATCHING_ABIS": Remedy("The app is built for another processor", needs_human=True),
    "INSTALL_FAILED_MISSING_SPLIT": Remedy("This is one part of a split app", needs_human=True),
    "INSTALL_FAILED_INVALID_APK": Remedy("The file is damaged", needs_human=True),
    "INSTALL_FAILED_BAD_SIGNATURE": Remedy("The signature does not fit the file", needs_human=True),
    "INSTALL_PARSE_FAILED_NOT_APK": Remedy("The file is not an APK", needs_human=True),
    "INSTALL_PARSE_FAILED_BAD_MANIFEST": Remedy("The manifest cannot be read", needs_human=True),
    "INSTALL_PARSE_FAILED_NO_CERTIFICATES": Remedy("The APK is not signed", needs_human=True),
    "INSTALL_PARSE_FAILED_UNEXPECTED_EXCEPTION": Remedy("The file is damaged", needs_human=True),
    "DELETE_FAILED_INTERNAL_ERROR": Remedy("Not installed, or the package manager failed", needs_human=True),
    "DELETE_FAILED_DEVICE_POLICY_MANAGER": Remedy("A device administrator protects it", needs_human=True),
    "DELETE_FAILED_OWNER_BLOCKED": Remedy("A device policy protects it", needs_human=True),
}


def service_for(apk: Path, *, replace: bool, grant: bool) -> str:
    """The service that takes the APK's bytes on its input."""
    flags = ("-r " if replace else "") + ("-g " if grant else "")
    return f"exec:cmd package install {flags}-S {apk.stat().st_size}"


async def install(stream: Stream, serial: str, apk: Path) -> str:
    """Send the APK and read the verdict; the device's answer, or InstallError."""
    answer = await send_until_answered(send_file(stream, apk, _CHUNK, bytes, b""), _answer(stream))
    if _says_success(answer):
        return answer
    raise failure(answer, serial)


async def _answer(stream: Stream) -> str:
    """All that the device says until it closes; the end of an oversized answer is dropped."""
    answer = bytearray()
    while piece := await stream.read_some():
        answer += piece[: _MAX_ANSWER - len(answer)]
    if not answer:  # the stream ended without a word: the device went away
        raise asyncio.IncompleteReadError(b"", None)
    return decode_text(bytes(answer)).strip()


def _says_success(answer: str) -> bool:
    return any(line.strip() == "Success" for line in answer.splitlines())


def failure(answer: str, serial: str) -> InstallError:
    """The typed error for what the package manager said."""
    match = _FAILURE.search(answer)
    code = match["code"] if match else "UNKNOWN"
    detail = (match["detail"] if match else "") or answer or "no answer"
    remedy = REMEDIES.get(code, UNKNOWN)
    return InstallError(
        code,
        shorten(detail, 300),
        hint=remedy.hint,
        may_retry=remedy.may_retry,
        needs_uninstall=remedy.needs_uninstall,
        needs_human=remedy.needs_human,
        serial=serial,
    )
