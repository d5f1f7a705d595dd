"""PDUs: what is written comes back, what agents do wrong is forgiven or refused as documented."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters._snmp import ber, oid, pdu
from exporters._snmp.ber import BerError

NAME = oid.encode("1.3.6.1.2.1.1.3.0")
WIDE = oid.encode("1.3.6.1.4.1.2011.5.25.31.1.1.1.1.5.67108873")
UNSIGNED = (pdu.COUNTER32, pdu.GAUGE32, pdu.TIMETICKS)


def response(*values, name=NAME):
    """A response whose values are raw elements."""
    varbinds = b"".join(ber.element(0x30, ber.element(6, name) + value) for value in values)
    return body(varbinds)


def body(varbinds):
    head = ber.integer(9) + ber.integer(0) + ber.integer(0)
    return ber.element(pdu.RESPONSE, head + ber.element(0x30, varbinds))


VALUES = st.one_of(
    st.tuples(st.just(pdu.INTEGER), st.integers(ber.INT32_MIN, ber.INT32_MAX)),
    st.tuples(st.just(pdu.OCTET_STRING), st.binary(max_size=300)),
    st.tuples(st.just(pdu.OPAQUE), st.binary(max_size=10)),
    st.tuples(st.just(pdu.IPADDRESS), st.binary(min_size=4, max_size=4)),
    st.tuples(st.sampled_from(UNSIGNED), st.integers(0, (1 << 32) - 1)),
    st.tuples(st.just(pdu.COUNTER64), st.integers(0, (1 << 64) - 1)),
    st.tuples(st.just(pdu.OID), st.sampled_from([NAME, WIDE, b""])),
    st.tuples(st.sampled_from(sorted(pdu.MISSING)), st.none()),
)
INT32 = st.integers(ber.INT32_MIN, ber.INT32_MAX)
PDUS = st.builds(
    pdu.Pdu,
    st.sampled_from(sorted(pdu.KINDS)),
    INT32,
    INT32,
    INT32,
    st.lists(
        st.tuples(st.sampled_from([NAME, WIDE]), VALUES).map(lambda pair: (pair[0], *pair[1])),
        max_size=20,
    ),
)


@given(PDUS)
def test_what_is_written_is_read(message):
    assert pdu.decode(pdu.encode(message)) == message


# What the agent wrote, and what we read.
FORGIVEN = {
    "Gauge32 as a negative number": ("42 04 ff ff ff fe", pdu.GAUGE32, 4294967294),
    "Counter32 as a short negative number": ("41 01 ff", pdu.COUNTER32, 4294967295),
    "Counter32 with its leading zero": ("41 05 00 ff ff ff ff", pdu.COUNTER32, 4294967295),
    "Counter64 without its leading zero": (
        "46 08 ff ff ff ff ff ff ff ff",
        pdu.COUNTER64,
        2**64 - 1,
    ),
    "Counter64 with its leading zero": (
        "46 09 00 ff ff ff ff ff ff ff ff",
        pdu.COUNTER64,
        2**64 - 1,
    ),
    "Counter32 with zeros that say nothing": ("41 03 00 00 07", pdu.COUNTER32, 7),
    "TimeTicks in a long length": ("43 81 01 07", pdu.TIMETICKS, 7),
    "an unsigned number as INTEGER": ("02 05 00 ff ff ff ff", pdu.INTEGER, 4294967295),
    "a padded INTEGER": ("02 08 ff ff ff ff ff ff ff fb", pdu.INTEGER, -5),
    "an INTEGER of no bytes": ("02 00", pdu.NULL, None),
    "a Gauge32 of no bytes": ("42 00", pdu.NULL, None),
    "NULL with content": ("05 01 00", pdu.NULL, None),
    "an empty OID": ("06 00", pdu.OID, b""),
    "an IpAddress of the wrong length": ("40 00", pdu.IPADDRESS, b""),
    "a BIT STRING": ("03 02 00 80", 0x03, b"\x00\x80"),
    "UInteger32 of the first draft": ("47 01 07", pdu.UINTEGER32, 7),
}


@pytest.mark.parametrize(("raw", "tag", "value"), FORGIVEN.values(), ids=FORGIVEN)
def test_what_agents_write_wrong_is_forgiven(raw, tag, value):
    assert pdu.decode(response(bytes.fromhex(raw))).varbinds == [(NAME, tag, value)]


REFUSED = {
    "Counter32 of 40 bits": (response(bytes.fromhex("41050100000000")), "more than 32 bits"),
    "Counter32 of ten bytes": (response(b"\x41\x0a" + bytes(10)), "more than 32 bits"),
    "Counter64 of 72 bits": (response(b"\x46\x09\x01" + bytes(8)), "more than 64 bits"),
    "INTEGER of 33 bits": (response(bytes.fromhex("02050100000000")), "more than 32 bits"),
    "INTEGER of a megabyte": (response(b"\x02\x83\x10\x00\x00"), "end with its varbind"),
    "INTEGER of nine bytes": (response(b"\x02\x09" + bytes(9)), "more than 32 bits"),
    "an OID value that is cut off": (response(b"\x06\x02\x2b\x81"), "cut off"),
    "a name that is cut off": (response(b"\x05\x00", name=b"\x2b\x81"), "cut off"),
    "a name of 200 sub-identifiers": (response(b"\x05\x00", name=bytes(200)), "128"),
    "two values in a varbind": (response(b"\x05\x00\x05\x00"), "end with its varbind"),
    "a value longer than its varbind": (response(b"\x04\x05ab"), "end with its varbind"),
    "a value of indefinite length": (response(b"\x04\x80ab\x00\x00"), "indefinite"),
    "a varbind without a value": (response(b""), "varbind"),
    "a varbind that is no SEQUENCE": (body(b"\x31\x04\x06\x00\x05\x00"), "no varbind"),
    "a varbind that begins with no OID": (body(b"\x30\x04\x04\x00\x05\x00"), "no varbind"),
    "a varbind longer than the list": (body(b"\x30\x7f\x06\x00\x05\x00"), "no varbind"),
    "half a varbind": (body(b"\x30"), "varbind"),
    "too many varbinds": (body(b"\x30\x04\x06\x00\x05\x00" * 4097), "4096 varbinds"),
    "bytes behind the varbinds": (
        ber.element(pdu.RESPONSE, ber.integer(1) * 3 + b"\x30\x00" + b"\x05\x00"),
        "behind the varbinds",
    ),
    "bytes behind the PDU": (response() + b"\x00", "behind the PDU"),
    "the Trap-PDU of version 1": (b"\xa4\x00", "no PDU"),
    "an error-status without a list": (
        ber.element(pdu.RESPONSE, ber.integer(1) * 3),
        "cut off before a tag",
    ),
}


@pytest.mark.parametrize(("data", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_pdu_is_refused_in_words(data, why):
    with pytest.raises(BerError, match=why):
        pdu.decode(data)


def test_a_pdu_lies_within_its_bounds():
    """
    What stands around it is not read.
    """
    inner = response(b"\x02\x01\x07")
    assert pdu.decode(b"\xff" * 5 + inner + b"\xff" * 5, 5, 5 + len(inner)).request_id == 9
    with pytest.raises(BerError):
        pdu.decode(inner + b"\xff" * 5, 0, len(inner) - 1)


def test_every_cut_is_refused():
    whole = pdu.encode(
        pdu.Pdu(pdu.RESPONSE, 1, 0, 0, [(WIDE, pdu.COUNTER64, 1 << 63), (NAME, pdu.INTEGER, 5)])
    )
    for size in range(len(whole)):
        with pytest.raises(BerError):
            pdu.decode(whole[:size])


def test_requests_carry_null():
    request = pdu.ask(pdu.GETBULK, 5, [NAME, WIDE], (0, 25))
    assert pdu.decode(pdu.encode(request)) == pdu.Pdu(
        pdu.GETBULK, 5, 0, 25, [(NAME, pdu.NULL, None), (WIDE, pdu.NULL, None)]
    )


@pytest.mark.parametrize(("tag", "value"), [(pdu.INTEGER, None), (pdu.OCTET_STRING, "text")])
def test_a_value_that_does_not_exist_is_not_written(tag, value):
    with pytest.raises((ValueError, TypeError)):
        pdu.encode(pdu.Pdu(pdu.RESPONSE, 1, 0, 0, [(NAME, tag, value)]))


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (0, "noError"),
        (1, "tooBig"),
        (2, "noSuchName"),
        (5, "genErr"),
        (18, "inconsistentName"),
        (19, "error-status 19"),
        (-1, "error-status -1"),
    ],
)
def test_error_statuses_have_the_names_of_rfc_3416(status, name):
    assert pdu.error_name(status) == name
