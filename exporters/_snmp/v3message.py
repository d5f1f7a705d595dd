"""
The layout of a message of version 3 (RFC 3412 section 6, RFC 3414 section 2.4). Pure.

``parse`` reads everything but the scoped PDU and believes nothing: whether the message is
authentic, fresh and ours is for ``v3``.
"""

from dataclasses import dataclass

from exporters._snmp import ber, pdu
from exporters._snmp.ber import OCTET_STRING, SEQUENCE, BerError
from exporters._snmp.pdu import Pdu
from exporters._snmp.usm import Keys

VERSION = 3
USM = 3  # msgSecurityModel
AUTH, PRIV, REPORTABLE = 1, 2, 4  # msgFlags
LEVEL = AUTH | PRIV
MAX_ENGINE_ID = 32  # bytes, RFC 3411 section 5
MAX_NAME = 32  # bytes of a user's name, RFC 3414 section 5


@dataclass(frozen=True, slots=True)
class Parsed:
    """The fields of a message that has not been believed yet."""

    msg_id: int
    flags: int
    engine_id: bytes
    boots: int
    time: int  # seconds since the engine's boot
    user: bytes
    mac: bytes
    mac_at: int  # where the MAC's bytes begin in the message
    salt: bytes
    body_at: int  # where msgData begins
    end: int  # of the message; what stands behind is padding


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The fields of a message that we send."""

    msg_id: int
    flags: int
    engine_id: bytes
    boots: int
    time: int
    user: bytes
    salt: bytes


def parse(data: bytes) -> Parsed:
    """Read the fields of a message of version 3. BerError otherwise."""
    at, end = ber.outer(data)
    version, at = ber.int_at(data, at, end)
    if version != VERSION:
        raise BerError(f"version {version} where 3 belongs")
    msg_id, flags, at = _global_data(data, at, end)
    start, body_at = ber.expect(data, at, end, OCTET_STRING)
    at, stop = ber.expect(data, start, body_at, SEQUENCE)
    engine_id, at = ber.octets_at(data, at, stop)
    boots, at = ber.int_at(data, at, stop)
    time, at = ber.int_at(data, at, stop)
    user, at = ber.octets_at(data, at, stop)
    mac_at, at = ber.expect(data, at, stop, OCTET_STRING)
    mac = data[mac_at:at]
    salt, at = ber.octets_at(data, at, stop)
    if boots < 0 or time < 0 or len(engine_id) > MAX_ENGINE_ID or len(user) > MAX_NAME:
        raise BerError("security parameters outside their bounds")
    if at != stop or stop != body_at:
        raise BerError("bytes behind the security parameters")
    return Parsed(msg_id, flags, engine_id, boots, time, user, mac, mac_at, salt, body_at, end)


def _global_data(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Read msgGlobalData: (msgID, flags, where it ends)."""
    at, stop = ber.expect(data, at, end, SEQUENCE)
    msg_id, at = ber.int_at(data, at, stop)
    _max_size, at = ber.int_at(data, at, stop)
    flags, at = ber.octets_at(data, at, stop)
    model, at = ber.int_at(data, at, stop)
    if model != USM:
        raise BerError(f"security model {model} where 3 belongs")
    if len(flags) != 1 or at != stop or flags[0] & LEVEL == PRIV:
        raise BerError("msgFlags that do not exist")
    return msg_id, flags[0], stop


def build(message: Outgoing, scoped: bytes, keys: Keys) -> bytes:
    """Lay out, encrypt and sign a message as its flags say."""
    if message.flags & PRIV:
        cipher = keys.encrypt(scoped, message.boots, message.time, message.salt)
        scoped = ber.element(OCTET_STRING, cipher)
    mac = bytes(keys.mac_bytes if message.flags & AUTH else 0)
    salt = ber.element(OCTET_STRING, message.salt)
    security = ber.element(
        SEQUENCE,
        ber.element(OCTET_STRING, message.engine_id)
        + ber.integer(message.boots)
        + ber.integer(message.time)
        + ber.element(OCTET_STRING, message.user)
        + ber.element(OCTET_STRING, mac)
        + salt,
    )
    head = ber.integer(VERSION) + _header(message) + ber.element(OCTET_STRING, security)
    whole = ber.element(SEQUENCE, head + scoped)
    if not mac:
        return whole
    behind = len(whole) - len(scoped) - len(salt)
    return whole[: behind - len(mac)] + keys.mac(whole) + whole[behind:]


def _header(message: Outgoing) -> bytes:
    return ber.element(
        SEQUENCE,
        ber.integer(message.msg_id)
        + ber.integer(ber.MAX_DATAGRAM)
        + ber.element(OCTET_STRING, bytes((message.flags,)))
        + ber.integer(USM),
    )


def authentic(data: bytes, parsed: Parsed, keys: Keys) -> bool:
    """Tell whether the message's MAC is right: over the whole of it, with zeros in its place."""
    if not parsed.flags & AUTH:
        return False
    size = len(parsed.mac)
    blank = data[: parsed.mac_at] + bytes(size) + data[parsed.mac_at + size : parsed.end]
    return keys.authentic(blank, parsed.mac)


def scoped_text(data: bytes, parsed: Parsed, keys: Keys) -> bytes:
    """Return the scoped PDU in the clear; the caller has seen that the message is authentic."""
    if not parsed.flags & PRIV:
        return data[parsed.body_at : parsed.end]
    start, stop = ber.expect(data, parsed.body_at, parsed.end, OCTET_STRING)
    return keys.decrypt(data[start:stop], parsed.boots, parsed.time, parsed.salt)


def encode_scoped(engine_id: bytes, context: bytes, message: Pdu) -> bytes:
    """Encode a scoped PDU."""
    return ber.element(
        SEQUENCE,
        ber.element(OCTET_STRING, engine_id)
        + ber.element(OCTET_STRING, context)
        + pdu.encode(message),
    )


def decode_scoped(text: bytes) -> Pdu:
    """Read a scoped PDU; its context is not compared. BerError otherwise."""
    at, end = ber.expect(text, 0, len(text), SEQUENCE)
    _, at = ber.octets_at(text, at, end)
    _, at = ber.octets_at(text, at, end)
    return pdu.decode(text, at, end)
