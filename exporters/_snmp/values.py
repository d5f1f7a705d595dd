"""
What agents answer, as numbers and texts. Pure; nothing here raises, whatever the answer.

A number that is not known is ABSENT (no sample), never 0 and never what the agent says in
its place (65535, 4294967295 ...). A text is UTF-8, else GBK, else hexadecimal.
"""

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from exporters._snmp import oid
from exporters._snmp.ber import BerError
from exporters._snmp.shapes import Number
from monitor.model.reading import ABSENT

Convert = Callable[[Sequence[object]], list[float]]
"""Answers (numbers, bytes or None) to values, one for one."""

OPAQUE_FLOATS = {b"\x9f\x78\x04": ">f", b"\x9f\x79\x08": ">d"}  # net-snmp's float and double
IPV4, MAC = 4, 6  # bytes
_NUMBER = re.compile(rb"\s*([+-]?[0-9]{1,18}(?:\.[0-9]{1,9})?)\s*(?:%|[A-Za-z]{0,4})\s*\x00*")


def number(raw: object) -> float | None:
    """Return a number; text that is one (``b"23.5"``, ``b"41 C"``) counts, else None."""
    if isinstance(raw, int):
        return raw
    if not isinstance(raw, bytes):
        return None
    if (form := OPAQUE_FLOATS.get(raw[:3])) and len(raw) == 3 + struct.calcsize(form):
        value = float(struct.unpack(form, raw[3:])[0])
        return value if value - value == 0 else None  # an agent's NaN is no value
    found = _NUMBER.fullmatch(raw)
    return float(found[1]) if found else None


def converter(how: Number, invalid: Sequence[int] = ()) -> Convert:
    """Compile how a column's answers become values; ``invalid`` where it names none itself."""
    wrong = frozenset(invalid if how.invalid is None else how.invalid)
    ratio = Fraction(str(how.scale))
    times, by = ratio.numerator, ratio.denominator  # 2707 / 10 is 270.7; 2707 * 0.1 is not

    def one(raw: object) -> float:
        value = number(raw)
        if value is None:
            return ABSENT
        if how.unsigned and value < 0:
            value += 1 << 32
        if value in wrong or (how.valid and not how.valid[0] <= value <= how.valid[1]):
            return ABSENT
        if how.map is not None:
            mapped = how.map.get(int(value)) if value == int(value) else None
            if mapped is None:
                return ABSENT
            value = mapped
        return float(value * times / by)

    def plain(raws: Sequence[object]) -> list[float]:
        return [float(raw) if raw.__class__ is int else one(raw) for raw in raws]

    def careful(raws: Sequence[object]) -> list[float]:
        return [one(raw) for raw in raws]

    simple = not how.unsigned and not wrong and not how.valid and how.map is None
    return plain if simple and ratio == 1 else careful


def text(raw: object) -> str:
    """Return a DisplayString as people wrote it: UTF-8, else GBK, else hexadecimal."""
    if raw is None:
        return ""
    if not isinstance(raw, bytes):
        return str(raw)
    raw = raw.rstrip(b"\x00 \t\r\n")
    for encoding in ("utf-8", "gbk"):
        try:
            found = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if all(c.isprintable() or c in "\t\r\n" for c in found):
            return found.strip()
    return hexadecimal(raw)


def hexadecimal(raw: object) -> str:
    """``488eef7166e0`` in capitals, as snmp_exporter writes OctetString."""
    return f"0x{raw.hex().upper()}" if isinstance(raw, bytes) and raw else ""


def mac(raw: object) -> str:
    """``48:8E:EF:71:66:E0``; anything but six bytes as a text."""
    if isinstance(raw, bytes) and len(raw) == MAC:
        return raw.hex(":").upper()
    return text(raw)


def ipv4(raw: object) -> str:
    """``10.1.2.3``; anything but four bytes as a text."""
    if isinstance(raw, bytes) and len(raw) == IPV4:
        return ".".join(map(str, raw))
    return text(raw)


def dotted(raw: object) -> str:
    """Write an OID's content bytes as ``1.3.6.1``."""
    if not isinstance(raw, bytes):
        return text(raw)
    try:
        return oid.text(raw)
    except BerError:
        return hexadecimal(raw)


TEXTS: Mapping[str, Callable[[object], str]] = {
    "text": text, "integer": text, "oid": dotted, "hex": hexadecimal, "mac": mac, "ipv4": ipv4,
}  # fmt: skip
"""By a label's type."""


def word(raw: object, enum: Mapping[int, str]) -> str:
    """The name of a state; the number itself where the MIB does not name it."""
    return enum.get(raw, str(raw)) if isinstance(raw, int) else text(raw)


def bit(raw: object, at: int) -> float:
    """Bit ``at`` of BITS (RFC 2578, 7.1.4: leftmost first) or of a number (lowest first)."""
    if isinstance(raw, int):
        return float(raw >> at & 1)
    if not isinstance(raw, bytes):
        return ABSENT
    return float(raw[at >> 3] >> (7 - (at & 7)) & 1) if at >> 3 < len(raw) else 0.0
