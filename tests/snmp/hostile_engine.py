"""An engine of version 3 with one user, and everything that may be wrong with its answers."""

from snmp.hostile_table import CHANCE, COUNT, ENGINE, PASSWORD, junk, table

from exporters._snmp import oid, pdu, usm, v3message
from exporters._snmp.pdu import Pdu
from monitor.clock import SystemClock

CLOCK = SystemClock()


class Secure:
    """An engine of v3 for one user, and what may be wrong with it."""

    def __init__(self):
        self.engine, self.boots, self.began = ENGINE, 3, CLOCK.monotonic() - 5000
        self.keys = {}
        self.first = None

    def key(self, engine):
        if engine not in self.keys:
            masters = usm.masters("sha256", PASSWORD, "aes128", PASSWORD)
            self.keys[engine] = usm.localized(masters, engine)
        return self.keys[engine]

    def say(self, parsed, message, flags=3, leap=0, **changes):
        engine = changes.get("engine", self.engine)
        boots = changes.get("boots", self.boots)
        seconds = max(0, int(CLOCK.monotonic() - self.began) + leap)
        head = v3message.Outgoing(
            changes.get("msg_id", parsed.msg_id),
            flags,
            engine,
            boots,
            seconds,
            parsed.user,
            CHANCE.randbytes(8) if flags & 2 else b"",
        )
        return v3message.build(
            head, v3message.encode_scoped(engine, b"", message), self.key(engine)
        )

    def report(self, parsed, counter, flags=0, **changes):
        varbinds = [(oid.encode(f"1.3.6.1.6.3.15.1.1.{counter}.0"), pdu.COUNTER32, next(COUNT))]
        return self.say(parsed, Pdu(pdu.REPORT, 0, varbinds=varbinds), flags, **changes)

    def hear(self, data, play):
        """Answer discovery honestly, and then as ``play`` says."""
        parsed = v3message.parse(data)
        if parsed.engine_id != self.engine:
            return play(self, parsed, None) if play in FROM_THE_START else [self.report(parsed, 4)]
        text = v3message.scoped_text(data, parsed, self.key(self.engine))
        return play(self, parsed, v3message.decode_scoped(text))


def response(a, **changes):
    return Pdu(
        **({"kind": pdu.RESPONSE, "request_id": a.request_id, "varbinds": table(a)} | changes)
    )


def replayed(s, p, a):
    """The first good answer, again and again."""
    s.first = s.first or s.say(p, response(a))
    return [s.first]


def replayed_as_ours(s, p, a):
    """The first good answer with the new msgID written over its own."""
    s.first = s.first or s.say(p, response(a), msg_id=1 << 29)
    return [s.first.replace((1 << 29).to_bytes(4, "big"), p.msg_id.to_bytes(4, "big"), 1)]


def ageing(s, p, a, **changes):
    """One good answer, and from then on stale ones."""
    if s.first is None:
        s.first = s.say(p, response(a))
        return [s.first]
    return [s.say(p, response(a), **changes)]


def new_engine(s, p, a):
    return [s.report(p, 4, engine=b"\x80\x00\x1f\x88\x04" + b"%d" % next(COUNT))]


def leaping(s, p, a):
    return [s.report(p, 2, 1, boots=CHANCE.randrange(1 << 31), leap=CHANCE.randrange(1 << 30))]


def damaged(s, p, a):
    data = bytearray(s.say(p, response(a)))
    data[-CHANCE.randint(1, 200)] ^= 0x55
    return [bytes(data)]


def cut3(s, p, a):
    data = s.say(p, response(a))
    return [data[: CHANCE.randrange(len(data))]]


SECURE = {
    "v3-replay": replayed,
    "v3-replay-renamed": replayed_as_ours,
    "v3-new-engine": new_engine,
    "v3-silent": lambda s, p, a: [],
    "v3-other-engine": lambda s, p, a: [s.say(p, response(a), engine=b"\x80\x00\x1f\x88\x04zz")],
    "v3-leaping": leaping,
    "v3-old-time": lambda s, p, a: ageing(s, p, a, leap=-1000),
    "v3-old-boots": lambda s, p, a: ageing(s, p, a, boots=2),
    "v3-max-boots": lambda s, p, a: [s.say(p, response(a), boots=(1 << 31) - 1)],
    "v3-damaged": damaged,
    "v3-cut": cut3,
    "v3-plain": lambda s, p, a: [s.say(p, response(a), 0)],
    "v3-unencrypted": lambda s, p, a: [s.say(p, response(a), 1)],
    "v3-endless": lambda s, p, a: [s.say(p, response(a, varbinds=table(a, 1 << 31)))],
    "v3-same-oid": lambda s, p, a: [s.say(p, response(a, varbinds=a.varbinds))],
    "v3-wrong-id": lambda s, p, a: [s.say(p, response(a, request_id=a.request_id ^ 1))],
    "v3-no-values": lambda s, p, a: [s.say(p, response(a, varbinds=[]))],
    "v3-request": lambda s, p, a: [s.say(p, a)],
    "v3-level": lambda s, p, a: [s.report(p, 1)],
    "v3-window": lambda s, p, a: [s.report(p, 2, 1)],
    "v3-window-plain": lambda s, p, a: [s.report(p, 2)],
    "v3-user": lambda s, p, a: [s.report(p, 3)],
    "v3-engine": lambda s, p, a: [s.report(p, 4)],
    "v3-digest": lambda s, p, a: [s.report(p, 5)],
    "v3-decryption": lambda s, p, a: [s.report(p, 6, 1)],
    "v3-counter-99": lambda s, p, a: [s.report(p, 99)],
    "v3-garbage": lambda s, p, a: [junk(n) for n in (1, 50, 1400)],
}
"""Likewise of version 3."""
FROM_THE_START = {new_engine, SECURE["v3-silent"], SECURE["v3-garbage"], SECURE["v3-user"]}
GOOD3 = {"v3-honest": lambda s, p, a: [s.say(p, response(a))]}
