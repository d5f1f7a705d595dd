"""Messages of version 1 and 2c."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters._snmp import ber, community, oid, pdu
from exporters._snmp.ber import BerError

# What snmpget of net-snmp 5.9.3 sent: snmpget -v2c -c public HOST .1.3.6.1.2.1.1.5.0
REQUEST = bytes.fromhex(
    "302902010104067075626c6963a01c02041b6ceabd020100020100300e300c06082b060102010105000500"
)
SYS_NAME = oid.encode("1.3.6.1.2.1.1.5.0")


def test_a_captured_request_is_read_and_written_alike():
    version, name, message = community.decode(REQUEST)
    assert (version, name) == (community.V2C, b"public")
    assert message == pdu.ask(pdu.GET, 0x1B6CEABD, [SYS_NAME])
    assert community.encode(version, name, message) == REQUEST


def test_padding_behind_a_message_is_ignored():
    assert community.decode(REQUEST + bytes(20)) == community.decode(REQUEST)


@pytest.mark.parametrize("version", [2, 3, -1, 200])
def test_other_versions_are_refused(version):
    data = ber.element(0x30, ber.integer(version) + REQUEST[5:])
    with pytest.raises(BerError, match="version"):
        community.decode(data)


@given(
    st.sampled_from([community.V1, community.V2C]),
    st.binary(max_size=200),
    st.integers(ber.INT32_MIN, ber.INT32_MAX),
)
def test_whose_answer_it_is_shows_without_reading_it(version, name, request_id):
    answer = pdu.Pdu(pdu.RESPONSE, request_id, 0, 0, [(SYS_NAME, pdu.OCTET_STRING, b"x" * 200)])
    data = community.encode(version, name, answer)
    assert community.peek(data) == (version, request_id)
    assert community.decode(data) == (version, name, answer)


def test_only_answers_are_peeked_at():
    with pytest.raises(BerError, match="no answer"):
        community.peek(REQUEST)
    with pytest.raises(BerError, match="version 2"):
        community.peek(ber.element(0x30, ber.integer(2)))


@pytest.mark.parametrize("read", [community.decode, community.peek])
@given(data=st.data())
def test_any_bytes_are_a_message_or_refused(read, data):
    """
    Arbitrary ones, and a real message with some of its bytes overwritten.
    """
    junk = data.draw(st.binary(max_size=100))
    spoilt = bytearray(REQUEST)
    for at, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(spoilt) - 1), st.integers(0, 255)), max_size=5)
    ):
        spoilt[at] = byte
    for message in (junk, bytes(spoilt)):
        try:
            read(message)
        except BerError as error:
            assert "public" not in str(error)  # noqa: PT017 - raising is not what is asserted
