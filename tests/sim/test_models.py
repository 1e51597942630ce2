"""The models: files, battery, screen, faults, journal, install, keys."""

import asyncio
import base64
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.sim.auth import is_signed_by, parse_public_key
from rackhand.sim.battery import Battery
from rackhand.sim.device import SimDevice
from rackhand.sim.faults import FAULTS, FaultSet, UnknownFault
from rackhand.sim.filesystem import FileError, FileSystem, normalize
from rackhand.sim.install import install, make_apk, uninstall
from rackhand.sim.journal import Journal
from rackhand.sim.process import parse_signal
from rackhand.sim.screen import SIGNATURE, Screen

HOUR = 3_600_000


def files(total: int = 1000) -> FileSystem:
    return FileSystem(lambda: 5000, total, 0)


# -- files


@pytest.mark.parametrize(
    ("path", "full"),
    [("/storage/emulated/0/x", "/sdcard/x"), ("a/../b", "/b"), ("//a//b/", "/a/b"), ("../../..", "/"), ("", "/")],
)
def test_paths_are_normalized(path: str, full: str) -> None:
    assert normalize(path) == full


@given(st.text())
def test_no_path_leaves_the_root(path: str) -> None:
    full = normalize(path)
    assert full.startswith("/")
    assert ".." not in full.split("/")


def test_space_is_counted_and_given_back() -> None:
    tree = files()
    tree.write("/sdcard/a", bytes(900))
    assert tree.free_bytes == 100
    with pytest.raises(FileError, match="No space left"):
        tree.write("/sdcard/b", bytes(101))
    tree.remove("/sdcard/a")
    assert tree.free_bytes == 1000
    tree.mkdir("/sdcard/d/e", parents=True)
    tree.write("/sdcard/d/e/f", b"xyz", mode=0o600, mtime=7)
    assert (tree.need("/sdcard/d/e/f").mtime, tree.free_bytes) == (7, 997)
    with pytest.raises(FileError, match="Is a directory"):
        tree.remove("/sdcard/d")
    with pytest.raises(FileError, match="not empty"):
        tree.remove_folder("/sdcard/d")
    tree.remove("/sdcard/d", recursive=True)
    assert tree.free_bytes == 1000


def test_a_file_needs_a_folder() -> None:
    tree = files()
    with pytest.raises(FileError, match="No such file"):
        tree.write("/none/f", b"")
    tree.write("/sdcard/f", b"")
    with pytest.raises(FileError, match="Not a directory"):
        tree.write("/sdcard/f/g", b"")


# -- battery


def test_a_powered_battery_charges_and_warms() -> None:
    battery = Battery(0, 50, 300)
    battery.advance(HOUR)
    assert battery.level == 80
    assert battery.temperature > 320
    battery.advance(0)
    assert battery.level == 80
    battery.advance(24 * HOUR)
    assert (battery.level, battery.is_charging) == (100, False)


def test_an_unplugged_battery_drains_and_never_dies() -> None:
    battery = Battery(0, 50, 300, is_powered=False)
    battery.advance(2 * HOUR)
    assert battery.level == 38
    battery.advance(99 * HOUR)
    assert battery.level == 1


@pytest.mark.parametrize(("temperature", "status"), [(300, 0), (400, 1), (460, 3), (700, 6)])
def test_heat_has_a_status(temperature: int, status: int) -> None:
    battery = Battery(0, 50, 300)
    battery.fake_temperature(temperature)
    assert battery.thermal_status == status


# -- screen


def pixels(png: bytes) -> bytes:
    """The raw rows of a palette PNG, checking every chunk."""
    assert png.startswith(SIGNATURE)
    at, data = 8, b""
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        body = png[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", png, at + 8 + size)[0] == zlib.crc32(kind + body)
        data += body if kind == b"IDAT" else b""
        at += 12 + size
    return zlib.decompress(data)


def test_a_picture_tells_which_device_shows_what() -> None:
    first, second = Screen("SIM00001", "com.android.chrome"), Screen("SIM00002", "com.android.chrome")
    shot = first.picture(0, 50)
    assert len(pixels(shot)) == 136 * 300
    assert first.picture(30_000, 50) is shot
    assert first.picture(60_000, 50) != shot
    assert second.picture(0, 50) != shot
    first.show("com.android.settings")
    assert first.picture(0, 50) != shot
    assert len(shot) < 3000


def test_a_black_picture_is_black() -> None:
    screen = Screen("SIM00001", "com.android.chrome")
    assert set(pixels(screen.picture(0, 50, is_black=True))) == {0}
    screen.is_on = False
    assert set(pixels(screen.picture(0, 50))) == {0}


# -- faults


def test_every_fault_is_documented_and_can_be_switched() -> None:
    faults = FaultSet()
    for name, kind in FAULTS.items():
        assert len(kind.help) > 20
        faults.set(name)
        assert faults.is_on(name) is not kind.pulse
    faults.clear()
    assert faults.active() == {}


@pytest.mark.parametrize("params", [{"name": "nonsense"}, {"name": "slow", "sec": 1}, {"name": "slow", "ms": True}])
def test_an_unknown_fault_changes_nothing(params: dict[str, int | str]) -> None:
    faults = FaultSet()
    name = str(params.pop("name"))
    with pytest.raises(UnknownFault, match="fault"):
        faults.set(name, **params)
    assert faults.active() == {}


def test_waiting_for_the_end_of_a_fault() -> None:
    async def story() -> None:
        faults = FaultSet()
        await faults.until_off("mute")
        faults.set("mute")
        faults.set("freeze")
        waiting = asyncio.create_task(faults.until_off("mute", "freeze"))
        await asyncio.sleep(0)
        faults.clear("mute")
        await asyncio.sleep(0)
        assert not waiting.done()
        faults.clear()
        await waiting

    asyncio.run(story())


# -- journal


def test_the_journal_forgets_the_oldest_and_knows_its_kinds() -> None:
    journal = Journal("S", lambda: 1, limit=10)
    for number in range(25):
        journal.add("command", text=f"echo $$\nrun {number}")
    assert len(journal.entries) <= 10
    assert journal.commands()[-1] == "run 24"
    assert journal.last_seq == 25
    with pytest.raises(ValueError, match="unknown journal kind"):
        journal.add("gossip")


def test_waiting_for_an_event() -> None:
    async def story() -> None:
        journal = Journal("S", lambda: 1)
        waiting = asyncio.create_task(journal.wait_for("exit", rc=3))
        await asyncio.sleep(0)
        journal.add("exit", rc=1)
        journal.add("exit", rc=3)
        assert (await waiting).seq == 2
        with pytest.raises(TimeoutError):
            await journal.wait_for("exit", 0.01, after=2)

    asyncio.run(story())


# -- install


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


# -- keys


def test_a_signature_is_checked_against_its_key(tmp_path: Path) -> None:
    """With exponent 1 a signature is the padded text itself: the padding rule is what is tested here."""
    modulus = (1 << 2048) - 1
    token = bytes(range(20))
    padded = b"\x00\x01" + b"\xff" * 218 + b"\x00" + bytes.fromhex("3021300906052b0e03021a05000414") + token
    assert is_signed_by((modulus, 1), token, padded)
    assert not is_signed_by((modulus, 1), bytes(20), padded)
    assert not is_signed_by((modulus, 1), token, padded[:-1])


@pytest.mark.parametrize("text", [b"", b"not base64!", base64.b64encode(b"short"), base64.b64encode(bytes(524))])
def test_an_unreadable_key_is_none(text: bytes) -> None:
    assert parse_public_key(text + b" someone@somewhere\0") is None


@pytest.mark.parametrize(("text", "number"), [("9", 9), ("KILL", 9), ("sigterm", 15), ("99", None), ("FOO", None)])
def test_signals_have_names(text: str, number: int | None) -> None:
    assert parse_signal(text) == number
