"""Installs answer as the package manager does."""

from rackhand.sim.device import SimDevice
from rackhand.sim.install import install, make_apk, uninstall


def test_installing_and_uninstalling() -> None:
    device = SimDevice(1)
    assert install(device, make_apk("com.a.b", 2)) == ""
    assert device.packages["com.a.b"].version == 2
    assert install(device, make_apk("com.a.b", 1)) == "INSTALL_FAILED_VERSION_DOWNGRADE"
    assert install(device, make_apk("com.a.b", 3), replace=False) == "INSTALL_FAILED_ALREADY_EXISTS"
    assert install(device, b"PK but no archive") == "INSTALL_PARSE_FAILED_NOT_APK"
    assert uninstall(device, "com.a.b") == ""
    assert uninstall(device, "com.a.b") == "DELETE_FAILED_INTERNAL_ERROR"
    device.faults.set("storage_full")
    assert install(device, make_apk("com.a.b")) == "INSTALL_FAILED_INSUFFICIENT_STORAGE"
    assert len(device.journal.of("installed")) == 5
