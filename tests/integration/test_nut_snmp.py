"""
One UPS, read two ways: by our own ups_mib, and by NUT's snmp-ups. Both say the same.

The UPS is a real snmpd that serves RFC 1628; snmpset changes it.
"""

import os
import subprocess

import pytest
from integration.nut_server import serving, until
from integration.snmpd import Snmpd
from real import need
from visiting import visit

pytestmark = pytest.mark.real

MIB = "1.3.6.1.2.1.33.1."
ON_LINE = {
    "1.1.0": ("octet_str", "ZHIBAN"),
    "1.2.0": ("octet_str", "dummy"),
    "2.1.0": ("integer", 2),  # battery normal
    "2.2.0": ("integer", 0),  # seconds on battery
    "2.3.0": ("integer", 40),  # minutes
    "2.4.0": ("integer", 100),  # percent
    "2.5.0": ("integer", 2184),  # 0.1 V
    "3.2.0": ("integer", 1),
    "3.3.1.3.1": ("integer", 229),
    "4.1.0": ("integer", 3),  # output from the mains
    "4.3.0": ("integer", 1),
    "4.4.1.5.1": ("integer", 40),
    "6.1.0": ("integer", 0),
    "7.3.0": ("integer", 6),
}
ON_BATTERY = {"2.1.0": 3, "2.2.0": 300, "2.3.0": 4, "2.4.0": 12, "4.1.0": 5, "4.4.1.5.1": 55}
BOTH = (
    "ups_on_battery",
    "ups_battery_low",
    "ups_charge_ratio",
    "ups_runtime_seconds",
    "ups_load_ratio",
    "ups_bypass",
)


class Ups(Snmpd):
    """An snmpd that is a UPS."""

    def lines(self):
        yield from super().lines()
        yield "rwcommunity ups 127.0.0.1"
        for name, (kind, value) in ON_LINE.items():
            text = f'"{value}"' if kind == "octet_str" else value
            yield f"override -rw .{MIB}{name} {kind} {text}"

    def put(self, values):
        """Change integers."""
        changes = [word for name, value in values.items() for word in (MIB + name, "i", str(value))]
        subprocess.run(
            [need("snmpset"), "-v2c", "-cups", f"127.0.0.1:{self.port}", *changes],
            env={**os.environ, "MIBS": ""},
            check=True,
            capture_output=True,
        )


async def test_both_ways_say_the_same(tmp_path, monkeypatch):
    need("snmp-ups")
    monkeypatch.setenv("UPS_COMMUNITY", "ups")
    with Ups(tmp_path / "snmpd") as ups:
        async with serving(lambda s: s.snmp("ups1", f"127.0.0.1:{ups.port}", "ups")) as server:

            async def by_nut():
                return await visit("nut", f"ups1@127.0.0.1:{server.port}", timeout=3)

            async def by_snmp():
                return await visit(
                    "snmp",
                    f"127.0.0.1:{ups.port}",
                    timeout=3,
                    modules=["ups_mib"],
                    version="2c",
                    community="env:UPS_COMMUNITY",
                    insecure=True,
                )

            _, nut = await until(by_nut, lambda seen, _: seen.up, seconds=20)
            seen, snmp = await by_snmp()
            assert seen.up, seen
            assert {n: nut[n,] for n in BOTH} == pytest.approx({n: snmp[n,] for n in BOTH})
            assert (nut["ups_on_battery",], nut["ups_runtime_seconds",]) == (0, 2400)

            ups.put(ON_BATTERY)
            _, nut = await until(by_nut, lambda _, got: got.get(("ups_on_battery",)) == 1, 20)
            _, nut = await until(by_nut, lambda _, got: got.get(("ups_load_ratio",)) == 0.55, 20)
            seen, snmp = await by_snmp()
            assert {n: nut[n,] for n in BOTH} == pytest.approx({n: snmp[n,] for n in BOTH})
            assert (nut["ups_battery_low",], nut["ups_charge_ratio",]) == (1, 0.12)

            ups.stop()
            seen, nut = await until(by_nut, lambda seen, _: not seen.up, 30)
            assert seen.reason == "status"
            assert not [key for key in nut if key[0].startswith("ups_")]
            ups.start()
