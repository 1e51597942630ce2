"""Every page by a name, and where it is on the site of fleet.py: what holds for all pages is tested over this table."""

from collections.abc import Callable

from tests.browser.happenings import (
    channel_named,
    command_named,
    halted_rollout,
    playbook_named,
    quarantined,
    run_named,
    schedule_named,
)

from rackhand.server.fake_site import Site

Address = Callable[[Site], str]


def _at(path: str) -> Address:
    return lambda site: path


def _run(title: str, rest: str = "") -> Address:
    return lambda site: f"/runs/{run_named(site, title).id}{rest}"


PAGES: dict[str, Address] = {
    "dashboard": _at("/"),
    "devices": _at("/devices"),
    "device": _at("/devices/2"),
    "device offline": _at("/devices/19"),
    "device list": _at("/devices?view=list"),
    "runs": _at("/runs"),
    "run": _run("All well"),
    "run failed": lambda site: f"/runs/{run_named(site, '<img').id}",
    "run under way": _run("Under way"),
    "device run": _run("All well", "/devices/2"),
    "device run waiting": _run("Under way", "/devices/23"),
    "commands": _at("/commands"),
    "command": lambda site: f"/commands/{command_named(site, 'screenshot it')}",
    "new command": _at("/commands/new?kind=install_apk"),
    "kinds": _at("/commands/new"),
    "playbooks": _at("/playbooks"),
    "playbook": lambda site: f"/playbooks/{playbook_named(site, 'Playback check')}",
    "builder": lambda site: f"/playbooks/builder?playbook={playbook_named(site, 'Playback check')}",
    "schedules": _at("/schedules"),
    "schedule": lambda site: f"/schedules/{schedule_named(site, 'New year')}",
    "new schedule": lambda site: f"/schedules/new?playbook={playbook_named(site, 'Playback check')}",
    "notifications": _at("/settings/notifications"),
    "channel": lambda site: f"/settings/notifications/channels/{channel_named(site, 'Team chat')}",
    "content": _at("/content"),
    "channels": _at("/content/channels"),
    "source": _at("/content/source"),
    "settings": _at("/settings"),
    "nodes": _at("/settings/nodes"),
    "users": _at("/settings/users"),
    "new user": _at("/settings/users/new"),
    "tokens": _at("/settings/tokens"),
    "audit": _at("/settings/audit"),
    "onboarding": _at("/onboarding"),
    "not found": _at("/nowhere"),
    "device quarantined": lambda site: f"/devices/{quarantined(site)}",
    "rollout halted": lambda site: f"/runs/{halted_rollout(site)}",
}
LOGIN = "/login?next=/runs"
EMPTY = (
    *("/", "/devices", "/devices?view=list", "/runs", "/commands", "/playbooks", "/playbooks/builder"),
    *("/schedules", "/schedules/new", "/onboarding", "/content"),
)
"""The pages that say something else before there is anything."""
EMPTY_SETTINGS = ("/settings/nodes", "/settings/tokens", "/settings/notifications")
EXPECTED = r"status of 404 .*\((/nowhere|http://[^/]*/nowhere)"
"""What the console says of the one that is missing."""
