"""Object identifiers as text, as numbers, as bytes; and their order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters._snmp import oid
from exporters._snmp.ber import BerError

IF_HC_IN = "1.3.6.1.2.1.31.1.1.1.6"
SUB_IDS = st.one_of(
    st.integers(0, 300), st.integers(0, oid.MAX_SUB_ID), st.sampled_from([127, 128, 16383, 16384])
)
OIDS = st.one_of(
    st.tuples(st.integers(0, 1), st.integers(0, 39)),
    st.tuples(st.just(2), st.integers(0, 100000)),
).flatmap(lambda root: st.lists(SUB_IDS, max_size=20).map(lambda rest: (*root, *rest)))

# Text, and the bytes of X.690 section 8.19 and of a Huawei switch.
KNOWN = {
    "ifHCInOctets": (IF_HC_IN, "2b060102011f01010106"),
    "enterprise 2011": ("1.3.6.1.4.1.2011.6", "2b060104018f5b06"),
    "the largest sub-identifier": ("1.3.4294967295", "2b8fffffff7f"),
    "the root 2": ("2.999.3", "883703"),
    "zeroDotZero": ("0.0", "00"),
}


@pytest.mark.parametrize(("text", "content"), KNOWN.values(), ids=KNOWN)
def test_known_encodings(text, content):
    assert oid.encode(text).hex() == content
    assert oid.encode("." + text).hex() == content
    assert oid.text(bytes.fromhex(content)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.",
        ".",
        "3.1",
        "1.40",
        "1.3.x",
        "1..3",
        "1.3.4294967296",
        "1.-3",
        "1.3.１",
        "1.3 ",
        ".".join(["1"] * 129),
    ],
)
def test_what_is_no_oid_is_a_value_error(text):
    with pytest.raises(ValueError):
        oid.encode(text)


BAD = {
    "cut off": (b"\x2b\x06\x81", "cut off"),
    "padded": (b"\x2b\x80\x01", "padded"),
    "33 bits": (b"\x2b\x90\x80\x80\x80\x00", "32 bits"),
    "six bytes": (b"\x2b\x81\x80\x80\x80\x80\x00", "32 bits"),
    "too many": (bytes(128), "128 sub-identifiers"),
    "too many wide ones": (b"\x81\x01" * 128, "128 sub-identifiers"),
}


@pytest.mark.parametrize(("content", "why"), BAD.values(), ids=BAD)
def test_what_is_no_encoding_is_refused(content, why):
    with pytest.raises(BerError, match=why):
        oid.text(content)


def test_an_oid_has_128_sub_identifiers_at_most():
    longest = (1, 3, *[oid.MAX_SUB_ID] * 126)
    assert oid.decode(oid.pack(longest)) == longest


def test_the_empty_oid_of_sloppy_agents_is_read():
    assert oid.decode(b"") == ()
    assert oid.text(b"") == ""


@given(OIDS)
def test_what_is_written_is_read(sub_ids):
    content = oid.pack(sub_ids)
    assert oid.decode(content) == sub_ids
    assert oid.encode(oid.text(content)) == content
    assert oid.check(content) == content


@given(OIDS, OIDS)
def test_the_order_is_that_of_the_numbers(a, b):
    assert oid.after(oid.pack(a), oid.pack(b)) == (a > b)


@given(OIDS, st.lists(SUB_IDS, max_size=4), st.lists(SUB_IDS, max_size=4))
def test_rows_of_one_column_are_ordered_by_their_index(column, a, b):
    column = oid.pack(column)
    a, b = tuple(a), tuple(b)
    first, second = oid.suffix(a), oid.suffix(b)
    assert oid.unpack(first) == a
    assert oid.after(column + first, column + second) == (a > b)
    assert oid.after(first, second) == (a > b)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_oid_or_refused(content):
    try:
        sub_ids = oid.decode(content)
    except BerError:
        return
    assert not sub_ids or oid.pack(sub_ids) == content
