"""
pysnmp's codec (pyasn1) and its USM as a second opinion: the same messages, written and read
by somebody else. Only its parts are used, no engine of it.
"""

from functools import cache

from pyasn1.codec.ber import decoder, encoder
from pyasn1.type import univ
from pysnmp.proto import api, rfc1905
from pysnmp.proto.mpmod.rfc3412 import ScopedPDU, SNMPv3Message
from pysnmp.proto.secmod.rfc3414 import service
from pysnmp.proto.secmod.rfc3414.auth.hmacsha import HmacSha
from pysnmp.proto.secmod.rfc3826.priv.aes import Aes
from pysnmp.proto.secmod.rfc7860.auth.hmacsha2 import HmacSha2

from exporters._snmp import oid, pdu

MODULES = {
    0: api.PROTOCOL_MODULES[api.SNMP_VERSION_1],
    1: api.PROTOCOL_MODULES[api.SNMP_VERSION_2C],
}
KINDS = {
    0: {pdu.GET: "GetRequestPDU", pdu.GETNEXT: "GetNextRequestPDU", pdu.RESPONSE: "GetResponsePDU"},
    1: {
        pdu.GET: "GetRequestPDU",
        pdu.GETNEXT: "GetNextRequestPDU",
        pdu.GETBULK: "GetBulkRequestPDU",
        pdu.RESPONSE: "ResponsePDU",
        pdu.REPORT: "ReportPDU",
    },
}
VALUES = {
    pdu.INTEGER: "Integer",
    pdu.OCTET_STRING: "OctetString",
    pdu.NULL: "Null",
    pdu.OID: "ObjectIdentifier",
    pdu.IPADDRESS: "IpAddress",
    pdu.COUNTER32: ("Counter", "Counter32"),
    pdu.GAUGE32: ("Gauge", "Gauge32"),
    pdu.TIMETICKS: "TimeTicks",
    pdu.OPAQUE: "Opaque",
    pdu.COUNTER64: ("", "Counter64"),
}
ABSENT = {
    pdu.NO_SUCH_OBJECT: rfc1905.noSuchObject,
    pdu.NO_SUCH_INSTANCE: rfc1905.noSuchInstance,
    pdu.END_OF_MIB_VIEW: rfc1905.endOfMibView,
}
SHA2 = (1, 3, 6, 1, 6, 3, 10, 1, 1)
AUTH = {"sha1": 3, "sha224": 4, "sha256": 5, "sha384": 6, "sha512": 7}
PRIV = {
    "aes128": Aes,
    "aes192": service.aes192.AesBlumenthal192,
    "aes256": service.aes256.AesBlumenthal256,
    "aes192c": service.aes192.Aes192,
    "aes256c": service.aes256.Aes256,
}


def to_theirs(version, message):
    """A Pdu of ours as pysnmp's object."""
    module = MODULES[version]
    theirs = getattr(module, KINDS[version][message.kind])()
    bulk = message.kind == pdu.GETBULK
    shape = module.apiBulkPDU if bulk else module.apiPDU
    shape.set_defaults(theirs)
    shape.set_request_id(theirs, message.request_id)
    if bulk:
        shape.set_non_repeaters(theirs, message.error_status)
        shape.set_max_repetitions(theirs, message.error_index)
    else:
        shape.set_error_status(theirs, message.error_status)
        shape.set_error_index(theirs, message.error_index)
    shape.set_varbinds(
        theirs,
        [(oid.decode(name), _value(version, tag, value)) for name, tag, value in message.varbinds],
    )
    return theirs


def _value(version, tag, value):
    if tag in ABSENT:
        return ABSENT[tag]
    name = VALUES[tag] if isinstance(VALUES[tag], str) else VALUES[tag][version]
    if tag == pdu.OID:
        value = oid.decode(value)
    return getattr(MODULES[version], name)("" if value is None else value)


def to_ours(theirs):
    """What pysnmp read as a Pdu of ours."""
    kind = _tag(theirs)
    parts = [theirs.getComponentByPosition(place) for place in range(4)]
    varbinds = [
        (oid.pack(tuple(pair[0])), _tag(leaf := _leaf(pair[1])), _plain(leaf)) for pair in parts[3]
    ]
    return pdu.Pdu(kind, int(parts[0]), int(parts[1]), int(parts[2]), varbinds)


def _leaf(value):
    while isinstance(value, univ.Choice):
        value = value.getComponent()
    return value


def _tag(value):
    tag = value.tagSet.superTags[-1]
    return tag.tagClass | tag.tagFormat | tag.tagId


def _plain(leaf):
    if isinstance(leaf, univ.Null):
        return None
    if isinstance(leaf, univ.Integer):
        return int(leaf)
    if isinstance(leaf, univ.ObjectIdentifier):
        return oid.pack(tuple(leaf))
    return leaf.asOctets()


def encode(version, community, message):
    """A message of version 1 or 2c, written by pysnmp."""
    module = MODULES[version]
    whole = module.Message()
    module.apiMessage.set_defaults(whole)
    module.apiMessage.set_community(whole, community)
    module.apiMessage.set_pdu(whole, to_theirs(version, message))
    return encoder.encode(whole)


def decode(data):
    """A message of version 1 or 2c, read by pysnmp: (version, community, Pdu)."""
    version = int(api.decodeMessageVersion(data))
    whole, rest = decoder.decode(data, asn1Spec=MODULES[version].Message())
    assert not rest
    module = MODULES[version]
    community = module.apiMessage.get_community(whole).asOctets()
    return version, community, to_ours(_leaf(module.apiMessage.get_pdu(whole)))


class User:
    """One user at one engine, with pysnmp's own keys, MACs and ciphers."""

    def __init__(self, auth, priv, engine_id):
        number = (*SHA2, AUTH[auth])
        self.auth = _service(auth)
        self.priv = PRIV[priv]()
        self.engine_id = univ.OctetString(engine_id)
        self.auth_key = self.auth.localize_key(_passphrase(auth, b"authpass123"), self.engine_id)
        hashed = _passphrase(auth, b"privpass123")
        self.priv_key = univ.OctetString(self.priv.localize_key(number, hashed, self.engine_id))

    def encode(self, head, message):
        """An authenticated and encrypted message; ``head`` is (msgID, boots, time, user)."""
        msg_id, boots, time, user = head
        scoped = ScopedPDU()
        scoped[0], scoped[1] = self.engine_id, b"context"
        scoped[2].setComponentByType(
            (theirs := to_theirs(1, message)).tagSet, theirs, innerFlag=False
        )
        clear = encoder.encode(scoped)
        cipher, salt = self.priv.encrypt_data(self.priv_key, (boots, time, b""), clear)
        whole = SNMPv3Message()
        whole[0] = 3
        header = whole.setComponentByPosition(1)[1]
        header[0], header[1], header[2], header[3] = msg_id, 65507, b"\x03", 3
        security = service.UsmSecurityParameters()
        security[0], security[1], security[2], security[3] = self.engine_id, boots, time, user
        security[4], security[5] = bytes(self.auth.digest_length), salt
        whole[2] = encoder.encode(security)
        whole.setComponentByPosition(3)[3].setComponentByName("encryptedPDU", cipher)
        return self.auth.authenticate_outgoing_message(self.auth_key, encoder.encode(whole))

    def decode(self, data):
        """((msgID, boots, time, user), Pdu) of a message whose MAC pysnmp finds right."""
        whole, rest = decoder.decode(data, asn1Spec=SNMPv3Message())
        assert not rest
        security, _ = decoder.decode(whole[2].asOctets(), asn1Spec=service.UsmSecurityParameters())
        assert security[0] == self.engine_id
        self.auth.authenticate_incoming_message(self.auth_key, security[4], data)
        clear = self.priv.decrypt_data(
            self.priv_key,
            (security[1], security[2], security[5]),
            whole[3].getComponent(),
        )
        scoped, _ = decoder.decode(clear, asn1Spec=ScopedPDU())
        head = int(whole[1][0]), int(security[1]), int(security[2]), security[3].asOctets()
        return head, to_ours(_leaf(scoped[2]))


@cache
def _passphrase(auth, password):
    return _service(auth).hash_passphrase(password)


def _service(auth):
    return HmacSha() if auth == "sha1" else HmacSha2((*SHA2, AUTH[auth]))
