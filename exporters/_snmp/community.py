"""
Messages of version 1 and 2c (RFC 1157 section 4, RFC 3416, RFC 3417). Pure.

A community is a password that travels in the clear: it stands in no error.
"""

from exporters._snmp import ber, pdu
from exporters._snmp.ber import OCTET_STRING, SEQUENCE, BerError
from exporters._snmp.pdu import Pdu

V1 = 0
V2C = 1
V3 = 3


def encode(version: int, community: bytes, message: Pdu) -> bytes:
    """Encode a message; ``version`` is V1 or V2C."""
    return ber.element(
        SEQUENCE,
        ber.integer(version) + ber.element(OCTET_STRING, community) + pdu.encode(message),
    )


def decode(data: bytes) -> tuple[int, bytes, Pdu]:
    """Read a message of version 1 or 2c: (version, community, PDU). BerError otherwise."""
    at, end = ber.outer(data)
    version, at = ber.int_at(data, at, end)
    if version not in (V1, V2C):
        raise BerError(f"version {version} where 0 or 1 belongs")
    community, at = ber.octets_at(data, at, end)
    return version, community, pdu.decode(data, at, end)


def peek(data: bytes) -> tuple[int, int]:
    """
    Read as little of an answer as tells whose it is: (version, request-id or msgID).

    BerError where it has none; the rest of the message may still be malformed.
    """
    at, end = ber.outer(data)
    version, at = ber.int_at(data, at, end)
    if version in (V1, V2C):
        _, _, at = ber.header_at(data, at, end)
        kind, at, end = ber.header_at(data, at, end)
        if kind != pdu.RESPONSE:
            raise BerError(f"tag 0x{kind:02x} is no answer")
    elif version == V3:
        at, end = ber.expect(data, at, end, SEQUENCE)
    else:
        raise BerError(f"version {version} is none of SNMP")
    return version, ber.int_at(data, at, end)[0]
