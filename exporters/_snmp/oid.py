"""
Object identifiers. On hot paths they are the content bytes of their encoding. Pure.

At most 128 sub-identifiers, each below 2^32 (RFC 2578 section 3.5). Encodings that are
longer than they need to be are refused, so that equal OIDs are equal bytes.
"""

import re
from functools import lru_cache

from exporters._snmp.ber import BerError

MAX_SUB_IDS = 128
MAX_SUB_ID = (1 << 32) - 1
_ROOTS = 2  # first sub-identifiers that leave the second below 40
_WIDE = 40

# Possessive: linear whatever the bytes.
_VALID = re.compile(
    rb"(?:[\x00-\x7f]++|[\x81-\xff][\x80-\xff]{0,2}+[\x00-\x7f]"
    rb"|[\x81-\x8f][\x80-\xff]{3}[\x00-\x7f])*+",
).fullmatch
_LONG = re.compile(rb"[\x80-\xff]{2}").search
_LAST = re.compile(rb"[\x00-\x7f]")
_TEXT = re.compile(r"\.?([0-9]{1,10}(?:\.[0-9]{1,10}){1,127})")


@lru_cache(maxsize=4096)
def encode(dotted: str) -> bytes:
    """Content bytes of ``1.3.6.1...`` (a leading dot is allowed). ValueError otherwise."""
    found = _TEXT.fullmatch(dotted) if dotted.isascii() else None
    if found is None:
        raise ValueError(f"is no OID: {dotted!r}; write for example 1.3.6.1.2.1.1.3.0")
    return pack(tuple(int(part) for part in found[1].split(".")))


def pack(sub_ids: tuple[int, ...]) -> bytes:
    """Content bytes of sub-identifiers, at least two of them. ValueError beyond the bounds."""
    if not _ROOTS <= len(sub_ids) <= MAX_SUB_IDS:
        raise ValueError(f"an OID has 2 to {MAX_SUB_IDS} sub-identifiers")
    first, second = sub_ids[:2]
    if not 0 <= first <= _ROOTS or (first < _ROOTS and second >= _WIDE):
        raise ValueError("an OID begins with 0 or 1 and a number below 40, or with 2")
    return suffix((first * _WIDE + second, *sub_ids[2:]))


def suffix(sub_ids: tuple[int, ...]) -> bytes:
    """Content bytes of a row's index, to stand behind a column's OID. ValueError above 2^32-1."""
    return b"".join(map(_sub_id, sub_ids))


def _sub_id(value: int) -> bytes:
    """Encode one sub-identifier, X.690 section 8.19.2."""
    if not 0 <= value <= MAX_SUB_ID:
        raise ValueError("a sub-identifier lies outside 0 to 4294967295")
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))


def decode(content: bytes) -> tuple[int, ...]:
    """Sub-identifiers of content bytes. BerError where they are none."""
    check(content)
    raw = unpack(content)
    if not raw:
        return ()
    root = min(raw[0] // _WIDE, _ROOTS)
    return (root, raw[0] - root * _WIDE, *raw[1:])


def unpack(content: bytes) -> tuple[int, ...]:
    """Sub-identifiers of a row's index: content bytes behind a column's OID, checked before."""
    if content.isascii():
        return tuple(content)
    out = []
    value = 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 - the bit that says "more follows"
            out.append(value)
            value = 0
    return tuple(out)


def text(content: bytes) -> str:
    """Write content bytes as ``1.3.6.1...``. BerError where they are no OID."""
    return ".".join(map(str, decode(content)))


def check(content: bytes) -> bytes:
    """Return the content bytes of an OID; BerError where they are none. Empty is allowed."""
    if content.isascii():
        if len(content) < MAX_SUB_IDS:
            return content
    elif len(content) < MAX_SUB_IDS or len(_LAST.findall(content)) < MAX_SUB_IDS:
        if _VALID(content):
            return content
        raise BerError("an OID with a sub-identifier of more than 32 bits, padded or cut off")
    raise BerError(f"an OID of more than {MAX_SUB_IDS} sub-identifiers")


def after(a: bytes, b: bytes) -> bool:
    """
    Tell whether ``a`` stands strictly behind ``b`` in the order of RFC 3416 section 4.2.2.

    Both checked. Bytes already stand in that order unless sub-identifiers of 16384 and
    more meet shorter ones that are not a single byte.
    """
    if (a.isascii() and b.isascii()) or not (_LONG(a) or _LONG(b)):
        return a > b
    return unpack(a) > unpack(b)
