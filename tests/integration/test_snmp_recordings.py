"""
Twenty recorded devices, served by snmpsim, read by the snmp probe: ten switches, ten UPS.

What is expected is LibreNMS's reading of the same recordings, which is no ground truth:
where ours is another, there is a reason in a table, and no reason stands there unused.
"""

import asyncio
import json
import math
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import snmp_expected as expected
from real import missing
from shared import shared
from visiting import visit

from exporters._snmp import modules, oid

pytestmark = pytest.mark.real

SWITCHES = (
    "iosxe_c9300", "jetstream_sg2218p", "mypoweros", "nxos_n3k-3064pq", "ruijie", "vrp_5720",
    "vrp_5720-32x-ei", "vrp_ce12804-withvrf", "yunshan", "zxr10_5928",
)  # fmt: skip
UPS = (
    "apc_smt750x-nmc2", "eaton-mgeups_5px", "eatonupsm2_9px+empg2", "huaweiups_ups2000", "istars",
    "netmanplus_204", "netvision-rfc", "orvaldi-ups", "sd_eastpower-istars-swv053",
    "sd_eaton-93e-80",
)  # fmt: skip
USED = Counter()
READ = set()


def module_of(name):
    if name in SWITCHES:
        return "if_mib"
    return "apc_ups" if name.startswith("apc") else "ups_mib"


def asked(name):
    """What the modules ask for: a pattern of the recording's OIDs."""
    plans = [
        modules.module(m).plan(oid.encode("1.3.6.1.4.1.318")) for m in ("system", module_of(name))
    ]
    oids = {o for plan in plans for o in plan.gets}
    for plan in plans:
        for table in plan.tables:
            oids |= {*table.walked, *(c.oid for c in table.values)}
            oids |= {c.spare.oid for c in table.values if c.spare}
    return re.compile("(?:" + "|".join(re.escape(oid.text(o)) for o in oids) + r")[.|]")


@pytest.fixture(scope="module")
def recordings():
    return shared("devices")


@pytest.fixture(scope="module")
def simulator(recordings, tmp_path_factory):
    """Address of snmpsim with a community per device."""
    folder = tmp_path_factory.mktemp("snmprec")
    for name in SWITCHES + UPS:
        wanted = asked(name)
        text = (recordings / "snmprec" / f"{name}.snmprec").read_text(encoding="utf-8")
        lines = [line for line in text.splitlines(keepends=True) if wanted.match(line)]
        (folder / f"{community(name)}.snmprec").write_text("".join(lines), encoding="utf-8")
    program = Path(sys.executable).with_name("snmpsim-command-responder")
    if not program.exists():
        missing("snmpsim is not installed (make test installs it)")
    yield from serving(program, folder, tmp_path_factory.mktemp("cache"))


def serving(program, folder, cache):
    address = f"127.0.0.1:{free_udp_port()}"
    with (cache / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program, f"--data-dir={folder}", f"--cache-dir={cache}", "--logging-method=null",
                f"--agent-udpv4-endpoint={address}",
            ],
            env={**os.environ, "SNMPSIM_ALLOW_ROOT": "true"}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield address
    finally:
        process.terminate()
        process.wait(10)


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def community(name):
    return re.sub(r"[^a-z0-9]", "-", name)


async def read(simulator, name, monkeypatch):
    """Visit until snmpsim has built its indexes."""
    monkeypatch.setenv("COMMUNITY", community(name))
    for _ in range(60):
        seen, found = await visit(
            "snmp",
            simulator,
            timeout=20.0,
            version="2c",
            insecure="yes",
            community="env:COMMUNITY",
            modules=[module_of(name)],
        )
        if seen.reason != "refused":
            break
        await asyncio.sleep(1)
    assert seen.up, (seen.reason, seen.detail)
    return {key: value for key, value in found.items() if not math.isnan(value)}


def said_by_librenms(recordings, name, what):
    """Its newest reading: the poller's, where that is another than discovery's."""
    READ.add(name)
    path = recordings / "expected" / f"{name}.json"
    both = json.loads(path.read_text(encoding="utf-8"))[what]
    newest = both["poller"] if isinstance(both["poller"], dict) else both["discovery"]
    return newest[what]


@pytest.mark.parametrize("name", SWITCHES)
async def test_ports(simulator, recordings, monkeypatch, name):
    found = await read(simulator, name, monkeypatch)
    ports = {}
    for key, value in found.items():
        if len(key) == 5 and key[0].startswith("if"):
            metric, alias, descr, index, port = key
            named = {"ifAlias": alias, "ifDescr": descr, "ifName": port}
            ports.setdefault(int(index), named)[metric] = value
    theirs = said_by_librenms(recordings, name, "ports")
    assert len(theirs) >= 20
    unexplained = []
    for said in theirs:
        for field, wanted, ours in expected.port(said, ports[said["ifIndex"]]):
            if wanted == ours:
                continue
            reason = expected.port_reason(said, field, wanted, ours)
            USED[reason] += 1
            if not reason:
                unexplained.append((said["ifIndex"], field, wanted, ours))
    assert unexplained == []


@pytest.mark.parametrize("name", [n for n in UPS if not n.startswith("sd_")])
async def test_ups(simulator, recordings, monkeypatch, name):
    """Every sensor that LibreNMS reads from the OIDs we read, in the card's own units."""
    found = await read(simulator, name, monkeypatch)
    by_oid = expected.by_oid(
        modules.module(module_of(name)).plan(oid.encode("1.3.6.1.4.1.318")), found
    )
    compared, unexplained = 0, []
    for sensor in said_by_librenms(recordings, name, "sensors"):
        place = sensor["sensor_oid"].strip(".")
        if place not in by_oid and not expected.ours(place):
            continue
        raw = sensor["sensor_current"] * sensor["sensor_divisor"] / sensor["sensor_multiplier"]
        value = by_oid.get(place)
        compared += 1
        if value is None or abs(value - raw) > 1e-6:
            reason = expected.ups_reason(raw, value)
            USED[reason] += 1
            if not reason:
                unexplained.append((place, raw, value))
    assert unexplained == []
    assert compared >= 6
    assert {k: found.get((k,)) for k in expected.UPS[name]} == expected.UPS[name]


@pytest.mark.parametrize("name", [n for n in UPS if n.startswith("sd_")])
async def test_ups_without_a_reading_of_librenms(simulator, monkeypatch, name):
    found = await read(simulator, name, monkeypatch)
    assert {k: found.get((k,)) for k in expected.UPS[name]} == expected.UPS[name]
    assert found["upsAlarm", "upsAlarmOnBattery"] == 0


def test_every_reason_is_needed():
    if not {*SWITCHES, "netvision-rfc"} <= READ:
        pytest.skip("not all devices were read in this process")
    assert set(USED) == {*expected.PORT_REASONS, *expected.UPS_REASONS}
    print(dict(USED))
