"""BER: what is read, what is refused, and that what we write is what we read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters._snmp import ber
from exporters._snmp.ber import BerError

BAD = {
    "nothing": (b"", "cut off before a tag"),
    "a tag alone": (b"\x30", "cut off before a length"),
    "content missing": (b"\x30\x05\x00", "longer than what holds it"),
    "indefinite length": (b"\x30\x80\x00\x00", "indefinite"),
    "length of length missing": (b"\x30\x82\x01", "cut off inside a length"),
    "length beyond reason": (b"\x30\x85\x00\x00\x00\x00\x00", "beyond reason"),
    "length reserved by X.690": (b"\x30\xff" + bytes(127), "beyond reason"),
    "negative length, as careless readers see it": (
        b"\x30\x84\xff\xff\xff\xff",
        "longer than what holds it",
    ),
    "another tag": (b"\x31\x00", "tag 0x31 where 0x30 belongs"),
}


@pytest.mark.parametrize(("data", "why"), BAD.values(), ids=BAD)
def test_what_is_no_message_is_refused_in_words(data, why):
    with pytest.raises(BerError, match=why):
        ber.outer(data)


def test_a_datagram_has_a_largest_size():
    whole = ber.element(ber.SEQUENCE, bytes(ber.MAX_DATAGRAM))
    with pytest.raises(BerError, match="more than 65507 bytes"):
        ber.outer(whole)


@pytest.mark.parametrize("length", [b"\x03", b"\x81\x03", b"\x82\x00\x03", b"\x84\x00\x00\x00\x03"])
def test_lengths_may_be_longer_than_they_need_to_be(length):
    data = b"\x30" + length + b"abc" + b"padding"
    start, stop = ber.outer(data)
    assert data[start:stop] == b"abc"


def test_an_element_may_not_reach_beyond_what_holds_it():
    data = b"\x30\x03\x04\x02abc"
    with pytest.raises(BerError, match="longer than what holds it"):
        ber.octets_at(data, 2, 5)


@pytest.mark.parametrize(
    "content", [b"", b"\x01\x00\x00\x00\x00", bytes(6), b"\x00\x80\x00\x00\x00"]
)
def test_header_integers_have_32_bits(content):
    data = ber.element(ber.INTEGER, content)
    with pytest.raises(BerError, match="INTEGER"):
        ber.int_at(data, 0, len(data))


@given(st.integers(ber.INT32_MIN, ber.INT32_MAX))
def test_integers_come_back(value):
    data = ber.integer(value)
    assert ber.int_at(data, 0, len(data)) == (value, len(data))


@given(st.integers(-(1 << 70), 1 << 70))
def test_integers_are_written_with_the_fewest_bytes(value):
    content = ber.integer(value, 0x46)[2:]
    assert int.from_bytes(content, "big", signed=True) == value
    assert len(content) == 1 or content[0] not in (0x00, 0xFF) or (content[0] ^ content[1]) & 0x80


@given(st.sampled_from([0, 1, 127, 128, 255, 256, 65535, 65536]), st.integers(0, 255))
def test_elements_come_back(size, tag):
    data = ber.element(tag, bytes(size))
    assert ber.header_at(data, 0, len(data)) == (tag, len(data) - size, len(data))
