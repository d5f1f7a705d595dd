"""Our codec and pysnmp's agree, in both directions, on generated messages."""

import random

import pytest
from snmp import oracle

from exporters._snmp import ber, community, oid, pdu, usm, v3message

ENGINE_ID = b"\x80\x00\x1f\x88\x80abcdef"
ERRORS = {0: range(6), 1: range(19)}  # error-statuses of RFC 1157 and RFC 3416
UNSIGNED = (pdu.COUNTER32, pdu.GAUGE32, pdu.TIMETICKS)


def number(rng, low, high):
    """Near the bounds of an encoding as often as anywhere."""
    near = rng.choice([1 << 7, 1 << 8, 1 << 15, 1 << 16, 1 << 31, 1 << 32, 1 << 63, high, 0])
    value = rng.choice([rng.randint(low, high), near + rng.randint(-1, 1), -near, low])
    return min(max(value, low), high)


def name(rng):
    arcs = [rng.randrange(1 << rng.choice([3, 7, 14, 21, 32])) for _ in range(rng.randrange(18))]
    return oid.pack((1, 3, *arcs))


def value(rng, version):
    """A tag and its value; version 1 has no Counter64 and no exceptions."""
    tags = [pdu.INTEGER, *UNSIGNED, pdu.OCTET_STRING, pdu.OID, pdu.IPADDRESS, pdu.OPAQUE, pdu.NULL]
    if version:
        tags += [pdu.COUNTER64, pdu.COUNTER64, *oracle.ABSENT]
    tag = rng.choice(tags)
    if tag in pdu.MISSING:
        return tag, None
    if tag == pdu.OID:
        return tag, name(rng)
    if tag == pdu.INTEGER:
        return tag, number(rng, ber.INT32_MIN, ber.INT32_MAX)
    if tag in UNSIGNED or tag == pdu.COUNTER64:
        return tag, number(rng, 0, (1 << (64 if tag == pdu.COUNTER64 else 32)) - 1)
    size = 4 if tag == pdu.IPADDRESS else rng.choice([0, 1, 20, 127, 128, 260])
    return tag, rng.randbytes(size)


def message(rng, version):
    kind = rng.choice(list(oracle.KINDS[version]))
    bulk = kind == pdu.GETBULK
    return pdu.Pdu(
        kind,
        number(rng, ber.INT32_MIN, ber.INT32_MAX),
        rng.randrange(5) if bulk else rng.choice(ERRORS[version]),
        number(rng, 0, ber.INT32_MAX) if bulk else rng.randrange(100),
        [(name(rng), *value(rng, version)) for _ in range(rng.choice([0, 1, 1, 2, 3, 12]))],
    )


def agree(rng, version):
    """One message of version 1 or 2c, both ways."""
    what = version, rng.randbytes(rng.choice([0, 6, 140])), message(rng, version)
    ours, theirs = community.encode(*what), oracle.encode(*what)
    assert community.decode(theirs) == what
    assert oracle.decode(ours) == what


def agree_v3(rng):
    """One authenticated and encrypted message, both ways."""
    auth, priv = rng.choice(list(oracle.AUTH)), rng.choice(list(oracle.PRIV))
    theirs, keys = user(auth, priv)
    head = rng.randrange(1 << 31), rng.randrange(1 << 31), rng.randrange(1 << 31), b"user1"
    what = message(rng, 1)
    msg_id, boots, time, name_of_user = head
    outgoing = v3message.Outgoing(msg_id, 3, ENGINE_ID, boots, time, name_of_user, rng.randbytes(8))
    ours = v3message.build(outgoing, v3message.encode_scoped(ENGINE_ID, b"context", what), keys)
    assert theirs.decode(ours) == (head, what)

    data = theirs.encode(head, what)
    parsed = v3message.parse(data)
    assert (parsed.msg_id, parsed.boots, parsed.time, parsed.user) == head
    assert (parsed.engine_id, parsed.flags) == (ENGINE_ID, 3)
    assert v3message.authentic(data, parsed, keys)
    assert v3message.decode_scoped(v3message.scoped_text(data, parsed, keys)) == what


USERS = {}


def user(auth, priv):
    """The same user with pysnmp's keys and with ours."""
    if (auth, priv) not in USERS:
        masters = usm.masters(auth, b"authpass123", priv, b"privpass123")
        USERS[auth, priv] = (
            oracle.User(auth, priv, ENGINE_ID),
            usm.localized(masters, ENGINE_ID),
        )
    return USERS[auth, priv]


def run(count, seed):
    """Messages of all versions in turn."""
    rng = random.Random(seed)
    for turn in range(count):
        if turn % 3 == 2:
            agree_v3(rng)
        else:
            agree(rng, turn % 3)


@pytest.mark.parametrize("seed", range(4))
def test_agreement(seed):
    run(500, seed)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(100, 110))
def test_agreement_on_ten_thousand(seed):
    run(1000, seed)


@pytest.mark.parametrize("auth", oracle.AUTH)
@pytest.mark.parametrize("priv", oracle.PRIV)
def test_every_pair_of_protocols_has_the_same_keys(auth, priv):
    theirs, keys = user(auth, priv)
    assert theirs.auth_key.asOctets() == keys.auth_key
    assert theirs.priv_key.asOctets() == keys.cipher.key[:]
