"""All page modules; each has `handlers`."""

from rackhand.server.web import (
    assets,
    builder,
    dashboard,
    device,
    device_run,
    devices,
    playbooks,
    run,
    runs,
    settings,
    settings_nodes,
    settings_tokens,
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
    playbooks,
    builder,
)
