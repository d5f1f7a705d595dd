"""The codec and USM against a real snmpd, over a blocking socket."""

import itertools
import socket

import pytest
from integration.snmpd import COMMUNITY, NAME, PASSWORDS, SYS_NAME, USERS, Snmpd

from exporters._snmp import community, oid, pdu, usm, v3
from monitor.clock import SystemClock

pytestmark = pytest.mark.real
SYSTEM = oid.encode("1.3.6.1.2.1.1")
now = SystemClock().monotonic
REQUEST_IDS = itertools.count(1)


@pytest.fixture(scope="module")
def snmpd(tmp_path_factory):
    with Snmpd(tmp_path_factory.mktemp("snmpd")) as agent:
        yield agent


class Line:
    """A UDP socket that waits two seconds."""

    def __init__(self, agent):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(2)
        self.socket.connect(("127.0.0.1", agent.port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def turn(self, data):
        self.socket.send(data)
        return self.socket.recv(65535)

    def v2c(self, message):
        version, name, answer = community.decode(
            self.turn(community.encode(1, COMMUNITY.encode(), message))
        )
        assert (version, name, answer.request_id) == (1, COMMUNITY.encode(), message.request_id)
        return answer

    def v3(self, engine, message):
        """What comes of a request, and the Reports on the way."""
        reports = []
        for _ in range(5):
            _, data = engine.outgoing(message, now())
            answer = engine.incoming(self.turn(data), now())
            if not isinstance(answer, v3.Report):
                return answer, reports
            reports.append(answer.name)
            if not answer.again:
                return None, reports
        raise AssertionError(reports)


def get(*oids):
    return pdu.ask(pdu.GET, next(REQUEST_IDS), list(oids))


def engine(name, auth_password=PASSWORDS[0], priv_password=PASSWORDS[1], user=None):
    auth, priv, _, _ = USERS[name]
    masters = usm.masters(auth, auth_password.encode(), priv, priv_password.encode())
    return v3.Engine((user or name).encode(), masters)


def walk(ask):
    """The system group by GetBulk, OIDs rising."""
    found, last = [], SYSTEM
    while True:
        for varbind in ask(pdu.ask(pdu.GETBULK, next(REQUEST_IDS), [last], (0, 20))).varbinds:
            if not varbind[0].startswith(SYSTEM):
                return found
            assert oid.after(varbind[0], last)
            found.append(varbind)
            last = varbind[0]


def test_a_value_over_version_2c(snmpd):
    with Line(snmpd) as line:
        assert line.v2c(get(NAME)).varbinds == [(NAME, pdu.OCTET_STRING, SYS_NAME.encode())]


def test_what_is_not_there_is_told_apart(snmpd):
    missing = [oid.encode("1.3.6.1.2.1.1.99.0"), oid.encode("1.3.6.1.2.1.1.5.1")]
    with Line(snmpd) as line:
        tags = [tag for _, tag, _ in line.v2c(get(*missing)).varbinds]
        end = line.v2c(pdu.ask(pdu.GETNEXT, 9, [oid.encode("2.99")])).varbinds
    assert tags == [pdu.NO_SUCH_OBJECT, pdu.NO_SUCH_INSTANCE]
    assert end == [(oid.encode("2.99"), pdu.END_OF_MIB_VIEW, None)]


@pytest.mark.parametrize("name", USERS)
def test_version_3_reads_what_version_2c_reads(snmpd, name):
    """
    Every pair of protocols: SHA-1 to SHA-512, AES-128 to AES-256, both ways to a longer key.
    """
    ours = engine(name)
    with Line(snmpd) as line:
        plain = walk(line.v2c)
        answer, reports = line.v3(ours, get(NAME))
        secret = walk(lambda message: line.v3(ours, message)[0])
    assert reports == ["unknownEngineIDs"]
    assert answer.varbinds[0][2] == SYS_NAME.encode()
    assert [v[:2] for v in secret] == [v[:2] for v in plain]
    assert len(plain) > 20


def test_wrong_user_and_wrong_key_are_told_apart(snmpd):
    with Line(snmpd) as line:
        user = line.v3(engine("sha256-aes128", user="nobody"), get(NAME))
        key = line.v3(engine("sha256-aes128", auth_password="another123"), get(NAME))
        level = line.v3(engine("sha256-aes128", user="sha384"), get(NAME))
    assert user == (None, ["unknownEngineIDs", "unknownUserNames"])
    assert key == (None, ["unknownEngineIDs", "wrongDigests"])
    assert level == (None, ["unknownEngineIDs", "unsupportedSecLevels"])


def test_a_wrong_privacy_key_is_silence(snmpd):
    """
    Net-snmp cannot read the request and says nothing: no proof of our key either.
    """
    ours = engine("sha256-aes128", priv_password="another123")
    with Line(snmpd) as line, pytest.raises(TimeoutError):
        line.v3(ours, get(NAME))
    assert ours.discovered
    assert not ours.proven


def test_a_wrong_engine_time_costs_one_turn(snmpd):
    ours = engine("sha512-aes256")
    with Line(snmpd) as line:
        line.v3(ours, get(NAME))
        wrong = now() + 10_000
        _, data = ours.outgoing(get(NAME), wrong)
        report = ours.incoming(line.turn(data), now())
        answer, reports = line.v3(ours, get(NAME))
    assert report.name == "notInTimeWindows"
    assert report.authentic
    assert report.again
    assert answer.varbinds[0][2] == SYS_NAME.encode()
    assert reports in ([], ["notInTimeWindows"])


@pytest.mark.parametrize("name", ["sha256-aes128", "sha512-aes256"])
def test_a_restart_of_the_agent_costs_one_turn(tmp_path, name):
    ours = engine(name)
    with Snmpd(tmp_path) as agent, Line(agent) as line:
        assert line.v3(ours, get(NAME))[0] is not None
        boots = ours.boots
        agent.restart()
        answer, reports = line.v3(ours, get(NAME))
    assert answer.varbinds[0][2] == SYS_NAME.encode()
    assert reports == ["notInTimeWindows"]
    assert ours.boots == boots + 1


def test_a_replaced_agent_costs_one_turn(tmp_path):
    ours = engine("sha256-aes128")
    with Snmpd(tmp_path) as agent, Line(agent) as line:
        assert line.v3(ours, get(NAME))[0] is not None
        before = ours.engine_id
        agent.replace()
        answer, reports = line.v3(ours, get(NAME))
    assert answer.varbinds[0][2] == SYS_NAME.encode()
    assert reports == ["unknownEngineIDs"]
    assert ours.engine_id != before
