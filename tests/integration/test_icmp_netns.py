"""The icmp probe on loopback, and against a host in a network namespace that can vanish."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
import uvloop
from real import missing, need
from visiting import visit

pytestmark = pytest.mark.real

US, THEM = "10.213.77.1", "10.213.77.2"
DARK = "10.213.77.3"  # nobody has it
ROOT = Path(__file__).resolve().parents[2]
AS_NOBODY = """
import asyncio, sys
sys.path[:0] = [{root!r}, {tests!r}]
import encodings.idna, visiting  # all that a stripped process cannot load later
{drop}
seen, _ = asyncio.run(visiting.visit("icmp", "127.0.0.1", timeout=2.0))
print(seen.up, seen.reason, seen.detail)
"""


@pytest.fixture
def raw():
    if os.geteuid() != 0:
        missing("a namespace and a raw socket need root")


@pytest.fixture
def link(raw):
    """A host at THEM, one cable away; yields a function for ``ip`` inside its namespace."""
    ip = need("ip")
    space, ours, theirs = (f"zb{os.getpid()}{end}" for end in "nab")

    def run(*args):
        subprocess.run([ip, *args], check=True, stderr=subprocess.PIPE)

    try:
        run("netns", "add", space)
    except subprocess.CalledProcessError as error:
        missing(f"ip netns does not work here: {error.stderr.decode().strip()}")
    try:
        run("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", space)
        run("addr", "add", f"{US}/24", "dev", ours)
        run("link", "set", ours, "up")
        run("-n", space, "addr", "add", f"{THEM}/24", "dev", theirs)
        run("-n", space, "link", "set", theirs, "up")
        yield lambda *args: run("-n", space, *(theirs if a == "PEER" else a for a in args))
    finally:
        subprocess.run([ip, "netns", "del", space], check=False)
        subprocess.run([ip, "link", "del", ours], check=False, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1"])
async def test_loopback(raw, address):
    """
    A host that answers is up, with round trips and no loss.
    """
    seen, got = await visit("icmp", address, interval="10ms")
    assert seen.up, seen
    assert got["probe_icmp_packet_loss_ratio",] == 0
    assert 0 < got["probe_icmp_rtt_min_seconds",] <= got["probe_icmp_duration_seconds", "rtt"]
    assert got["probe_icmp_duration_seconds", "rtt"] <= got["probe_icmp_rtt_max_seconds",]


def test_uvloop(raw):
    """
    The probe works on the loop that the daemon runs on.
    """
    seen, _ = uvloop.run(visit("icmp", "127.0.0.1", interval="10ms"))
    assert seen.up, seen


async def test_many_at_once(raw):
    """
    A hundred hosts pinged at once each get their own replies only.
    """
    visits = (visit("icmp", f"127.0.0.{n}", count=2, interval="10ms") for n in range(1, 101))
    for seen, got in await asyncio.gather(*visits):
        assert seen.up, seen
        assert got["probe_icmp_packet_loss_ratio",] == 0


async def test_vanishes_and_comes_back(link):
    """
    A host whose interface goes down is a timeout, and is up again when it comes back.
    """
    options = {"timeout": 1.0, "interval": "10ms"}
    seen, _ = await visit("icmp", THEM, **options)
    assert seen.up, seen
    link("addr", "del", f"{THEM}/24", "dev", "PEER")
    seen, got = await visit("icmp", THEM, **options)
    assert (seen.up, seen.reason, seen.detail) == (False, "timeout", "no reply")
    assert got["probe_icmp_packet_loss_ratio",] == 1
    assert not any(key[0] == "probe_icmp_duration_seconds" for key in got)
    link("addr", "add", f"{THEM}/24", "dev", "PEER")
    seen, _ = await visit("icmp", THEM, **options)
    assert seen.up, seen


async def test_nobody_has_the_address(link):
    """
    The kernel's own "no route to host" is told apart from silence.
    """
    seen, _ = await visit("icmp", DARK, timeout=5.0, count=2, interval="1s")
    assert (seen.up, seen.reason, seen.detail) == (False, "unreachable", "no route to host")


def nobody(drop):
    text = AS_NOBODY.format(root=str(ROOT), tests=str(ROOT / "tests"), drop=drop)
    done = subprocess.run(
        [sys.executable, "-c", text], check=True, capture_output=True, text=True, timeout=30
    )
    return done.stdout.strip()


def test_not_allowed(raw):
    """
    Without the right to send, the reason says so and what would allow it.
    """
    if Path("/proc/sys/net/ipv4/ping_group_range").read_text().split() != ["1", "0"]:
        missing("everybody may ping here")
    said = nobody("import os; os.setgid(65534); os.setuid(65534)")
    assert said.startswith("False permission this machine may not send ICMP; allow it with: setcap")


def test_without_root(raw):
    """
    The kernel's ping socket is enough where ping_group_range allows it.
    """
    drop = (
        "import ctypes, os, subprocess\n"
        "assert ctypes.CDLL(None).unshare(0x40000000) == 0\n"  # CLONE_NEWNET
        "subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)\n"
        "open('/proc/sys/net/ipv4/ping_group_range', 'w').write('0 2147483647')\n"
        "os.setgid(65534); os.setuid(65534)"
    )
    assert nobody(drop) == "True"
