"""Rackhand: playbooks on racks of Android devices that you own."""

__version__ = "0.1.0"
