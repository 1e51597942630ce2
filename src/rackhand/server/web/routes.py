"""All page modules; each has `handlers`."""

from rackhand.server.web import assets, dashboard

MODULES = (assets, dashboard)
