"""The server's own key, and what is sealed with it: secrets of runs while they are stored (Fernet: AES-CBC and HMAC).

The key is the setting `secret_key`, which all replicas share, or else a file in the data folder, made at the first
start and readable by its owner only. A backup of the database alone opens nothing.
"""

import hashlib
import hmac
import os
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

import structlog
from cryptography.fernet import Fernet, InvalidToken

from rackhand.store.run_secrets import Sealed
from rackhand.wire.messages import Job

FILE = "secret.key"
_log = structlog.get_logger("rackhand.vault")


class Vault:
    """Seals and opens texts."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(urlsafe_b64encode(hashlib.sha256(b"seal" + key).digest()))
        self._mac_key = hashlib.sha256(b"fingerprint" + key).digest()

    def seal(self, secrets: Mapping[str, str]) -> dict[str, Sealed]:
        """The encrypted values by name."""
        return {name: Sealed(self._fernet.encrypt(value.encode()).decode()) for name, value in secrets.items()}

    def open(self, job: Job) -> None:
        """Put the values of a job's secrets in the clear. One that was sealed with another key is left out, so that the
        step that needs it fails and says so, and no other."""
        opened = {}
        for name, sealed in job.secrets.items():
            try:
                opened[name] = self._fernet.decrypt(sealed).decode()
            except InvalidToken:
                _log.error("a secret was sealed with another key; its run must be made anew", run=job.run_id, name=name)
        job.secrets = opened

    def seal_text(self, text: str) -> str:
        """The text, encrypted: a key or password of the settings."""
        return self._fernet.encrypt(text.encode()).decode()

    def open_text(self, sealed: str) -> str | None:
        """The text in the clear; None when it was sealed with another key."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            return None

    def fingerprint(self, body: bytes) -> str:
        """A digest that only this key makes: a body with a short secret in it cannot be guessed from it."""
        return hmac.new(self._mac_key, body, hashlib.sha256).hexdigest()


def open_vault(secret_key: str, folder: Path) -> Vault:
    """With the key of the settings, else with that of the data folder."""
    return Vault(secret_key.encode()) if secret_key else Vault(_key_of(folder / FILE))


def _key_of(path: Path) -> bytes:
    """The key in the file, which is made if it is not there. Two processes that start at once end with the same."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 - the mode
            file.write(urlsafe_b64encode(os.urandom(32)))
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_bytes()
