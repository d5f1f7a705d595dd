"""
Bytes that nobody meant: whatever comes in, a message comes out or one of our two errors.

tests/fuzz/fuzz_snmp.py does the same for longer and follows the branches.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from exporters._snmp import ber, community, oid, pdu, usm, v3, v3message

ENGINE_ID = bytes.fromhex("8000000001020304")
MASTERS = usm.masters("sha256", b"authpass123", "aes128", b"privpass123")
KEYS = usm.localized(MASTERS, ENGINE_ID)
OURS = (ber.BerError, v3.RefusedError)
NAME = oid.encode("1.3.6.1.4.1.2011.5.25.31.1.1.1.1.5.67108873")
ANSWER = pdu.Pdu(
    pdu.RESPONSE,
    7,
    0,
    0,
    [
        (NAME, pdu.COUNTER64, (1 << 64) - 1),
        (NAME, pdu.INTEGER, -70000),
        (NAME, pdu.OCTET_STRING, b"GigabitEthernet0/0/1" * 10),
        (NAME, pdu.OID, NAME),
        (NAME, pdu.END_OF_MIB_VIEW, None),
        (NAME, pdu.TIMETICKS, 4711),
    ],
)
LENGTHS = [0x00, 0x01, 0x7F, 0x80, 0x81, 0x82, 0x84, 0x85, 0xFE, 0xFF]
EDITS = st.lists(
    st.tuples(
        st.integers(0, 2000),
        st.one_of(st.integers(0, 255), st.sampled_from(LENGTHS)),
        st.sampled_from(["set", "cut", "insert", "repeat"]),
    ),
    min_size=1,
    max_size=6,
)


def edited(data, edits):
    """A real message with some bytes changed, cut out, put in or said twice."""
    out = bytearray(data)
    for place, byte, how in edits:
        at = place % (len(out) + 1)
        match how:
            case "set":
                out[at : at + 1] = bytes((byte,))
            case "cut":
                del out[at : at + byte % 16]
            case "insert":
                out[at:at] = bytes((byte,))
            case "repeat":
                out[at:at] = out[at : at + byte]
    return bytes(out)


def result(read, *arguments):
    """What a reader makes of it; any error but ours fails the test."""
    try:
        return read(*arguments)
    except OURS as error:
        return str(error)


def engine(msg_id=7):
    """One that has met its agent and waits for message 7."""
    waiting = v3.Engine(b"fuzz", MASTERS)
    waiting.engine_id, waiting._keys = ENGINE_ID, KEYS
    waiting._outstanding[msg_id] = ENGINE_ID
    return waiting


def message(flags, scoped):
    """What the agent would send with these bytes as its scoped PDU."""
    salt = bytes(8) if flags & v3message.PRIV else b""
    return v3message.build(
        v3message.Outgoing(7, flags, ENGINE_ID, 1, 2, b"fuzz", salt), scoped, KEYS
    )


@settings(max_examples=500)
@given(st.binary(max_size=300))
def test_any_bytes(data):
    for read in (community.decode, community.peek, pdu.decode, v3message.parse, oid.text):
        result(read, data)
    result(engine().incoming, data, 5.0)


@settings(max_examples=500)
@given(EDITS)
def test_a_spoilt_answer_of_version_2c(edits):
    data = edited(community.encode(1, b"public", ANSWER), edits)
    seen = result(community.decode, data)
    if not isinstance(seen, str):
        assert len(seen[2].varbinds) <= pdu.MAX_VARBINDS
        for name, tag, value in seen[2].varbinds:
            oid.text(name)
            assert (value is None) == (tag in pdu.MISSING)
            if isinstance(value, int):
                assert -(1 << 31) <= value < 1 << (64 if tag == pdu.COUNTER64 else 32)
        assert result(community.peek, data) in {(1, seen[2].request_id)} | ERRORS


ERRORS = {f"tag 0x{kind:02x} is no answer" for kind in pdu.KINDS}


@settings(max_examples=300)
@given(EDITS, st.sampled_from([0, 1, 3]))
def test_a_spoilt_scoped_pdu_behind_a_right_mac(edits, flags):
    scoped = edited(v3message.encode_scoped(ENGINE_ID, b"", ANSWER), edits)
    result(engine().incoming, message(flags, scoped), 5.0)


@settings(max_examples=300)
@given(EDITS, st.sampled_from([0, 1, 3]))
def test_a_spoilt_message_of_version_3_is_never_believed(edits, flags):
    """
    Unless the edits undo each other, or fell behind the message.
    """
    whole = message(flags, v3message.encode_scoped(ENGINE_ID, b"", ANSWER))
    data = edited(whole, edits)
    seen = result(engine().incoming, data, 5.0)
    assert isinstance(seen, str) or data.startswith(whole)


@settings(max_examples=300)
@given(EDITS)
def test_a_spoilt_report(edits):
    report = pdu.Pdu(pdu.REPORT, 0, 0, 0, [(oid.encode("1.3.6.1.6.3.15.1.1.4.0"), 65, 1)])
    data = edited(message(0, v3message.encode_scoped(ENGINE_ID, b"", report)), edits)
    waiting = engine()
    seen = result(waiting.incoming, data, 5.0)
    assert isinstance(seen, str | v3.Report)
    assert not waiting.proven
