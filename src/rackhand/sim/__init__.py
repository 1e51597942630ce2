"""Simulated Android devices, behind a real adb server (front `transport`) or a simulated one (front `server`).

Belongs here: what a phone, its adbd and an adb server show to a caller. Must not: anything that decides about
runs. Standard library only. Start at `rackhand.sim.fleet.Fleet`.
"""
