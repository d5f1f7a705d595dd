"""Gets and walks against agents that answer from a list."""

import pytest

from exporters._snmp import oid, pdu
from exporters._snmp.community import V1, V2C
from exporters._snmp.pdu import Pdu
from exporters._snmp.session import GET_AT_ONCE, Session
from monitor.probe import ProbeError

NAMES = [oid.encode(f"1.3.6.1.2.1.1.{n}.0") for n in range(1, 80)]


class Agent:
    """Has some OIDs; ``most`` values fit into an answer."""

    def __init__(self, version, has, most=1000, *, points=True):
        self.version, self.has, self.most, self.points = version, set(has), most, points
        self.sizes = []

    async def exchange(self, request):
        asked = [v[0] for v in request.varbinds]
        self.sizes.append(len(asked))
        if len(asked) > self.most:
            return Pdu(pdu.RESPONSE, 0, 1, 0, request.varbinds)
        if self.version == V1:
            for place, name in enumerate(asked, 1):
                if name not in self.has:
                    return Pdu(pdu.RESPONSE, 0, 2, place if self.points else 0, request.varbinds)
        return Pdu(pdu.RESPONSE, 0, varbinds=[self.one(name) for name in asked])

    def one(self, name):
        if name in self.has:
            return (name, pdu.INTEGER, 7)
        return (name, pdu.NO_SUCH_INSTANCE, None)


@pytest.mark.parametrize("version", [V1, V2C])
@pytest.mark.parametrize("most", [1, 5, 1000])
@pytest.mark.parametrize("points", [True, False])
async def test_what_an_agent_has_and_what_not(version, most, points):
    """An OID that is not there is left out, in version 1 too."""
    agent = Agent(version, NAMES[::3], most, points=points)
    got = await Session(agent).get(NAMES)
    assert got == {name: (name, pdu.INTEGER, 7) for name in NAMES[::3]}
    assert max(agent.sizes) <= GET_AT_ONCE


class Saying:
    """Always the same answer."""

    version = V2C

    def __init__(self, answer):
        self.answer = answer

    async def exchange(self, request):
        return self.answer


@pytest.mark.parametrize(
    ("answer", "reason", "said"),
    [
        (Pdu(pdu.RESPONSE, 0, 5, 2), "status", "genErr for 1.3.6.1.2.1.1.2.0"),
        (Pdu(pdu.RESPONSE, 0, 16, 0), "status", "authorizationError for 1.3.6.1.2.1.1.1.0"),
        (Pdu(pdu.RESPONSE, 0, 2, 1), "status", "noSuchName"),
        (Pdu(pdu.RESPONSE, 0, 1, 0), "status", "tooBig"),
        (Pdu(pdu.RESPONSE, 0), "protocol", "answers something else"),
        (Pdu(pdu.RESPONSE, 0, 0, 0, [(NAMES[5], 2, 1)]), "protocol", "asked for 1.3.6.1.2.1.1.1.0"),
    ],
)
async def test_answers_that_are_none(answer, reason, said):
    """Each error-status by its name and OID; other values are no answer."""
    with pytest.raises(ProbeError) as caught:
        await Session(Saying(answer)).get(NAMES[:3])
    assert caught.value.reason == reason
    assert said in caught.value.detail


async def test_nothing_asked():
    """No OID, no datagram."""
    agent = Agent(V2C, NAMES)
    assert await Session(agent).get([]) == {}
    assert await Session(agent).walk([]) == {}
    assert agent.sizes == []
