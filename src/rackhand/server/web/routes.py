"""All page modules; each has `handlers`."""

from rackhand.server.web import assets, dashboard, device, devices, playbooks, settings, settings_nodes, settings_tokens

MODULES = (assets, dashboard, devices, device, settings, settings_nodes, settings_tokens, playbooks)
