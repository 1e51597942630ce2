"""What can go wrong between the agent and a device. One class per whose-fault-it-is; no behaviour here.

    RackhandError
      AdbError                 every error carries serial, service and phase
        ServerDownError        nothing (or nothing that speaks adb) answers on the server port
        ServerUnusableError    too old, or no binary to start one: a human must act
        DeviceGoneError        the transport is absent, offline, or ended in mid-call
        UnauthorizedError      the device shows the "allow USB debugging" question
        AdbTimeoutError        a deadline passed; the outcome on the device is unknown
        ProtocolError          the peer answered something the protocol does not allow
        RefusedError           the server or the device answered FAIL with a reason
          SyncError            a push, pull or stat failed, with the device's own text
            StorageError       ... because the device is full
        RemoteError            a command ended with an exit code other than 0
        InstallError           the package manager refused; carries its code and what to do
        CaptureError           a screen capture is not a whole PNG
        OutputTooLargeError    a raw stream grew beyond its bound

Only ServerDownError and DeviceGoneError are worth retrying without thinking (`is_transient`).
"""

from typing import ClassVar

from rackhand.core.errors import RackhandError

PID_PREFIX = "shell,v2,raw:echo $$\n"


class AdbError(RackhandError):
    """Base of this tree. `phase` is one of queue, connect, transport, open, stream, finish, start, parse."""

    is_transient: ClassVar[bool] = False

    def __init__(self, message: str, *, serial: str | None = None, service: str = "", phase: str = "") -> None:
        where = ", ".join(
            part
            for part in (
                f"device {serial}" if serial else "",
                f"service {shorten(service.replace(PID_PREFIX, 'shell:'))}" if service else "",
                f"phase {phase}" if phase else "",
            )
            if part
        )
        super().__init__("{text}", text=f"{message} ({where})" if where else message)
        self.message = message
        self.serial = serial
        self.service = service
        self.phase = phase


class ServerDownError(AdbError):
    """The adb server does not answer. The supervisor restarts its own; nothing was sent to a device."""

    is_transient = True


class ServerUnusableError(AdbError):
    """There is no adb server that may be used, and one cannot be started."""


class DeviceGoneError(AdbError):
    """The device is absent or offline, or its stream ended before the answer was whole."""

    is_transient = True


class UnauthorizedError(AdbError):
    """The device has not accepted this node's adb key: somebody must confirm on its screen."""


class AdbTimeoutError(AdbError):
    """A deadline passed. `output` is what came before; `is_killed` says whether the process group was ended."""

    def __init__(self, message: str, *, serial: str | None = None, service: str = "", phase: str = "") -> None:
        super().__init__(message, serial=serial, service=service, phase=phase)
        self.output = b""
        self.is_killed = False


class ProtocolError(AdbError):
    """The answer is not the adb protocol (or another program owns the port)."""


class RefusedError(AdbError):
    """FAIL with a reason from the server or the device."""


class SyncError(RefusedError):
    """A file transfer failed; the message is the device's own."""


class StorageError(SyncError):
    """The device has no space left."""


class RemoteError(AdbError):
    """The command ran and ended with `exit_code`."""

    def __init__(self, exit_code: int, stderr: str, *, serial: str | None = None, service: str = "") -> None:
        detail = f": {shorten(stderr.strip(), 300)}" if stderr.strip() else ""
        super().__init__(f"command ended with exit code {exit_code}{detail}", serial=serial, service=service)
        self.exit_code = exit_code
        self.stderr = stderr


class InstallError(AdbError):
    """`code` is the package manager's; the flags say who can do something about it."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        hint: str,
        may_retry: bool = False,
        needs_uninstall: bool = False,
        needs_human: bool = False,
        serial: str | None = None,
    ) -> None:
        super().__init__(f"install refused: {code}: {shorten(detail, 300)}. {hint}", serial=serial, service="install")
        self.code = code
        self.detail = detail
        self.hint = hint
        self.may_retry = may_retry
        self.needs_uninstall = needs_uninstall
        self.needs_human = needs_human


class CaptureError(AdbError):
    """What `screencap` gave is not a whole PNG."""


class OutputTooLargeError(AdbError):
    """A raw stream grew beyond its bound; it was cut and nothing of it is used."""


def shorten(text: str, limit: int = 120) -> str:
    """One printable line of at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
