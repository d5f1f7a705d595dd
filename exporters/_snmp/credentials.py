"""
Who asks: a community (v1, v2c) or a user of the user-based security model (v3). Frozen.

They hash and compare by content, so that what belongs to one agent and one user is found
again at the next visit. No text of theirs shows a secret.
"""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

from exporters._snmp.community import V1, V2C, V3

__all__ = ["V1", "V2C", "V3", "Auth", "Community", "Credentials", "Priv", "User"]

Auth = Literal["none", "sha1", "sha224", "sha256", "sha384", "sha512"]
"""HMAC of RFC 3414 and RFC 7860."""

Priv = Literal["none", "aes128", "aes192", "aes256", "aes192c", "aes256c"]
"""CFB128-AES of RFC 3826; 192 and 256 with Blumenthal's keys, with ``c`` with Cisco's (Reeder)."""


@dataclass(frozen=True, slots=True)
class Community:
    """A v1 or v2c community: it proves nothing and travels in the clear."""

    name: SecretStr
    version: int = V2C


@dataclass(frozen=True, slots=True)
class User:
    """
    A v3 user. Passwords have at least 8 characters (RFC 3414 section 11.2).

    ``auth`` "none" is noAuthNoPriv, ``priv`` "none" is authNoPriv.
    """

    name: str
    auth: Auth = "sha256"
    auth_password: SecretStr = field(default_factory=lambda: SecretStr(""))
    priv: Priv = "aes128"
    priv_password: SecretStr = field(default_factory=lambda: SecretStr(""))
    context: str = ""
    version: int = V3


Credentials = Community | User
