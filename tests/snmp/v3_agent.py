"""An agent's side of USM, as RFC 3414 section 3.2 has it: for tests of the manager's side."""

from exporters._snmp import ber, oid, pdu, usm, v3message
from exporters._snmp.v3message import AUTH, PRIV, Outgoing

COUNTERS = {
    "unsupportedSecLevels": 1,
    "notInTimeWindows": 2,
    "unknownUserNames": 3,
    "unknownEngineIDs": 4,
    "wrongDigests": 5,
    "decryptionErrors": 6,
}
VALUE = (oid.encode("1.3.6.1.2.1.1.5.0"), pdu.OCTET_STRING, b"core-switch-1")


class Agent:
    """One authoritative engine with one user. ``time`` is its snmpEngineTime, set by the test."""

    def __init__(self, user, masters, *, engine_id=b"\x80\x00\x00\x00\x01abc", boots=3, time=1000):
        self.user, self.masters = user, masters
        self.boots, self.time = boots, time
        self.become(engine_id)

    def become(self, engine_id):
        """The device is replaced by one with another engine."""
        self.engine_id = engine_id
        self.keys = usm.localized(self.masters, engine_id)

    def answer(self, data):
        """The datagram that answers a request, or None."""
        asked = v3message.parse(data)
        if (why := self.wrong(asked, data)) is not None:
            return self.report(asked, why)
        try:
            request = v3message.decode_scoped(v3message.scoped_text(data, asked, self.keys))
        except ber.BerError:
            return None  # as net-snmp does with a wrong privacy key
        return self.say(
            asked.msg_id, asked.flags & 3, pdu.Pdu(pdu.RESPONSE, request.request_id, 0, 0, [VALUE])
        )

    def wrong(self, asked, data):
        """Which counter a request raises, if any."""
        level = (AUTH if self.masters.auth != "none" else 0) | (
            PRIV if self.masters.priv != "none" else 0
        )
        if asked.engine_id != self.engine_id:
            return "unknownEngineIDs"
        if asked.user != self.user:
            return "unknownUserNames"
        if asked.flags & 3 & ~level:
            return "unsupportedSecLevels"
        if asked.flags & AUTH and not v3message.authentic(data, asked, self.keys):
            return "wrongDigests"
        if asked.flags & AUTH and (asked.boots != self.boots or abs(asked.time - self.time) > 150):
            return "notInTimeWindows"
        return None

    def report(self, asked, name, *, flags=None, counter=None):
        """A Report; that of the time window is authentic."""
        if flags is None:
            flags = AUTH if name == "notInTimeWindows" else 0
        name = counter or oid.encode(f"1.3.6.1.6.3.15.1.1.{COUNTERS[name]}.0")
        return self.say(
            asked.msg_id,
            flags,
            pdu.Pdu(pdu.REPORT, 0, 0, 0, [(name, pdu.COUNTER32, 1)]),
            user=asked.user,
        )

    def say(self, msg_id, flags, message, *, user=None):
        """Any message of this engine."""
        head = Outgoing(
            msg_id,
            flags,
            self.engine_id,
            self.boots,
            self.time,
            self.user if user is None else user,
            b"saltsalt" if flags & PRIV else b"",
        )
        scoped = v3message.encode_scoped(self.engine_id, b"", message)
        return v3message.build(head, scoped, self.keys)
