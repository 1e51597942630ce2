"""Own asyncio client of the adb server protocol, and the supervision of that server.

Nothing here knows runs, playbooks or the Rackhand server: bytes to and from devices, with deadlines that
really end a call. `client.Adb` is the entry; `device.AdbDevice` does the work on one device.
"""
