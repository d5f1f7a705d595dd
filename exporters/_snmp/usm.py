"""
The arithmetic of the user-based security model: keys, HMAC, AES. Pure.

HMAC-SHA-1 of RFC 3414, HMAC-SHA-2 of RFC 7860, CFB128-AES-128 of RFC 3826. For AES-192 and
AES-256 there is no RFC: ``aes192`` and ``aes256`` lengthen the key as
draft-blumenthal-aes-usm-04 does (net-snmp, Huawei, H3C), ``aes192c`` and ``aes256c`` as
draft-reeder-snmpv3-usm-3desede-00 does (Cisco). MD5 and DES are not spoken.
No key stands in a repr or an error.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

NONE = "none"
MIN_PASSWORD = 8  # characters, RFC 3414 section 11.2
SALT_BYTES = 8
_EXPANDED = 1 << 20  # bytes of repeated password that are hashed, RFC 3414 section A.2


@dataclass(frozen=True, slots=True)
class AuthProtocol:
    """A hash and how many bytes of its HMAC are sent."""

    hash_name: str
    mac_bytes: int


@dataclass(frozen=True, slots=True)
class PrivProtocol:
    """A key length in bytes, and whether a short key is lengthened as Reeder's draft does."""

    key_bytes: int
    reeder: bool = False


AUTH: Mapping[str, AuthProtocol] = {
    "sha1": AuthProtocol("sha1", 12),
    "sha224": AuthProtocol("sha224", 16),
    "sha256": AuthProtocol("sha256", 24),
    "sha384": AuthProtocol("sha384", 32),
    "sha512": AuthProtocol("sha512", 48),
}
PRIV: Mapping[str, PrivProtocol] = {
    "aes128": PrivProtocol(16),
    "aes192": PrivProtocol(24),
    "aes256": PrivProtocol(32),
    "aes192c": PrivProtocol(24, reeder=True),
    "aes256c": PrivProtocol(32, reeder=True),
}


def password_to_key(hash_name: str, password: bytes) -> bytes:
    """Make Ku of a password (RFC 3414 section A.2). ValueError below 8 bytes."""
    if len(password) < MIN_PASSWORD:
        raise ValueError(f"a password of SNMPv3 has at least {MIN_PASSWORD} characters")
    return _hash_repeated(hash_name, password)


def _hash_repeated(hash_name: str, text: bytes) -> bytes:
    repeated = text * (_EXPANDED // len(text) + 1)
    return hashlib.new(hash_name, repeated[:_EXPANDED]).digest()


def localize(hash_name: str, key: bytes, engine_id: bytes) -> bytes:
    """Make Kul, the key of one engine, of Ku (RFC 3414 section 2.6)."""
    return hashlib.new(hash_name, key + engine_id + key).digest()


def lengthen_blumenthal(hash_name: str, key: bytes, size: int) -> bytes:
    """Lengthen Kul to ``size`` bytes (draft-blumenthal-aes-usm-04 section 3.1.2.1)."""
    while len(key) < size:
        key += hashlib.new(hash_name, key).digest()
    return key[:size]


def lengthen_reeder(hash_name: str, key: bytes, size: int, engine_id: bytes) -> bytes:
    """Lengthen Kul to ``size`` bytes (draft-reeder-snmpv3-usm-3desede-00 section 2.1)."""
    last = key
    while len(key) < size:
        last = localize(hash_name, _hash_repeated(hash_name, last), engine_id)
        key += last
    return key[:size]


@dataclass(frozen=True, slots=True)
class Masters:
    """What a user's passwords come to, before an engine is known. Costs milliseconds: keep it."""

    auth: str = NONE
    priv: str = NONE
    auth_key: bytes = field(default=b"", repr=False)
    priv_key: bytes = field(default=b"", repr=False)


def masters(auth: str, auth_password: bytes, priv: str, priv_password: bytes) -> Masters:
    """
    Make a user's keys of its passwords; names as in AUTH and PRIV, or "none".

    ValueError for a password below 8 bytes, an unknown name, or privacy without
    authentication.
    """
    if auth not in {NONE, *AUTH} or priv not in {NONE, *PRIV}:
        raise ValueError(f"no such protocol: {auth}, {priv}")
    if auth == NONE:
        if priv != NONE:
            raise ValueError("SNMPv3 encrypts nothing that it does not authenticate")
        return Masters()
    hash_name = AUTH[auth].hash_name
    return Masters(
        auth,
        priv,
        password_to_key(hash_name, auth_password),
        password_to_key(hash_name, priv_password) if priv != NONE else b"",
    )


@dataclass(frozen=True, slots=True)
class Keys:
    """A user's keys at one engine."""

    auth: AuthProtocol | None
    auth_key: bytes = field(repr=False)
    cipher: AES | None = field(repr=False)

    @property
    def mac_bytes(self) -> int:
        """Length of msgAuthenticationParameters; 0 without authentication."""
        return self.auth.mac_bytes if self.auth else 0

    def mac(self, message: bytes) -> bytes:
        """Compute the HMAC of a message whose own MAC is zeros. b"" without authentication."""
        if self.auth is None:
            return b""
        return hmac.digest(self.auth_key, message, self.auth.hash_name)[: self.auth.mac_bytes]

    def authentic(self, message: bytes, mac: bytes) -> bool:
        """Compare in constant time. False without authentication."""
        return self.auth is not None and hmac.compare_digest(self.mac(message), mac)

    def encrypt(self, text: bytes, boots: int, time: int, salt: bytes) -> bytes:
        """Encrypt a scoped PDU (RFC 3826 section 3.1.3); only where there is a cipher."""
        encryptor = self._cipher(boots, time, salt).encryptor()
        return encryptor.update(text) + encryptor.finalize()

    def decrypt(self, text: bytes, boots: int, time: int, salt: bytes) -> bytes:
        """Decrypt a scoped PDU; bytes that mean nothing where the key is another."""
        decryptor = self._cipher(boots, time, salt).decryptor()
        return decryptor.update(text) + decryptor.finalize()

    def _cipher(self, boots: int, time: int, salt: bytes) -> Cipher[CFB]:
        if self.cipher is None:
            raise ValueError("a user without privacy")
        return Cipher(self.cipher, CFB(boots.to_bytes(4, "big") + time.to_bytes(4, "big") + salt))


def localized(of: Masters, engine_id: bytes) -> Keys:
    """Make a user's keys at one engine: in microseconds; milliseconds with Reeder's draft."""
    if of.auth == NONE:
        return Keys(None, b"", None)
    auth = AUTH[of.auth]
    auth_key = localize(auth.hash_name, of.auth_key, engine_id)
    if of.priv == NONE:
        return Keys(auth, auth_key, None)
    priv = PRIV[of.priv]
    key = localize(auth.hash_name, of.priv_key, engine_id)
    if priv.reeder:
        key = lengthen_reeder(auth.hash_name, key, priv.key_bytes, engine_id)
    else:
        key = lengthen_blumenthal(auth.hash_name, key, priv.key_bytes)
    return Keys(auth, auth_key, AES(key))
