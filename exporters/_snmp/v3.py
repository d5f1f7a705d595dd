"""
One agent's engine as one user sees it (RFC 3412, RFC 3414). No socket, no clock: ``now`` is
an argument, in monotonic seconds.

A message is believed only when it answers one that is outstanding (msgIDs are random and
used once), is authentic and lies in the time window. What a Report without a MAC says is
passed on and moves nothing but the engine's id, which is where every conversation begins;
an agent's time is adopted from authentic messages alone.

One step beyond RFC 3414 section 3.2 7b: many cards do not keep snmpEngineBoots, and after
a restart their time lies behind. Two authentic notInTimeWindows Reports in a row, to two
messages of ours, are taken for that; a replay cannot bear two msgIDs that we drew.
"""

import secrets
from dataclasses import dataclass

from exporters._snmp import oid, pdu, usm, v3message
from exporters._snmp.ber import INT32_MAX
from exporters._snmp.pdu import Pdu
from exporters._snmp.usm import Masters
from exporters._snmp.v3message import AUTH, LEVEL, PRIV, REPORTABLE, Outgoing, Parsed

WINDOW = 150  # seconds, RFC 3414 section 2.2.3
MAX_BOOTS = INT32_MAX  # an engine that has reached it answers nobody, RFC 3414 section 2.2.2
MAX_OUTSTANDING = 64  # messages that may still be answered

UNKNOWN_ENGINE = "unknownEngineIDs"
NOT_IN_WINDOW = "notInTimeWindows"
REPORTS = {
    oid.encode(f"1.3.6.1.6.3.{number}.0"): name
    for number, name in (
        ("11.2.1.1", "snmpUnknownSecurityModels"),
        ("11.2.1.2", "snmpInvalidMsgs"),
        ("11.2.1.3", "snmpUnknownPDUHandlers"),
        ("12.1.4", "snmpUnavailableContexts"),
        ("12.1.5", "snmpUnknownContexts"),
        ("15.1.1.1", "unsupportedSecLevels"),
        ("15.1.1.2", NOT_IN_WINDOW),
        ("15.1.1.3", "unknownUserNames"),
        ("15.1.1.4", UNKNOWN_ENGINE),
        ("15.1.1.5", "wrongDigests"),
        ("15.1.1.6", "decryptionErrors"),
    )
}
"""The counter that a Report carries, to its name: SNMP-MPD-MIB, SNMP-TARGET-MIB, usmStats."""


class RefusedError(ValueError):
    """A well-formed message that is not to be believed: stale, forged, replayed or another's."""


@dataclass(frozen=True, slots=True)
class Report:
    """The agent's engine says why it does not answer."""

    name: str  # one of REPORTS, or the counter's OID
    again: bool  # we know better now: build the message anew and send it
    authentic: bool  # False: anybody on the way may have written it


@dataclass(frozen=True, slots=True)
class _Time:
    """snmpEngineBoots and snmpEngineTime as they were at ``at``."""

    boots: int = 0
    time: int = 0  # seconds
    at: float = 0.0  # our monotonic seconds
    trusted: bool = False  # from an authentic message

    def on(self, now: float) -> int:
        """Seconds of the engine's clock at ``now``."""
        return min(self.time + max(0, int(now - self.at)), INT32_MAX)


class Engine:
    """
    What we know of one agent's engine, kept between visits.

    ``outgoing`` asks for the engine's id first where it is not known: the answer is then
    a Report with ``again``. Expect at most three of these before an answer after a restart
    of the agent, and give up above.
    """

    def __init__(self, user: bytes, masters: Masters, context: bytes = b"") -> None:
        self._user = user
        self._masters = masters
        self._context = context
        self._level = (AUTH if masters.auth != usm.NONE else 0) | (
            PRIV if masters.priv != usm.NONE else 0
        )
        self._keys = usm.localized(Masters(), b"")
        self._time = _Time()
        self._behind: _Time | None = None  # what one authentic Report said that lies behind
        self._outstanding: dict[int, bytes] = {}  # msgID to the engine it was sent to
        self._salt = secrets.randbits(64)
        self.engine_id = b""

    @property
    def discovered(self) -> bool:
        """Whether the engine's id is known."""
        return bool(self.engine_id)

    @property
    def proven(self) -> bool:
        """Whether this engine has answered with our key: silence after that is no wrong key."""
        return self._time.trusted

    @property
    def boots(self) -> int:
        """The agent's snmpEngineBoots as far as known."""
        return self._time.boots

    def outgoing(self, message: Pdu, now: float) -> tuple[int, bytes]:
        """Build a message, each time a new one, also to repeat a request: (msgID, datagram)."""
        msg_id = secrets.randbits(31)
        while msg_id in self._outstanding:
            msg_id = secrets.randbits(31)
        if len(self._outstanding) >= MAX_OUTSTANDING:
            del self._outstanding[next(iter(self._outstanding))]
        self._outstanding[msg_id] = self.engine_id
        if not self.engine_id:
            return msg_id, self._discovery(msg_id)
        salt = b""
        if self._level & PRIV:
            self._salt = (self._salt + 1) % (1 << 64)
            salt = self._salt.to_bytes(usm.SALT_BYTES, "big")
        return msg_id, v3message.build(
            Outgoing(
                msg_id,
                self._level | REPORTABLE,
                self.engine_id,
                self._time.boots,
                self._time.on(now),
                self._user,
                salt,
            ),
            v3message.encode_scoped(self.engine_id, self._context, message),
            self._keys,
        )

    def _discovery(self, msg_id: int) -> bytes:
        """Ask for the engine's id, RFC 3414 section 4."""
        return v3message.build(
            Outgoing(msg_id, REPORTABLE, b"", 0, 0, b"", b""),
            v3message.encode_scoped(b"", b"", Pdu(pdu.GET, msg_id)),
            self._keys,
        )

    def incoming(self, data: bytes, now: float) -> Pdu | Report:
        """
        Read an answer: the PDU, or why there is none.

        BerError for what is no message, RefusedError for what is not to be believed: in
        both cases the right answer may still come.
        """
        parsed = v3message.parse(data)
        if parsed.msg_id not in self._outstanding:
            raise RefusedError("answers nothing that we asked, or answers it again")
        if not parsed.flags & AUTH:
            return self._unsigned(data, parsed, now)
        if parsed.engine_id != self.engine_id or parsed.user != self._user:
            raise RefusedError("comes from another engine, or is for another user")
        if not v3message.authentic(data, parsed, self._keys):
            raise RefusedError("its MAC is wrong")
        if parsed.flags & PRIV and (not self._level & PRIV or len(parsed.salt) != usm.SALT_BYTES):
            raise RefusedError("is encrypted, but not as we asked")
        message = v3message.decode_scoped(v3message.scoped_text(data, parsed, self._keys))
        return self._signed(parsed, message, now)

    def _unsigned(self, data: bytes, parsed: Parsed, now: float) -> Pdu | Report:
        """Take a message without a MAC: a Report, or an answer to a user without keys."""
        message = v3message.decode_scoped(data[parsed.body_at : parsed.end])
        if message.kind == pdu.REPORT:
            return self._report_unsigned(parsed, _name(message), now)
        if self._level or not self.engine_id or message.kind != pdu.RESPONSE:
            raise RefusedError("is not secured as we asked")
        if parsed.engine_id != self.engine_id or parsed.user != self._user:
            raise RefusedError("comes from another engine, or is for another user")
        del self._outstanding[parsed.msg_id]
        return message

    def _report_unsigned(self, parsed: Parsed, name: str, now: float) -> Report:
        """Learn the engine's id, at first or because the device was replaced."""
        if name != UNKNOWN_ENGINE:
            return Report(name, again=False, authentic=False)
        asked = self._outstanding.pop(parsed.msg_id)
        if not parsed.engine_id or parsed.engine_id == asked:
            return Report(name, again=False, authentic=False)
        if parsed.engine_id != self.engine_id:
            self.engine_id = parsed.engine_id
            self._keys = usm.localized(self._masters, parsed.engine_id)
            self._time = _Time(parsed.boots, parsed.time, now)
            self._behind = None
        return Report(name, again=True, authentic=False)

    def _signed(self, parsed: Parsed, message: Pdu, now: float) -> Pdu | Report:
        """Take an authentic message: its time first, RFC 3414 section 3.2 7b."""
        name = _name(message) if message.kind == pdu.REPORT else ""
        ahead = self._adopt(parsed, now)
        if name == NOT_IN_WINDOW:
            del self._outstanding[parsed.msg_id]
            if not ahead:
                self._step_back(parsed, now)
            return Report(name, again=self._time.boots != MAX_BOOTS, authentic=True)
        if not name and (message.kind != pdu.RESPONSE or parsed.flags & LEVEL != self._level):
            raise RefusedError("is not secured as we asked")
        if self._late(parsed, now):
            raise RefusedError("lies outside the time window")
        del self._outstanding[parsed.msg_id]
        self._behind = None
        return Report(name, again=False, authentic=True) if name else message

    def _adopt(self, parsed: Parsed, now: float) -> bool:
        """Take over a time that is newer than ours; False where it is not."""
        ours = self._time
        if ours.trusted and (parsed.boots, parsed.time) <= (ours.boots, ours.time):
            return False
        self._time = _Time(parsed.boots, parsed.time, now, trusted=True)
        return True

    def _late(self, parsed: Parsed, now: float) -> bool:
        """Tell whether a message lies outside the time window."""
        ours = self._time
        return (
            ours.boots == MAX_BOOTS
            or parsed.boots < ours.boots
            or (parsed.boots == ours.boots and parsed.time < ours.on(now) - WINDOW)
        )

    def _step_back(self, parsed: Parsed, now: float) -> None:
        """Adopt a time behind ours when a second Report in a row says so."""
        said = _Time(parsed.boots, parsed.time, now, trusted=True)
        before, self._behind = self._behind, said
        if before and (before.boots, before.time) <= (said.boots, said.time):
            self._time, self._behind = said, None


def _name(report: Pdu) -> str:
    """Name the counter that a Report carries."""
    if not report.varbinds:
        return "a Report without a counter"
    counter = report.varbinds[0][0]
    return REPORTS.get(counter) or oid.text(counter)
