"""
An agent's life under one manager, as hypothesis makes it up: restarts, lost boots, replaced
devices, clocks that run wrong, datagrams lost, late, repeated and forged.

Whatever happens, no datagram is believed twice, no forgery at all, and four turns later at
most the two understand each other again.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from snmp.v3_agent import VALUE, Agent

from exporters._snmp import ber, pdu, usm, v3, v3message

USER = b"zhiban"
MASTERS = usm.masters("sha512", b"authpass123", "aes256", b"privpass123")
OTHERS = usm.masters("sha512", b"mallory1234", "aes256", b"privpass123")
TURNS = 4


class Life(RuleBasedStateMachine):
    """``now`` is the manager's clock; the agent's runs ``pace`` times as fast."""

    def __init__(self):
        super().__init__()
        self.engine = v3.Engine(USER, MASTERS)
        self.now = 0.0
        self.pace = 1.0
        self.devices = 0
        self.number = 0
        self.on_the_way = []  # answers not delivered yet
        self.delivered = []  # answers that were believed

    @initialize(boots=st.integers(0, 5), uptime=st.integers(0, 10_000_000))
    def an_agent(self, boots, uptime):
        self.agent = Agent(USER, MASTERS, boots=boots, time=uptime)

    def ask(self):
        self.number += 1
        _, data = self.engine.outgoing(pdu.ask(pdu.GET, self.number, [VALUE[0]]), self.now)
        return self.agent.answer(data)

    def believed(self, data):
        """What the manager makes of a datagram; None where it refuses it."""
        try:
            seen = self.engine.incoming(data, self.now)
        except (ber.BerError, v3.RefusedError):
            return None
        if isinstance(seen, pdu.Pdu):
            assert seen.varbinds == [VALUE]
            assert data not in self.delivered
            self.delivered.append(data)
        return seen

    @rule(seconds=st.one_of(st.integers(0, 5), st.integers(0, 100_000)))
    def time_passes(self, seconds):
        self.now += seconds
        self.agent.time += int(seconds * self.pace)

    @rule(pace=st.sampled_from([0.5, 1.0, 1.0, 2.0]))
    def the_agents_clock_runs_at(self, pace):
        self.pace = pace

    @rule(uptime=st.integers(0, 60))
    def the_agent_restarts(self, uptime):
        self.agent.boots, self.agent.time = self.agent.boots + 1, uptime

    @rule(boots=st.integers(0, 2), uptime=st.integers(0, 60))
    def the_agent_restarts_and_has_lost_its_boots(self, boots, uptime):
        self.agent.boots, self.agent.time = boots, uptime

    @rule(uptime=st.integers(0, 10_000))
    def the_device_is_replaced(self, uptime):
        self.devices += 1
        self.agent.become(b"\x80\x00\x00\x00\x05" + bytes((self.devices % 256,)))
        self.agent.boots, self.agent.time = 1, uptime

    @rule()
    def a_request_is_answered_late(self):
        if (answer := self.ask()) is not None:
            self.on_the_way.append(answer)

    @rule(which=st.integers(0, 100))
    def a_late_answer_arrives(self, which):
        if self.on_the_way:
            self.believed(self.on_the_way.pop(which % len(self.on_the_way)))

    @rule()
    def an_answer_is_lost(self):
        self.ask()

    @rule(which=st.integers(0, 100))
    def an_answer_is_replayed(self, which):
        if self.delivered:
            assert self.believed(self.delivered[which % len(self.delivered)]) is None

    @rule(flags=st.sampled_from([0, 1, 3]), boots=st.sampled_from([0, 9, v3.MAX_BOOTS]))
    def an_answer_is_forged(self, flags, boots):
        """
        By somebody who sees the msgID and has no key.
        """
        msg_id, _ = self.engine.outgoing(pdu.ask(pdu.GET, 1, [VALUE[0]]), self.now)
        forger = Agent(USER, OTHERS, engine_id=self.agent.engine_id, boots=boots, time=5)
        answer = forger.say(msg_id, flags, pdu.Pdu(pdu.RESPONSE, 1, 0, 0, [VALUE]))
        assert self.believed(answer) is None
        before = self.engine.boots, self.engine.engine_id, self.engine.proven
        asked = v3message.parse(self.engine.outgoing(pdu.ask(pdu.GET, 1, []), self.now)[1])
        self.believed(forger.report(asked, "notInTimeWindows", flags=flags))
        assert (self.engine.boots, self.engine.engine_id, self.engine.proven) == before

    @invariant()
    def they_understand_each_other_again(self):
        if not hasattr(self, "agent") or self.number % 3:
            self.number += 1
            return
        for _ in range(TURNS):
            seen = self.believed(self.ask())
            if isinstance(seen, pdu.Pdu):
                return
        raise AssertionError(seen)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
