"""All page modules; each has `handlers`."""

from rackhand.server.web import assets, dashboard, settings, settings_nodes, settings_tokens

MODULES = (assets, dashboard, settings, settings_nodes, settings_tokens)
