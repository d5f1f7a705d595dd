"""Options and refusals, devices in memory, and what a UPS card's answers mean."""

import math

import pytest
from pydantic import ValidationError
from recorded import MemoryIo, of_table
from visiting import values

from exporters import PROBES, snmp
from exporters._snmp import modules
from exporters._snmp.community import V1, V2C
from monitor.polling.bounds import Bounds
from monitor.probe import OPEN, ProbeError

U = "1.3.6.1.2.1.33.1"
IF, IFX = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
SYSTEM = {"1.3.6.1.2.1.1.1.0": "a device", "1.3.6.1.2.1.1.3.0": 4200}
V3 = {"user": "zhiban", "auth": "env:AUTH", "priv": "env:PRIV"}
OPEN_V2 = {"version": "2c", "community": "env:COMMUNITY", "insecure": "yes"}


@pytest.fixture(autouse=True)
def _secrets(monkeypatch):
    monkeypatch.setenv("AUTH", "canary-auth")
    monkeypatch.setenv("PRIV", "canary-priv")
    monkeypatch.setenv("SHORT", "canary")
    monkeypatch.setenv("COMMUNITY", "canary-community")


def options(*names, **more):
    return snmp.Options.model_validate({"modules": list(names), **(more or OPEN_V2)})


async def visit(table, *names, **more):
    """Known values of one visit to a device that answers from a table."""
    io = MemoryIo(of_table({**SYSTEM, **table}))
    found = await snmp.run("10.1.0.1", options(*names, **(more or OPEN_V2)), io)
    known = values(Bounds(OPEN).check(found))
    return {key: value for key, value in known.items() if not math.isnan(value)}


REFUSED = {
    "nobody": ({}, "version 3 needs a user"),
    "v2c": ({"version": "2c", "community": "env:COMMUNITY"}, "say insecure: yes for this target"),
    "v2c without community": ({"version": "2c", "insecure": True}, "needs a community"),
    "v2c with a user": ({**OPEN_V2, "user": "u"}, "version 2c has no user"),
    "v3 with a community": ({**V3, "community": "env:COMMUNITY"}, "version 3 has no community"),
    "no auth": ({"user": "u"}, "without auth believes anybody; use version 3 with"),
    "no priv": ({"user": "u", "auth": "env:AUTH"}, "without priv sends everything in the clear"),
    "priv alone": ({"user": "u", "priv": "env:PRIV", "insecure": True}, "priv without auth"),
    "SHA-1": ({**V3, "auth_protocol": "sha1"}, "SHA-1 is no longer good enough"),
    "short": ({**V3, "auth": "env:SHORT"}, "shorter than the 8 characters of RFC 3414"),
    "MD5": ({**V3, "auth_protocol": "md5"}, "'sha1', 'sha224'"),
    "a secret as itself": ({**V3, "auth": "canary-auth"}, "a secret stands here as itself"),
    "no module": ({**V3, "modules": []}, "name at least one module"),
    "an unknown module": ({**V3, "modules": ["ifmib"]}, "there is no module 'ifmib'"),
    "a module twice": ({**V3, "modules": ["if_mib", "if_mib"]}, "if_mib and if_mib both yield if"),
    "two of one kind": (
        {**V3, "modules": ["ups_mib", "apc_ups"]},
        "ups_mib and apc_ups both yield ups_battery_low; name one of them",
    ),
    "no such label": (
        {**V3, "keep": {"ifname": "GE.*"}},
        "has a label ifname; they have ifAlias, ifDescr, ifIndex, ifName",
    ),
    "a pattern": ({**V3, "keep": {"ifName": "("}}, "is no RE2 pattern"),
}


@pytest.mark.parametrize(("said", "wrong"), REFUSED.values(), ids=REFUSED)
def test_refused_options(said, wrong):
    with pytest.raises(ValidationError) as caught:
        snmp.Options.model_validate({"modules": ["if_mib"], **said})
    messages = " ".join(error["msg"] for error in caught.value.errors())
    assert wrong in messages
    assert "canary" not in messages


SPOKEN = {
    "SNMPv1": {**OPEN_V2, "version": 1},
    "SNMPv2c": OPEN_V2,
    "SNMPv3 noAuthNoPriv": {"user": "u", "insecure": True},
    "SNMPv3 authNoPriv": {"user": "u", "auth": "env:AUTH", "insecure": True},
    "SNMPv3 authPriv sha1": {**V3, "auth_protocol": "sha1", "insecure": True},
}


@pytest.mark.parametrize(("label", "said"), SPOKEN.items(), ids=SPOKEN)
async def test_insecure_targets_say_so(label, said):
    found = await visit({}, "system", **said)
    assert found["zhiban_insecure_info", label] == 1


async def test_version_3_is_the_rule_and_says_nothing():
    found = await visit({}, "system", **V3, version=3)
    assert not [key for key in found if key[0] == "zhiban_insecure_info"]


def test_the_same_options_are_equal():
    """A reload leaves alone what did not change."""
    assert options("if_mib", **V3) == options("if_mib", **V3)
    assert options("if_mib", **V3) != options("ups_mib", **V3)


def test_credentials():
    assert snmp.credentials(options("if_mib", **{**OPEN_V2, "version": "1"})).version == V1
    assert snmp.credentials(options("if_mib")).version == V2C
    user = snmp.credentials(options("if_mib", **V3, priv_protocol="aes256c", context="c"))
    assert (user.name, user.auth, user.priv, user.context) == ("zhiban", "sha256", "aes256c", "c")
    assert "canary" not in f"{user!r} {options('if_mib', **V3)!r}"


ADDRESSES = {
    "10.1.0.1": ("10.1.0.1", 161),
    "10.1.0.1:1161": ("10.1.0.1", 1161),
    "2001:db8::1": ("2001:db8::1", 161),
    "[2001:db8::1]": ("2001:db8::1", 161),
    "[2001:db8::1]:1161": ("2001:db8::1", 1161),
    "core-1": ("core-1", 161),
}


@pytest.mark.parametrize(("text", "wanted"), ADDRESSES.items(), ids=ADDRESSES)
def test_addresses(text, wanted):
    assert snmp.place(text) == wanted
    assert PROBES["snmp"].check_address(text) == ""


@pytest.mark.parametrize("text", ["", "10.1.0.1:0", "10.1.0.1:x", "1.2.3", "a b", "[::1"])
def test_wrong_addresses(text):
    assert PROBES["snmp"].check_address(text)


async def test_a_device_without_what_is_wanted():
    with pytest.raises(ProbeError) as caught:
        await visit({}, "ups_mib")
    assert caught.value.reason == "mismatch"
    assert caught.value.detail == "answers SNMP but has no UPS-MIB; is this a UPS?"
    with pytest.raises(ProbeError, match=r"has no IF-MIB.*has no UPS-MIB"):
        await visit({}, "if_mib", "ups_mib")
    with pytest.raises(ProbeError, match="has no PowerNet-MIB"):
        await visit({"1.3.6.1.2.1.1.2.0": ".1.3.6.1.4.1.9"}, "apc_ups")


async def test_a_device_with_some_of_it():
    found = await visit({f"{U}.2.1.0": 2}, "if_mib", "ups_mib")
    assert found["zhiban_snmp_module_present", "if_mib"] == 0
    assert found["zhiban_snmp_module_present", "ups_mib"] == 1
    assert found["upsBatteryStatus",] == 2


UPTIMES = {
    "engine time": ({"1.3.6.1.6.3.10.2.1.3.0": 50_000_000}, (50_000_000, 0)),
    "engine time 0 is none": ({"1.3.6.1.6.3.10.2.1.3.0": 0}, (42, 1)),
    "sysUpTime alone": ({}, (42, 1)),
}


@pytest.mark.parametrize(("table", "wanted"), UPTIMES.values(), ids=UPTIMES)
async def test_uptime_says_whether_it_wraps(table, wanted):
    found = await visit(table, "system")
    assert (found["hw_uptime_seconds",], found["hw_uptime_wraps",]) == wanted


def port(index, name, **columns):
    """One port's OIDs."""
    numbers = {"admin": f"{IF}.7", "oper": f"{IF}.8", "hc": f"{IFX}.6", "low": f"{IF}.10"}
    numbers |= {"high": f"{IFX}.15", "speed": f"{IF}.5", "alias": f"{IFX}.18"}
    table = {f"{IFX}.1.{index}": name, f"{IF}.2.{index}": f"port {name}"}
    return table | {f"{numbers[k]}.{index}": value for k, value in columns.items()}


async def test_ports_by_name():
    """A port that moved to another ifIndex keeps its ifName; the alias may be GBK."""
    before = await visit(port(7, "GE0/1", oper=1, alias="上联".encode("gbk")), "if_mib")
    after = await visit(port(9, "GE0/1", oper=2, alias="上联".encode("gbk")), "if_mib")
    assert before["ifOperStatus", "上联", "port GE0/1", "7", "GE0/1"] == 1
    assert after["ifOperStatus", "上联", "port GE0/1", "9", "GE0/1"] == 2


async def test_ports_without_the_tables_of_today():
    """IfXTable is missing: names from ifDescr, 32-bit octets, speeds from ifSpeed."""
    table = port(1, "", oper=1, low=7, speed=100_000_000) | port(2, "", oper=1, speed=4294967295)
    found = await visit({k: x for k, x in table.items() if not k.startswith(IFX)}, "if_mib")
    named = {(k[0], k[3]): x for k, x in found.items() if k[0].startswith("if")}
    assert named == {
        ("ifOperStatus", "1"): 1, ("ifOperStatus", "2"): 1,
        ("ifInOctets", "1"): 7, ("ifHighSpeed", "1"): 100,
    }  # fmt: skip


async def test_only_the_ports_that_are_wanted():
    table = port(1, "GE0/1", oper=1) | port(2, "Vlan2", oper=2)
    found = await visit(table, "if_mib", **OPEN_V2, keep={"ifName": "GE.*"})
    assert {k[-1] for k in found if k[0] == "ifOperStatus"} == {"GE0/1"}


ON_BATTERY = {
    "mains": ({f"{U}.4.1.0": 3}, 0),
    "battery": ({f"{U}.4.1.0": 5}, 1),
    "booster is the mains": ({f"{U}.4.1.0": 6}, 0),
    "other is unknown": ({f"{U}.4.1.0": 1}, None),
    "the alarm, where the source is unknown": (
        {f"{U}.4.1.0": 1, f"{U}.6.1.0": 1, f"{U}.6.2.1.2.1": f".{U}.6.3.2"},
        1,
    ),
    "no alarm": ({f"{U}.6.1.0": 0}, 0),
    "seconds": ({f"{U}.2.2.0": 12}, 1),
    "no seconds": ({f"{U}.2.2.0": 0}, 0),
    "seconds not known": ({f"{U}.2.2.0": 65535}, None),
}


@pytest.mark.parametrize(("table", "wanted"), ON_BATTERY.values(), ids=ON_BATTERY)
async def test_on_battery(table, wanted):
    found = await visit({f"{U}.2.1.0": 1, **table}, "ups_mib")
    assert found.get(("ups_on_battery",)) == wanted


RUNTIMES = {
    "minutes": ({f"{U}.2.3.0": 25}, 1500),
    "not known": ({f"{U}.2.3.0": 4294967295}, None),
    "0 on the mains": ({f"{U}.2.3.0": 0, f"{U}.4.1.0": 3, f"{U}.2.1.0": 2}, None),
    "0 on the battery": ({f"{U}.2.3.0": 0, f"{U}.4.1.0": 5}, 0),
    "0 and battery low": ({f"{U}.2.3.0": 0, f"{U}.2.1.0": 3}, 0),
    "NULL": ({f"{U}.2.3.0": None}, None),
}


@pytest.mark.parametrize(("table", "wanted"), RUNTIMES.values(), ids=RUNTIMES)
async def test_runtime(table, wanted):
    found = await visit({f"{U}.2.4.0": 90, **table}, "ups_mib")
    assert found.get(("ups_runtime_seconds",)) == wanted
    assert found["ups_charge_ratio",] == 0.9


async def test_alarms_are_0_where_the_device_is_known_not_to_have_them():
    rows = {f"{U}.6.2.1.2.1": f".{U}.6.3.2.0", f"{U}.6.2.1.2.5": ".1.3.6.1.4.1.318.9"}
    found = await visit({f"{U}.6.1.0": 2, **rows}, "ups_mib")
    alarms = {k[1]: x for k, x in found.items() if k[0] == "upsAlarm"}
    assert len(alarms) == 25
    assert {k for k, x in alarms.items() if x} == {"upsAlarmOnBattery", "1.3.6.1.4.1.318.9"}
    assert found["ups_replace_battery",] == 0


async def test_alarms_that_cannot_be_read_are_unknown():
    """It counts an alarm and shows none: nothing is known, so nothing is 0."""
    found = await visit({f"{U}.6.1.0": 1}, "ups_mib")
    assert not [k for k in found if k[0] == "upsAlarm"]
    assert ("ups_replace_battery",) not in found


async def test_the_fullest_phase_is_the_load():
    table = {f"{U}.4.4.1.5.{line}": load for line, load in ((1, 20), (2, 95), (3, 30))}
    found = await visit(table, "ups_mib")
    assert found["ups_load_ratio",] == 0.95
    assert found["upsOutputPercentLoad", "2"] == 95


async def test_storage_beyond_31_bits():
    h = "1.3.6.1.2.1.25.2.3.1"
    table = {f"{h}.3.1": "D:", f"{h}.4.1": 4096, f"{h}.5.1": -2147483648, f"{h}.6.1": 5}
    found = await visit(table, "host_resources")
    labels = ("D:", "1", "")
    assert found[("hrStorageSize", *labels)] == 1 << 31
    assert found[("hw_storage_size_bytes", *labels)] == 8 << 40
    assert found[("hw_storage_used_bytes", *labels)] == 20480


async def test_sensors():
    e = "1.3.6.1.2.1.99.1.1.1"
    rows = {  # type, scale, precision, value, status
        1: (8, 9, 1, 245, 1),
        2: (8, 9, 0, 30, 2),
        3: (5, 8, 0, 25152, 1),
        4: (9, 9, 0, 45, 1),
        5: (8, 9, 0, 1_000_000_000, 1),
        6: (12, 9, 0, 2, 1),
    }
    table = {f"{e}.{c}.{i}": x for i, row in rows.items() for c, x in enumerate(row, 1)}
    table["1.3.6.1.2.1.47.1.1.1.1.7.1"] = "Temp: inlet"
    table["1.3.6.1.2.1.47.1.1.1.1.2.4"] = "humidity"
    found = await visit(table, "entity_sensor")
    ours = {k[0]: (k[3], x) for k, x in found.items() if k[0].startswith("hw_") and len(k) == 4}
    assert ours == {
        "hw_temperature_celsius": ("Temp: inlet", 24.5),
        "hw_current_amperes": ("", 25.152),
        "hw_humidity_ratio": ("humidity", 0.45),
        "hw_sensor_true": ("", 0),
    }


def test_every_family_has_one_type_over_all_modules():
    """Two UPS of different makes are one family on /metrics."""
    seen = {}
    for name in modules.shipped():
        for metric, told in modules.module(name).plan(b"+\x06\x01\x04\x01\x82>").metrics.items():
            if metric in seen and metric.startswith(("ups_", "hw_")):
                assert seen[metric] == told
            seen[metric] = told
