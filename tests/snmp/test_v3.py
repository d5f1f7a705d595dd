"""The manager's side of USM: discovery, time, restarts, forgeries, replays."""

import pytest
from snmp.v3_agent import VALUE, Agent

from exporters._snmp import ber, oid, pdu, usm, v3, v3message
from exporters._snmp.v3 import Engine, RefusedError, Report

USER = b"zhiban"
MASTERS = usm.masters("sha256", b"authpass123", "aes128", b"privpass123")
LEVELS = {
    "authPriv, SHA-256 and AES-128": MASTERS,
    "authPriv, SHA-512 and AES-256": usm.masters(
        "sha512", b"authpass123", "aes256", b"privpass123"
    ),
    "authPriv, SHA-1 and AES-192 of Cisco": usm.masters(
        "sha1", b"authpass123", "aes192c", b"privpass123"
    ),
    "authNoPriv": usm.masters("sha224", b"authpass123", "none", b""),
    "noAuthNoPriv": usm.masters("none", b"", "none", b""),
}
GET = pdu.ask(pdu.GET, 77, [VALUE[0]])
ANSWER = pdu.Pdu(pdu.RESPONSE, 77, 0, 0, [VALUE])
UNKNOWN_ENGINE = Report("unknownEngineIDs", again=True, authentic=False)
RESYNC = Report("notInTimeWindows", again=True, authentic=True)


def pair(masters=MASTERS, **state):
    return Engine(USER, masters), Agent(USER, masters, **state)


def turn(engine, agent, now):
    """One message there and one back."""
    _, data = engine.outgoing(GET, now)
    return engine.incoming(agent.answer(data), now)


def talk(engine, agent, now):
    """Turns until an answer or a Report that asks for nothing more."""
    seen = []
    while len(seen) < 6:
        seen.append(turn(engine, agent, now))
        if not (isinstance(seen[-1], Report) and seen[-1].again):
            break
    return seen


def met(masters=MASTERS, **state):
    """A pair that has talked at instant 0."""
    engine, agent = pair(masters, **state)
    assert talk(engine, agent, 0.0)[-1] == ANSWER
    return engine, agent


@pytest.mark.parametrize("masters", LEVELS.values(), ids=LEVELS)
def test_discovery_costs_one_turn_and_only_once(masters):
    engine, agent = pair(masters)
    assert not engine.discovered
    assert talk(engine, agent, 0.0) == [UNKNOWN_ENGINE, ANSWER]
    assert engine.discovered
    agent.time += 60
    assert talk(engine, agent, 60.0) == [ANSWER]


def test_a_key_is_proven_by_an_authentic_answer_alone():
    engine, agent = pair()
    assert turn(engine, agent, 0.0) == UNKNOWN_ENGINE
    assert not engine.proven
    assert turn(engine, agent, 0.0) == ANSWER
    assert engine.proven


def test_nothing_of_a_request_is_readable_on_the_way():
    engine, _agent = met()
    _, data = engine.outgoing(GET, 1.0)
    assert VALUE[0] not in data


def test_each_message_has_its_own_id_and_salt():
    engine, _ = met()
    sent = [v3message.parse(engine.outgoing(GET, 1.0)[1]) for _ in range(50)]
    assert len({m.msg_id for m in sent}) == 50
    assert len({m.salt for m in sent}) == 50
    assert all(m.flags == 7 for m in sent)


WRONG = {
    "user": (b"nobody", MASTERS, "unknownUserNames"),
    "key": (USER, usm.masters("sha256", b"authpass124", "aes128", b"privpass123"), "wrongDigests"),
    "hash": (USER, usm.masters("sha512", b"authpass123", "aes128", b"privpass123"), "wrongDigests"),
}


@pytest.mark.parametrize(("user", "masters", "name"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_apart(user, masters, name):
    agent = Agent(USER, MASTERS)
    seen = talk(Engine(user, masters), agent, 0.0)
    assert seen == [UNKNOWN_ENGINE, Report(name, again=False, authentic=False)]


def test_a_level_that_the_agent_has_not_is_told():
    agent = Agent(USER, usm.masters("sha256", b"authpass123", "none", b""))
    assert talk(Engine(USER, MASTERS), agent, 0.0)[-1].name == "unsupportedSecLevels"


def test_reports_of_the_other_mibs_have_their_names():
    engine, agent = met()
    for counter, name in [
        (oid.encode("1.3.6.1.6.3.12.1.5.0"), "snmpUnknownContexts"),
        (oid.encode("1.3.6.1.4.1.9.9"), "1.3.6.1.4.1.9.9"),
    ]:
        _, data = engine.outgoing(GET, 1.0)
        report = agent.report(v3message.parse(data), "", flags=1, counter=counter)
        assert engine.incoming(report, 1.0) == Report(name, again=False, authentic=True)


def test_a_restart_of_the_agent_costs_one_turn():
    """
    Boots one higher, its time near 0: RFC 3414 section 3.2 7b.
    """
    engine, agent = met()
    agent.boots, agent.time = agent.boots + 1, 5
    assert talk(engine, agent, 60.0) == [RESYNC, ANSWER]
    assert engine.boots == 4


def test_a_card_that_forgets_its_boots_costs_two_turns():
    engine, agent = met(boots=1, time=5_000_000)
    agent.time = 30
    assert talk(engine, agent, 60.0) == [RESYNC, RESYNC, ANSWER]
    agent.boots, agent.time = 0, 40
    assert talk(engine, agent, 120.0) == [RESYNC, RESYNC, ANSWER]


def test_one_report_alone_does_not_step_back():
    """
    Its neighbours must say so in a row: an answer between them starts anew.
    """
    engine, agent = met(boots=5, time=5_000)
    agent.boots, agent.time = 4, 10
    assert turn(engine, agent, 1.0) == RESYNC
    agent.boots, agent.time = 5, 5_001
    assert turn(engine, agent, 1.0) == ANSWER
    agent.boots, agent.time = 4, 12
    assert turn(engine, agent, 2.0) == RESYNC
    assert engine.boots == 5


def test_a_replaced_device_is_met_anew():
    engine, agent = met()
    agent.become(b"\x80\x00\x00\x00\x01another")
    agent.boots, agent.time = 1, 20
    assert talk(engine, agent, 60.0) == [UNKNOWN_ENGINE, ANSWER]
    assert engine.engine_id == agent.engine_id


@pytest.mark.parametrize("drift", [0.9, 1.1])
def test_a_clock_that_runs_wrong_is_followed(drift):
    """
    Over a day of visits a minute apart, without one Report.
    """
    engine, agent = met(time=1000)
    for minute in range(1, 24 * 60):
        agent.time = 1000 + int(minute * 60 * drift)
        assert turn(engine, agent, minute * 60.0) == ANSWER


def test_an_agent_at_the_end_of_its_boots_answers_nobody():
    engine, agent = met()
    agent.boots = v3.MAX_BOOTS
    seen = talk(engine, agent, 10.0)
    assert seen == [Report("notInTimeWindows", again=False, authentic=True)]


def test_the_same_answer_is_taken_once():
    engine, agent = met()
    _, data = engine.outgoing(GET, 1.0)
    answer = agent.answer(data)
    assert engine.incoming(answer, 1.0) == ANSWER
    with pytest.raises(RefusedError, match="again"):
        engine.incoming(answer, 1.0)


def test_a_late_answer_to_an_earlier_try_is_taken():
    engine, agent = met()
    first = agent.answer(engine.outgoing(GET, 1.0)[1])
    second = agent.answer(engine.outgoing(GET, 2.0)[1])
    assert engine.incoming(second, 3.0) == ANSWER
    assert engine.incoming(first, 3.0) == ANSWER


def test_an_old_answer_is_outside_the_window():
    engine, agent = met(time=1000)
    _, data = engine.outgoing(GET, 1.0)
    late = agent.answer(data)
    agent.time = 1160
    assert turn(engine, agent, 160.0) == ANSWER
    with pytest.raises(RefusedError, match="time window"):
        engine.incoming(late, 160.0)


def test_an_answer_of_an_earlier_boot_is_refused():
    engine, agent = met()
    _, data = engine.outgoing(GET, 1.0)
    late = agent.answer(data)
    agent.boots, agent.time = agent.boots + 1, 0
    assert talk(engine, agent, 2.0)[-1] == ANSWER
    with pytest.raises(RefusedError, match="time window"):
        engine.incoming(late, 2.0)


def forged(engine, agent, **changes):
    """A response that fits, but for what the test changes."""
    msg_id, _ = engine.outgoing(GET, 1.0)
    other = Agent(
        changes.get("user", USER),
        changes.get("masters", agent.masters),
        engine_id=changes.get("engine_id", agent.engine_id),
        boots=agent.boots,
        time=agent.time,
    )
    kind = changes.get("kind", pdu.RESPONSE)
    return other.say(msg_id, changes.get("flags", 3), pdu.Pdu(kind, 77, 0, 0, [VALUE]))


FORGERIES = {
    "without a MAC": ({"flags": 0}, "not secured"),
    "in the clear": ({"flags": 1}, "not secured"),
    "with another key": ({"masters": LEVELS["authPriv, SHA-512 and AES-256"]}, "MAC"),
    "from another engine": ({"engine_id": b"\x80\x00\x00\x00\x01other"}, "another engine"),
    "for another user": ({"user": b"mallory"}, "another user"),
    "a request": ({"kind": pdu.GET}, "not secured"),
}


@pytest.mark.parametrize(("changes", "why"), FORGERIES.values(), ids=FORGERIES)
def test_forgeries_are_refused_and_the_right_answer_still_counts(changes, why):
    engine, agent = met()
    _, data = engine.outgoing(GET, 1.0)
    with pytest.raises(RefusedError, match=why):
        engine.incoming(forged(engine, agent, **changes), 1.0)
    assert engine.incoming(agent.answer(data), 1.0) == ANSWER


def test_one_bit_anywhere_makes_an_answer_unbelievable():
    engine, agent = met()
    _, data = engine.outgoing(GET, 1.0)
    answer = agent.answer(data)
    for bit in range(len(answer) * 8):
        spoilt = bytearray(answer)
        spoilt[bit // 8] ^= 1 << bit % 8
        with pytest.raises((RefusedError, ber.BerError)):
            engine.incoming(bytes(spoilt), 1.0)
    assert engine.incoming(answer, 1.0) == ANSWER


def test_what_anybody_may_have_written_moves_no_clock():
    """
    A notInTimeWindows Report without a MAC is passed on, and that is all.
    """
    engine, agent = met()
    _, data = engine.outgoing(GET, 1.0)
    forger = Agent(USER, MASTERS, engine_id=agent.engine_id, boots=v3.MAX_BOOTS - 1, time=9)
    report = forger.report(v3message.parse(data), "notInTimeWindows", flags=0)
    assert engine.incoming(report, 1.0) == Report("notInTimeWindows", again=False, authentic=False)
    assert engine.boots == agent.boots
    assert engine.incoming(agent.answer(data), 1.0) == ANSWER


def test_times_of_a_forged_discovery_are_put_right():
    engine, agent = pair()
    liar = Agent(USER, MASTERS, boots=v3.MAX_BOOTS - 1, time=9)
    assert turn(engine, liar, 0.0) == UNKNOWN_ENGINE
    assert talk(engine, agent, 0.0) == [RESYNC, ANSWER]


def test_discoveries_in_flight_at_once_find_the_same_engine():
    engine, agent = pair()
    reports = [agent.answer(engine.outgoing(GET, 0.0)[1]) for _ in range(3)]
    assert [engine.incoming(r, 0.0) for r in reports] == [UNKNOWN_ENGINE] * 3
    assert talk(engine, agent, 0.0) == [ANSWER]


def test_an_engine_that_denies_itself_is_not_asked_for_ever():
    engine, agent = met()
    _, data = engine.outgoing(GET, 1.0)
    report = agent.report(v3message.parse(data), "unknownEngineIDs")
    assert engine.incoming(report, 1.0) == Report("unknownEngineIDs", again=False, authentic=False)


def test_what_is_outstanding_has_a_bound():
    engine, agent = met()
    first = engine.outgoing(GET, 1.0)[1]
    for _ in range(v3.MAX_OUTSTANDING):
        engine.outgoing(GET, 1.0)
    with pytest.raises(RefusedError, match="nothing that we asked"):
        engine.incoming(agent.answer(first), 1.0)


def octets(content):
    return ber.element(4, content)


def raw(*, version=3, flags=b"\x00", model=3, boots=1, engine_id=b"e", behind=b""):
    """A message with what the test wants wrong."""
    head = ber.element(
        0x30, ber.integer(5) + ber.integer(65507) + octets(flags) + ber.integer(model)
    )
    security = octets(engine_id) + ber.integer(boots) + ber.integer(2) + octets(b"") * 3 + behind
    return ber.element(0x30, ber.integer(version) + head + octets(ber.element(0x30, security)))


BAD = {
    "version 2c": ({"version": 1}, "version 1 where 3"),
    "another security model": ({"model": 4}, "security model 4"),
    "privacy without authentication": ({"flags": b"\x02"}, "msgFlags"),
    "msgFlags of two bytes": ({"flags": b"\x00\x00"}, "msgFlags"),
    "boots below 0": ({"boots": -1}, "outside their bounds"),
    "an engine's id of 33 bytes": ({"engine_id": bytes(33)}, "outside their bounds"),
    "bytes behind the parameters": ({"behind": b"\x05\x00"}, "behind the security parameters"),
}


@pytest.mark.parametrize(("changes", "why"), BAD.values(), ids=BAD)
def test_what_is_no_message_is_refused_in_words(changes, why):
    assert v3message.parse(raw()).engine_id == b"e"
    with pytest.raises(ber.BerError, match=why):
        v3message.parse(raw(**changes))


def test_every_cut_of_a_message_is_refused():
    engine, agent = met()
    answer = agent.answer(engine.outgoing(GET, 1.0)[1])
    for size in range(len(answer)):
        with pytest.raises(ber.BerError):
            engine.incoming(answer[:size], 1.0)
