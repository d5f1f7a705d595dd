"""
PDUs of SNMP (RFC 3416 section 3, RFC 1157 section 4.1). Pure.

``decode`` ends in a Pdu or a BerError, whatever the bytes; varbinds are read by one tight
loop, because they are what a poll costs. What it forgives, because real agents do it and
every manager reads it: an unsigned value written as a negative one or without its leading
zero (it is taken modulo 2^32 or 2^64, as X.690 and net-snmp have it), an INTEGER between
2^31 and 2^32 (UPS cards say "unknown" so), a number of no bytes (it reads as NULL: no
value), an empty OID, lengths longer than they need to be, tags we do not know (raw bytes).
The Trap-PDU of version 1 has another shape and is refused here.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from exporters._snmp import ber, oid
from exporters._snmp.ber import SEQUENCE, BerError

INTEGER = ber.INTEGER
OCTET_STRING = ber.OCTET_STRING
NULL = ber.NULL
OID = ber.OID
IPADDRESS = 0x40
COUNTER32 = 0x41
GAUGE32 = 0x42
TIMETICKS = 0x43  # hundredths of a second
OPAQUE = 0x44
COUNTER64 = 0x46
UINTEGER32 = 0x47  # of SNMPv2's first draft; reads like GAUGE32
NO_SUCH_OBJECT = 0x80
NO_SUCH_INSTANCE = 0x81
END_OF_MIB_VIEW = 0x82

GET = 0xA0
GETNEXT = 0xA1
RESPONSE = 0xA2
SET = 0xA3
GETBULK = 0xA5
INFORM = 0xA6
TRAP = 0xA7
REPORT = 0xA8
KINDS = frozenset({GET, GETNEXT, RESPONSE, SET, GETBULK, INFORM, TRAP, REPORT})

MISSING = frozenset({NULL, NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB_VIEW})
"""Tags under which there is no value; it decodes as None."""
MAX_VARBINDS = 4096

ERRORS = (
    "noError",
    "tooBig",
    "noSuchName",
    "badValue",
    "readOnly",
    "genErr",
    "noAccess",
    "wrongType",
    "wrongLength",
    "wrongEncoding",
    "wrongValue",
    "noCreation",
    "inconsistentValue",
    "resourceUnavailable",
    "commitFailed",
    "undoFailed",
    "authorizationError",
    "notWritable",
    "inconsistentName",
)
"""error-status by its number, RFC 3416 section 3."""

_UNSIGNED = {COUNTER32: 4, GAUGE32: 4, TIMETICKS: 4, UINTEGER32: 4, COUNTER64: 8}  # bytes
_MAX_INTEGER = 8  # bytes; what an INTEGER of 32 bits may be padded to
_SHORT = 0x80

Value: TypeAlias = int | bytes | None
"""A number, bytes (an OID's are its content bytes), or nothing."""
Varbind: TypeAlias = tuple[bytes, int, object]
"""Content bytes of the OID, the tag, the value; a decoded one is a Value."""


@dataclass(slots=True)
class Pdu:
    """One PDU. GetBulk has non-repeaters and max-repetitions where others have the error."""

    kind: int
    request_id: int  # -2^31 to 2^31-1
    error_status: int = 0  # an index into ERRORS; non-repeaters of a GETBULK
    error_index: int = 0  # counts from 1; max-repetitions of a GETBULK
    varbinds: list[Varbind] = field(default_factory=list)


def error_name(status: int) -> str:
    """Name an error-status as RFC 3416 does."""
    return ERRORS[status] if 0 <= status < len(ERRORS) else f"error-status {status}"


def ask(kind: int, request_id: int, oids: list[bytes], bulk: tuple[int, int] = (0, 0)) -> Pdu:
    """Build a request for ``oids``; ``bulk`` is (non-repeaters, max-repetitions) of GETBULK."""
    return Pdu(kind, request_id, *bulk, [(content, NULL, None) for content in oids])


def encode(pdu: Pdu) -> bytes:
    """Encode a PDU. ValueError or TypeError where a value is none of an SNMP message."""
    varbinds = b"".join([_varbind(*varbind) for varbind in pdu.varbinds])
    return ber.element(
        pdu.kind,
        ber.integer(pdu.request_id)
        + ber.integer(pdu.error_status)
        + ber.integer(pdu.error_index)
        + ber.element(SEQUENCE, varbinds),
    )


def _varbind(name: bytes, tag: int, value: object) -> bytes:
    if value is None:
        if tag not in MISSING:
            raise ValueError(f"tag 0x{tag:02x} without a value")
        content = bytes((tag, 0))
    elif isinstance(value, int):
        content = ber.integer(value, tag)
    elif isinstance(value, bytes):
        content = ber.element(tag, value)
    else:
        raise TypeError(f"tag 0x{tag:02x} with a {type(value).__name__}")
    return ber.element(SEQUENCE, ber.element(OID, name) + content)


def decode(data: bytes, at: int = 0, end: int | None = None) -> Pdu:
    """Read the PDU that fills ``data[at:end]``. BerError on anything else."""
    end = len(data) if end is None else end
    kind, at, stop = ber.header_at(data, at, end)
    if kind not in KINDS or stop != end:
        raise BerError(f"tag 0x{kind:02x} is no PDU" if stop == end else "bytes behind the PDU")
    request_id, at = ber.int_at(data, at, stop)
    status, at = ber.int_at(data, at, stop)
    index, at = ber.int_at(data, at, stop)
    at, end = ber.expect(data, at, stop, SEQUENCE)
    if end != stop:
        raise BerError("bytes behind the varbinds")
    return Pdu(kind, request_id, status, index, _varbinds(data, at, end))


def _varbinds(data: bytes, at: int, end: int) -> list[Varbind]:  # noqa: C901, PLR0912 - one loop without calls: this is what a poll costs
    """
    Read the varbinds of ``data[at:end]``; ``end`` lies within ``data``.

    A byte is read before it is known to lie in its element: what ends outside is refused
    at the latest when the value does not end with its varbind.
    """
    out: list[Varbind] = []
    append, number, width_of = out.append, int.from_bytes, _UNSIGNED.get
    length_at, check = ber.length_at, oid.check
    try:
        while at < end:
            tag, size = data[at], data[at + 1]
            start = at + 2
            if size >= _SHORT:
                size, start = length_at(data, at + 1)
            stop = start + size
            if tag != SEQUENCE or data[start] != OID or stop > end:
                raise BerError(f"no varbind at byte {at}")
            size = data[start + 1]
            at = start + 2
            if size >= _SHORT:
                size, at = length_at(data, start + 1)
            start = at + size
            name = data[at:start]
            if not name.isascii() or size >= _SHORT:
                check(name)
            tag, size = data[start], data[start + 1]
            at = start + 2
            if size >= _SHORT:
                size, at = length_at(data, start + 1)
            if at + size != stop:
                raise BerError(f"a value that does not end with its varbind at byte {stop}")
            if tag == OCTET_STRING:
                append((name, tag, data[at:stop]))
            elif (
                (width := width_of(tag))
                and 0 < size <= width
                and (data[at] < _SHORT or size == width)
            ):
                append((name, tag, number(data[at:stop], "big")))
            elif tag == INTEGER and size == 1 and data[at] < _SHORT:
                append((name, tag, data[at]))
            else:
                append((name, *_value(tag, data[at:stop])))
            at = stop
    except IndexError:
        raise BerError("cut off inside a varbind") from None
    if len(out) > MAX_VARBINDS:
        raise BerError(f"more than {MAX_VARBINDS} varbinds")
    return out


def _value(tag: int, content: bytes) -> tuple[int, Value]:
    """Every value that the loop leaves over: (its tag, the value)."""
    if tag in MISSING:
        return tag, None
    if tag == INTEGER or tag in _UNSIGNED:
        if not content:
            return NULL, None
        return tag, _integer(content) if tag == INTEGER else _unsigned(tag, content)
    if tag == OID:
        return tag, oid.check(content)
    return tag, content


def _integer(content: bytes) -> int:
    """Read a signed value; up to 2^32-1, see the module."""
    value = int.from_bytes(content, "big", signed=True) if len(content) <= _MAX_INTEGER else None
    if value is None or not ber.INT32_MIN <= value < 1 << 32:
        raise BerError("an INTEGER of more than 32 bits")
    return value


def _unsigned(tag: int, content: bytes) -> int:
    """Read a counter, gauge or time: modulo 2^32 or 2^64 where it is written as negative."""
    width = _UNSIGNED[tag]
    if len(content) > width and (len(content) > width + 1 or content[0]):
        raise BerError(f"an unsigned number of more than {width * 8} bits")
    return int.from_bytes(content, "big", signed=True) % (1 << width * 8)
