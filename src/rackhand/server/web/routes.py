"""All page modules; each has `handlers`."""

from rackhand.server.web import (
    assets,
    builder,
    command,
    commands,
    dashboard,
    device,
    device_run,
    devices,
    login,
    playbooks,
    run,
    runs,
    settings,
    settings_nodes,
    settings_tokens,
    settings_users,
)

MODULES = (
    assets,
    dashboard,
    devices,
    device,
    runs,
    run,
    device_run,
    settings,
    settings_nodes,
    settings_tokens,
    settings_users,
    login,
    playbooks,
    builder,
    commands,
    command,
)
