"""Every recorded device on /metrics: promtool reads it, and our own names lint clean."""

import subprocess

import pytest
from prometheus_client import CollectorRegistry
from real import need
from recorded import MemoryIo, parsed
from shared import shared

from exporters import snmp
from monitor.polling.bounds import Bounds
from monitor.probe import OPEN, ProbeError
from monitor.series.exposition import TEXT, render
from monitor.series.store import Series

pytestmark = pytest.mark.real
OURS = ("hw_", "ups_", "zhiban_")
LABELS = "label names should be written in"  # ifName and its like are the MIBs' names
EVERY = ["apc_ups"], ["entity_sensor", "host_resources", "if_mib", "ups_mib"]


def lint(body):
    """What promtool complains of; lint alone is no failure."""
    check = [need("promtool"), "check", "metrics"]
    done = subprocess.run(check, input=body, capture_output=True, check=False)
    said = done.stderr.decode().splitlines()
    assert done.returncode in {0, 3}, said[:5]
    return said


async def read(path, names):
    options = snmp.Options.model_validate(
        {"version": "1", "community": "env:COMMUNITY", "insecure": True, "modules": names}
    )
    rows = parsed(path.read_text(encoding="utf-8"))
    return Bounds(OPEN).check(await snmp.run("10.1.0.1", options, MemoryIo(rows)))


async def test_names_and_types(monkeypatch):
    monkeypatch.setenv("COMMUNITY", "x")
    series, devices = Series(grid=15), 0
    for path in sorted((shared("devices") / "snmprec").iterdir()):
        if path.stat().st_size > 600_000:  # the same MIBs, many times over
            continue
        for names in EVERY:
            try:
                found = await read(path, names)
            except ProbeError as error:
                assert error.reason == "mismatch", (path.name, error.detail)  # noqa: PT017 - others go on
                continue
            devices += 1
            name = f"{path.stem}-{names[0]}"
            series.put(name, (("instance", name), ("job", "snmp")), {}, found)
    series.snapshot(1.0)
    body, _ = render(series, TEXT, CollectorRegistry())
    assert devices >= 40
    assert series.refused == 0
    assert sum(held.duplicates for held in series.held.values()) == 0
    assert [line for line in lint(body) if line.startswith(OURS) and LABELS not in line] == []
