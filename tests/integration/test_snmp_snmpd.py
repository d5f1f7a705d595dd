"""Debian's snmpd through the whole transport: versions, wrong users and keys, restarts."""

import asyncio
import contextlib
import socket
import subprocess

import pytest
from pydantic import SecretStr
from real import need
from visiting import target

from exporters._snmp import oid
from exporters._snmp.credentials import Community, User
from exporters._snmp.session import Session
from monitor.clock import SystemClock
from monitor.polling.io import Net
from monitor.probe import ProbeError

pytestmark = pytest.mark.real

NAME, UPTIME = oid.encode("1.3.6.1.2.1.1.5.0"), oid.encode("1.3.6.1.2.1.1.3.0")
COLUMNS = [oid.encode(f"1.3.6.1.2.1.2.2.1.{n}") for n in (1, 2, 8, 10)]
RIGHT, WRONG = SecretStr("authpass123"), SecretStr("wrongwrong123")
CONFIG = """
rocommunity public default
createUser mon SHA-256 "authpass123" AES "authpass123"
createUser big SHA-512 "authpass123" AES-256 "authpass123"
createUser signed SHA-256 "authpass123"
rouser mon authPriv
rouser big authPriv
rouser signed authNoPriv
sysName core-sw-1
"""


def user(name="mon", auth="sha256", priv="aes128", *, key=RIGHT, privacy=RIGHT):
    return User(name, auth, key, priv, privacy)


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Daemon:
    """One snmpd whose state outlives it, unless it is another device."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_udp_port(), None

    async def start(self, state="state"):
        config = self.folder / "snmpd.conf"
        config.write_text(CONFIG)
        at = f"udp:127.0.0.1:{self.port}"
        self.process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
            [need("snmpd"), "-f", "-Lo", "-C", "-c", config, "-I", "-smux", at],
            env={"MIBS": "", "SNMP_PERSISTENT_DIR": str(self.folder / state)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        async with Net(SystemClock()) as net:
            for _ in range(100):
                with contextlib.suppress(ProbeError):
                    await ask(net, self, Community(SecretStr("public")), 0.3)
                    return
                await asyncio.sleep(0.05)
        pytest.fail("snmpd does not answer")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


@pytest.fixture
async def snmpd(tmp_path):
    daemon = Daemon(tmp_path)
    await daemon.start()
    yield daemon
    daemon.stop()


@pytest.fixture
async def net():
    async with Net(SystemClock()) as made:
        yield made


async def ask(net, daemon, who, seconds=3.0):
    io = net.guard(target("tcp", "127.0.0.1:1", timeout=seconds))
    session = Session(await io.snmp("127.0.0.1", daemon.port, who))
    got = await session.get([NAME, UPTIME])
    return got[NAME][2], await session.walk(COLUMNS)


@pytest.mark.parametrize(
    "who",
    [
        Community(SecretStr("public"), 0),
        Community(SecretStr("public")),
        user(),
        user("big", "sha512", "aes256"),
        user("signed", priv="none"),
    ],
    ids=["v1", "v2c", "sha256-aes128", "sha512-aes256", "sha256"],
)
async def test_a_get_and_a_walk(snmpd, net, who):
    """Twice: in v3 the second visit needs no discovery. Every interface of this machine."""
    for _ in range(2):
        name, rows = await ask(net, snmpd, who)
        assert name == b"core-sw-1"
        assert [row[1][2].decode() for row in rows.values()] == [
            name for _, name in sorted(socket.if_nameindex())
        ]


@pytest.mark.parametrize(
    ("who", "reason", "said"),
    [
        (Community(SecretStr("private")), "timeout", "to a wrong community an agent is silent"),
        (user("nobody"), "status", "does not know this user"),
        (user(key=WRONG), "status", "does not accept this user's authentication"),
        (user(auth="sha512"), "status", "does not accept this user's authentication"),
        (user(privacy=WRONG), "timeout", "wrong privacy password"),
        (user(priv="aes256"), "timeout", "wrong privacy password"),
        (user("signed"), "status", "does not let this user ask with this auth and priv"),
        (user(priv="none"), "status", "authorizationError for 1.3.6.1.2.1.1.5.0"),
    ],
    ids=["community", "user", "key", "auth", "privacy", "priv", "level", "view"],
)
async def test_who_may_not(snmpd, net, who, reason, said):
    """Each wrong thing by its own words, and no secret in any."""
    with pytest.raises(ProbeError) as caught:
        await ask(net, snmpd, who, 0.9)
    assert caught.value.reason == reason
    assert said in caught.value.detail
    assert "wrong123" not in str(caught.value)
    assert "authpass" not in str(caught.value)


async def test_the_agent_starts_again(snmpd, net):
    """Its boots are up by one: the first visit after it is as good as any."""
    assert (await ask(net, snmpd, user()))[0] == b"core-sw-1"
    snmpd.stop()
    with pytest.raises(ProbeError) as caught:
        await ask(net, snmpd, user())
    assert caught.value.reason == "refused"
    await snmpd.start()
    assert (await ask(net, snmpd, user()))[0] == b"core-sw-1"


async def test_the_device_was_replaced(snmpd, net):
    """Another engine id behind the same address: found again within the visit."""
    assert (await ask(net, snmpd, user()))[0] == b"core-sw-1"
    before = [known.speech.engine_id for known in net.snmp._known.values()]
    snmpd.stop()
    await snmpd.start("another")
    assert (await ask(net, snmpd, user()))[0] == b"core-sw-1"
    assert [known.speech.engine_id for known in net.snmp._known.values()] != before


@pytest.mark.parametrize("wrong", [-100_000, 100_000])
async def test_our_idea_of_its_time_is_wrong(snmpd, net, wrong):
    """It says notInTimeWindows, and is asked again at its own time."""
    await ask(net, snmpd, user())
    (known,) = net.snmp._known.values()
    ours = known.speech._time
    known.speech._time = type(ours)(ours.boots, max(0, ours.time + wrong), ours.at, trusted=True)
    name, _ = await ask(net, snmpd, user())
    assert name == b"core-sw-1"
