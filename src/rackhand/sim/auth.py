"""adb's RSA keys, without a library: reading a public key as adb sends it, checking a signature.

Belongs here: formats and arithmetic. Must not: who is trusted (the device knows). Source of the format: AOSP
`libcrypto_utils/android_pubkey.cpp`; a signature is PKCS #1 v1.5 over the token taken as a SHA-1 digest.
"""

import base64
import binascii
import struct

TOKEN_BYTES = 20
_WORDS = 64
_BLOB = 4 + 4 + 256 + 256 + 4
_SHA1_PREFIX = bytes.fromhex("3021300906052b0e03021a05000414")

Key = tuple[int, int]


def parse_public_key(text: bytes) -> Key | None:
    """(modulus, exponent) of `base64 user@host`; None if it is no 2048-bit adb key."""
    try:
        blob = base64.b64decode(text.rstrip(b"\0").split(b" ", 1)[0], validate=True)
    except binascii.Error:
        return None
    if len(blob) != _BLOB or struct.unpack_from("<I", blob)[0] != _WORDS:
        return None
    modulus = int.from_bytes(blob[8:264], "little")
    exponent = struct.unpack_from("<I", blob, 520)[0]
    return (modulus, exponent) if modulus > 1 and exponent > 1 else None


def is_signed_by(key: Key, token: bytes, signature: bytes) -> bool:
    """Whether this signature over the token was made with the key's private half."""
    if len(signature) != 256 or len(token) != TOKEN_BYTES:
        return False
    modulus, exponent = key
    digest = _SHA1_PREFIX + token
    expected = b"\x00\x01" + b"\xff" * (256 - 3 - len(digest)) + b"\x00" + digest
    return pow(int.from_bytes(signature, "big"), exponent, modulus) == int.from_bytes(expected, "big")
