"""Passwords: argon2id hashes (the second recommended option of RFC 9106) and their check. Slow by design: use a thread.

No database is touched here, so that no transaction waits for a hash.
"""

import base64
import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from rackhand.core.schema import Text

PASSWORD = Text(10, 200)

_TIME_COST, _MEMORY_KIB, _LANES = 3, 65_536, 4
_hasher = PasswordHasher(_TIME_COST, _MEMORY_KIB, _LANES, hash_len=32, salt_len=16, type=Type.ID)


def hash_password(password: str) -> str:
    """The hash to store, with its salt and cost in it."""
    return _hasher.hash(_bytes_of(password))


def is_password(password: str, password_hash: str | None) -> bool:
    """Whether the hash is that of the password. None (nobody, or no password yet) is False and takes the same time."""
    try:
        return _hasher.verify(password_hash or _NOBODY, _bytes_of(password))
    except (VerificationError, InvalidHashError):
        return False


def _bytes_of(password: str) -> bytes:
    """The same bytes from every keyboard: systems type composed letters in different ways."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _random(length: int) -> str:
    return base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")


_NOBODY = f"$argon2id$v=19$m={_MEMORY_KIB},t={_TIME_COST},p={_LANES}${_random(16)}${_random(32)}"
"""A hash of the same cost that belongs to no password."""
