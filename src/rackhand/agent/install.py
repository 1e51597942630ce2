"""Starting the agent with the machine: the unit for systemd, launchd or the Windows Task Scheduler, as text.

The makers are pure. `install` writes the file and says which command the operator runs next; it starts nothing, for
that needs rights that this program should not have. The token goes into a file of its own that only the owner reads.
"""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

LABEL = "rackhand-agent"
_VARIABLE = "RACKHAND_TOKEN="


@dataclass(frozen=True, slots=True)
class Unit:
    """What to write where, and the commands that make it run. `token_prefix` stands before the token in its file."""

    path: Path
    text: str
    commands: tuple[str, ...]
    token_prefix: str = ""


def make_systemd_unit(command: Sequence[str], token_file: Path, home: Path) -> Unit:
    """A user unit: it needs no root, and `loginctl enable-linger` keeps it after log-out."""
    line = " ".join(_systemd_word(word) for word in command)
    text = (
        "[Unit]\nDescription=Rackhand node agent\nAfter=network-online.target\nStartLimitIntervalSec=0\n\n"
        f"[Service]\nExecStart={line}\nEnvironmentFile={str(token_file).replace('%', '%%')}\n"
        "Restart=always\nRestartSec=5\nKillMode=mixed\nTimeoutStopSec=45\nLimitNOFILE=4096\n\n"
        "[Install]\nWantedBy=default.target\n"
    )
    path = home / ".config" / "systemd" / "user" / f"{LABEL}.service"
    return Unit(path, text, ("systemctl --user daemon-reload", f"systemctl --user enable --now {LABEL}"), _VARIABLE)


def _systemd_word(word: str) -> str:
    """One word of ExecStart: quoted, with % and $ taken literally."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$").replace("\n", "\\n")
    return f'"{escaped}"'


def make_launchd_unit(command: Sequence[str], token_file: Path, home: Path) -> Unit:
    """A launch agent; launchd has no environment files, so a shell reads the token first."""
    script = f"set -a; . {shlex.quote(str(token_file))}; exec {shlex.join(command)}"
    words = "".join(f"    <string>{escape(word)}</string>\n" for word in ("/bin/sh", "-c", script))
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0">\n<dict>\n'
        f"  <key>Label</key><string>{LABEL}</string>\n"
        f"  <key>ProgramArguments</key>\n  <array>\n{words}  </array>\n"
        "  <key>RunAtLoad</key><true/>\n  <key>KeepAlive</key><true/>\n"
        "  <key>ExitTimeOut</key><integer>45</integer>\n</dict>\n</plist>\n"
    )
    path = home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    return Unit(path, text, (f"launchctl load -w {shlex.quote(str(path))}",), _VARIABLE)


def make_windows_task(command: Sequence[str], token_file: Path, home: Path) -> Unit:
    """A task at log-on that is started again when it ends; `set /p` reads the token from its file."""
    line = " ".join(_windows_word(word) for word in command)
    arguments = f'/d /s /c "set /p RACKHAND_TOKEN=<{_windows_word(token_file)}&& {line}"'
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">\n'
        "  <Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>\n"
        "  <Settings><MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>\n"
        "    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>\n"
        "    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>\n"
        "    <RestartOnFailure><Interval>PT1M</Interval><Count>999</Count></RestartOnFailure></Settings>\n"
        f"  <Actions><Exec><Command>cmd.exe</Command>\n"
        f"    <Arguments>{escape(arguments)}</Arguments></Exec></Actions>\n</Task>\n"
    )
    path = home / f"{LABEL}.xml"
    return Unit(path, text, (f'schtasks /Create /TN {LABEL} /XML "{path}"', f"schtasks /Run /TN {LABEL}"))


def _windows_word(word: object) -> str:
    text = str(word)
    return text if text and not any(char in text for char in ' \t"') else '"' + text.replace('"', '\\"') + '"'


def make_unit(platform: str, command: Sequence[str], token_file: Path, home: Path) -> Unit:
    """By `sys.platform`."""
    if platform == "win32":
        return make_windows_task(command, token_file, home)
    if platform == "darwin":
        return make_launchd_unit(command, token_file, home)
    return make_systemd_unit(command, token_file, home)


def install(unit: Unit, token: str, token_file: Path) -> None:
    """Write the token (readable by its owner only) and the unit; an older unit is replaced."""
    token_file.parent.mkdir(parents=True, exist_ok=True)
    token_file.unlink(missing_ok=True)
    handle = os.open(token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(f"{unit.token_prefix}{token}\n")
    unit.path.parent.mkdir(parents=True, exist_ok=True)
    unit.path.write_text(unit.text, encoding="utf-8", newline="\n")
