"""The values an action takes and gives: Context, ProducedFile, Outcome. No behaviour beyond arithmetic."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rackhand.agent.adb.device import AdbDevice
from rackhand.core.masking import Mask


@dataclass(frozen=True, slots=True)
class ProducedFile:
    """A file that becomes an artifact; `kind` is screenshot, file or logcat."""

    kind: str
    content_type: str
    path: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an action ended when the device answered. It succeeded iff `error_message` is None.

    `is_worth_retrying` is False where the same attempt can only fail again (an APK signed by another key).
    """

    exit_code: int | None = None
    output: str = ""
    files: tuple[ProducedFile, ...] = ()
    error_message: str | None = None
    is_worth_retrying: bool = True

    @property
    def is_success(self) -> bool:
        return self.error_message is None


@dataclass(frozen=True, slots=True)
class Context:
    """What an action may use.

    `file` gives the local path of a file by its sha256; `folder` takes produced files (one folder per attempt);
    `emit` sees output as it comes; `facts` are the template values by name (`params.x`, `device.index`,
    `device.label`, `run.id`, `secrets.x`); `mask` hides the last ones in files
    that an action writes; `deadline` is in the event loop's time, filled in by `perform`.
    """

    device: AdbDevice
    file: Callable[[str], Awaitable[Path]]
    folder: Path
    emit: Callable[[bytes], None]
    timeout_ms: int
    facts: Mapping[str, str] = field(default_factory=dict)
    mask: Mask = field(default_factory=Mask)
    poll_ms: int = 1_000
    deadline: float = 0.0

    def left_ms(self) -> int:
        """What is left of the step's time, at least 1 ms."""
        return max(1, int((self.deadline - asyncio.get_running_loop().time()) * 1000))
