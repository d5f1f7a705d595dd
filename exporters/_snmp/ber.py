"""
BER (X.690) as far as SNMP uses it: one-byte tags, definite lengths.

Every length is checked against the bytes that are there before it is believed, and every
malformed input is a BerError, never another exception. Indefinite lengths are refused
(RFC 3417 section 8). Lengths may be longer than they need to be: agents write them so.
"""

INTEGER = 0x02
OCTET_STRING = 0x04
NULL = 0x05
OID = 0x06
SEQUENCE = 0x30

MAX_DATAGRAM = 65507  # bytes of a UDP payload over IPv4, RFC 768
INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1

_SHORT = 0x80  # lengths below it are one byte
_LENGTH_BYTES = 4  # more say nothing about a datagram
_SMALL = tuple(bytes((INTEGER, 1, n)) for n in range(_SHORT))


class BerError(ValueError):
    """These bytes are no message of SNMP; the text says where they stop being one."""


def length_at(data: bytes, at: int) -> tuple[int, int]:
    """
    Read the length that begins at ``at``: (length, where the content begins).

    BerError when it is indefinite, cut off or wider than four bytes. Whether the content
    is there is the caller's to check.
    """
    if at >= len(data):
        raise BerError("cut off before a length")
    first = data[at]
    if first < _SHORT:
        return first, at + 1
    width = first - _SHORT
    start = at + 1 + width
    if not 0 < width <= _LENGTH_BYTES:
        raise BerError("a length that is indefinite" if not width else "a length beyond reason")
    if start > len(data):
        raise BerError("cut off inside a length")
    return int.from_bytes(data[at + 1 : start], "big"), start


def header_at(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """
    Read one header: (tag, where the content begins, where it ends).

    BerError unless the whole element lies before ``end``, which must lie within ``data``.
    """
    if at >= end:
        raise BerError("cut off before a tag")
    size, start = length_at(data, at + 1)
    if start + size > end:
        raise BerError("an element that is longer than what holds it")
    return data[at], start, start + size


def expect(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Bounds of the content of the element at ``at``, which must have ``tag``."""
    found, start, stop = header_at(data, at, end)
    if found != tag:
        raise BerError(f"tag 0x{found:02x} where 0x{tag:02x} belongs")
    return start, stop


def int_at(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Read the INTEGER at ``at``: (its value, where it ends). BerError beyond 32 bits."""
    start, stop = expect(data, at, end, INTEGER)
    if not 0 < stop - start <= _LENGTH_BYTES + 1:
        raise BerError("an INTEGER of no bytes or of more than 32 bits")
    value = int.from_bytes(data[start:stop], "big", signed=True)
    if not INT32_MIN <= value <= INT32_MAX:
        raise BerError("an INTEGER of more than 32 bits")
    return value, stop


def octets_at(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """Read the OCTET STRING at ``at``: (its content, where it ends)."""
    start, stop = expect(data, at, end, OCTET_STRING)
    return data[start:stop], stop


def outer(data: bytes) -> tuple[int, int]:
    """
    Bounds of the content of the SEQUENCE that a message is.

    What stands behind it is ignored, as every manager does: some agents pad. BerError
    above 65,507 bytes.
    """
    if len(data) > MAX_DATAGRAM:
        raise BerError(f"more than {MAX_DATAGRAM} bytes")
    return expect(data, 0, len(data), SEQUENCE)


def element(tag: int, content: bytes) -> bytes:
    """Encode one element, with the shortest length."""
    size = len(content)
    if size < _SHORT:
        return bytes((tag, size)) + content
    wide = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _SHORT + len(wide))) + wide + content


def integer(value: int, tag: int = INTEGER) -> bytes:
    """Encode an integer, signed, with the fewest bytes."""
    if 0 <= value < _SHORT and tag == INTEGER:
        return _SMALL[value]
    return element(
        tag, value.to_bytes(1 + (value + (value < 0)).bit_length() // 8, "big", signed=True)
    )
