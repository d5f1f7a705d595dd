"""
What test_snmp_recordings.py compares, and why a value of ours is another than LibreNMS's.
"""

from exporters._snmp import oid

OPER = {1: "up", 2: "down", 3: "testing", 4: "unknown", 5: "dormant", 6: "notPresent"}
OPER[7] = "lowerLayerDown"
COUNTERS = ("ifInErrors", "ifOutErrors", "ifInDiscards", "ifOutDiscards")
UNKNOWN = {-1, 65535, 655350, 2147483647, 4294967295}

PORT_REASONS = {
    "alias": "LibreNMS shows the name where ifAlias is empty",
    "speed 0": "LibreNMS leaves out a speed of 0; 0 is what the device answers",
    "speed": "4294967295 is ifSpeed's word for more than 32 bits can say (RFC 2863)",
    "nothing": "LibreNMS writes 0 where the device answers nothing; nothing is unknown",
    "float": "a counter above 2^53, as the nearest 64-bit float",
}
UPS_REASONS = {"unknown": "the card's number for: not known"}

_NORMAL = {"ups_on_battery": 0, "ups_charge_ratio": 1}
UPS = {
    "apc_smt750x-nmc2": {**_NORMAL, "ups_runtime_seconds": 109762, "ups_battery_volts": 54.7},
    "eaton-mgeups_5px": {**_NORMAL, "ups_runtime_seconds": 2580, "ups_load_ratio": 0.59},
    "eatonupsm2_9px+empg2": {**_NORMAL, "ups_runtime_seconds": 26280, "ups_battery_volts": 53.1},
    "huaweiups_ups2000": {**_NORMAL, "ups_runtime_seconds": None, "ups_load_ratio": 0.27},
    "istars": {**_NORMAL, "ups_runtime_seconds": 50880, "ups_load_ratio": 0.17},
    "netmanplus_204": {**_NORMAL, "ups_runtime_seconds": 8100, "ups_battery_volts": 122.5},
    "netvision-rfc": {**_NORMAL, "ups_runtime_seconds": None, "upsBatteryCurrent": None},
    "orvaldi-ups": {**_NORMAL, "ups_runtime_seconds": 2640, "ups_load_ratio": 0.33},
    # 0 minutes on the mains with a full battery is no answer.
    "sd_eastpower-istars-swv053": {**_NORMAL, "ups_runtime_seconds": None, "ups_load_ratio": 0.3},
    "sd_eaton-93e-80": {**_NORMAL, "ups_runtime_seconds": 65520, "ups_load_ratio": 0.21},
}


def port(said, ours):
    """(field, LibreNMS's value, ours) of one port."""
    for field in ("ifName", "ifDescr", "ifAlias"):
        yield field, said[field] or "", ours[field]
    yield "ifOperStatus", said["ifOperStatus"], OPER.get(ours.get("ifOperStatus"))
    yield "ifAdminStatus", said["ifAdminStatus"], OPER.get(ours.get("ifAdminStatus"))
    for field in COUNTERS:
        yield field, said[field], ours.get(field)
    for way in ("In", "Out"):
        mine = ours.get(f"ifHC{way}Octets", ours.get(f"if{way}Octets"))
        yield f"if{way}Octets", said[f"if{way}Octets"], mine
    speed = ours.get("ifHighSpeed")
    yield "ifSpeed", said["ifSpeed"], None if speed is None else speed * 1e6


def port_reason(said, field, wanted, ours):
    """A key of PORT_REASONS; "" where there is none."""
    if field == "ifAlias" and ours == "" and wanted in (said["ifName"], said["ifDescr"]):
        return "alias"
    if field == "ifSpeed":
        if wanted is None and ours == 0:
            return "speed 0"
        return "speed" if wanted == 4294967295 and ours is None else ""
    if wanted == 0 and ours is None:
        return "nothing"
    return "float" if wanted and float(wanted) == ours and wanted > 1 << 53 else ""


def ups_reason(raw, value):
    """A key of UPS_REASONS; "" where there is none."""
    return "unknown" if value is None and round(raw) in UNKNOWN else ""


def ours(place):
    """Whether an OID is of a column or a value that we mean to read."""
    return place.startswith(("1.3.6.1.2.1.33.1.2.", "1.3.6.1.2.1.33.1.3.3", "1.3.6.1.2.1.33.1.4"))


def by_oid(plan, found):
    """Our raw values by the OID they came from; an index of two parts is found by its first."""
    known = {}
    for scalar in plan.scalars:
        known[oid.text(scalar.oid)] = found.get((scalar.name,))
    for table in plan.tables:
        for column in table.values:
            for key, value in found.items():
                if key[0] == column.name:
                    known[f"{oid.text(column.oid)}.{key[1]}"] = value
                    known[f"{oid.text(column.oid)}.{key[1]}.0"] = value
    return known
