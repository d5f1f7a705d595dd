"""The snmp probe's modules on a real snmpd: what it says is what the machine itself says."""

import math
from pathlib import Path

import psutil
import pytest
from integration.snmpd import PASSWORDS, Snmpd
from visiting import visit

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def snmpd(tmp_path_factory):
    with Snmpd(tmp_path_factory.mktemp("snmpd")) as agent:
        yield agent


@pytest.fixture(autouse=True)
def _secrets(monkeypatch):
    monkeypatch.setenv("SNMP_AUTH", PASSWORDS[0])
    monkeypatch.setenv("SNMP_PRIV", PASSWORDS[1])


async def ask(snmpd, *names, user="sha256-aes128", auth="sha256", priv="aes128"):
    seen, found = await visit(
        "snmp",
        f"127.0.0.1:{snmpd.port}",
        timeout=10.0,
        modules=list(names),
        user=user,
        auth="env:SNMP_AUTH",
        priv="env:SNMP_PRIV",
        auth_protocol=auth,
        priv_protocol=priv,
    )
    return seen, {key: value for key, value in found.items() if not math.isnan(value)}


@pytest.mark.parametrize(
    ("user", "auth", "priv"),
    [("sha256-aes128", "sha256", "aes128"), ("sha512-aes256", "sha512", "aes256")],
)
async def test_ports_are_the_machines(snmpd, user, auth, priv):
    seen, found = await ask(snmpd, "if_mib", user=user, auth=auth, priv=priv)
    assert seen.up, seen.detail
    ports = {key[-1] for key in found if key[0] == "ifOperStatus"}
    assert ports == set(psutil.net_if_addrs()) | set(psutil.net_if_stats())
    told = next(x for key, x in found.items() if key[0] == "ifHCInOctets" and key[-1] == "lo")
    now = psutil.net_io_counters(pernic=True)["lo"].bytes_recv
    assert 0 <= told <= now
    assert found["hw_uptime_seconds",] <= 3600


def uptime():
    return float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])


async def test_storage_is_the_machines(snmpd):
    seen, found = await ask(snmpd, "host_resources")
    assert seen.up, seen.detail
    memory = next(
        x for k, x in found.items() if k[0] == "hw_storage_size_bytes" and k[1] == "Physical memory"
    )
    assert memory == pytest.approx(psutil.virtual_memory().total, rel=0.01)
    ours = found["hrSystemUptime",] / 100
    assert ours == pytest.approx(uptime(), abs=60)


async def test_no_ups(snmpd):
    seen, found = await ask(snmpd, "ups_mib")
    assert (seen.reason, seen.detail) == (
        "mismatch",
        "answers SNMP but has no UPS-MIB; is this a UPS?",
    )
    assert found["probe_success",] == 0
