"""
The configuration the demo's daemon runs on, written into the state folder.

It is an ordinary zhiban.yml: inventory and dependencies are those of places.py, the rules
are the shipped ones with every longer `for` made 10 s, secrets stand in files beside it.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from monitor.config import durations, shipped
from monitor.demo import clinical
from monitor.demo.agents import USER
from monitor.demo.edge import HOST
from monitor.demo.network import Device, Devices
from monitor.demo.places import PEOPLE, SYSTEMS, UPLINK
from monitor.demo.postgres import DATABASE, ROLE
from monitor.model.target import Needs

CHANNEL = "pretend-phone"
BEAT = "5s"
TIMEOUTS = {"tcp": "2s", "hl7": "2s", "snmp": "3s"}  # all else: 4 s
LONG_FOR = timedelta(seconds=30)
SHORT_FOR = "10s"
WATCH = timedelta(seconds=60)  # 观察期 of the demo, as long as the plan's own is not shorter
PLAN_WATCH = timedelta(minutes=10)
_FOR = re.compile(r"^(\s+for:\s*)([0-9a-z]+)[ \t]*$", re.MULTILINE)

REGISTERS: tuple[Mapping[str, object], ...] = (
    {
        "metric": "hw_temperature_celsius",
        "function": 4,
        "address": clinical.TEMPERATURE,
        "type": "int16",
        "scale": 0.1,
    },
    {
        "metric": "hw_humidity_ratio",
        "function": 4,
        "address": clinical.HUMIDITY,
        "type": "uint16",
        "scale": 0.001,
    },
    {"metric": "hw_water_leak", "function": 2, "address": clinical.WATER},
    {"metric": "hw_smoke", "function": 2, "address": clinical.SMOKE},
)
"""The room sensor's map, as its manual would have it."""

_HEAD = """\
# Written by `zhiban demo` at every start; changes are lost. An example that is meant to be
# copied is deploy/example/zhiban.yml.
"""


@dataclass(frozen=True, slots=True)
class Site:
    """What differs from run to run."""

    state: Path
    ports: Mapping[str, int]  # of the devices
    web_port: int
    phone_url: str
    password_file: Path  # of the database
    snmp_files: tuple[Path, Path]  # the SNMPv3 user's passwords: auth, priv
    speed: float


def watch(speed: float) -> timedelta:
    """The plan's 观察期 so that, divided by the speed, it lasts 60 s, or less at high speed."""
    return min(PLAN_WATCH, WATCH * speed)


def write(site: Site, devices: Devices) -> Path:
    """Write zhiban.yml, the rules and the phone's address; the path of the first."""
    _private(site.state / "phone.url", site.phone_url)
    _write_rules(site.state / "rules")
    path = site.state / "zhiban.yml"
    body = yaml.safe_dump(document(site, devices), allow_unicode=True, sort_keys=False, width=100)
    path.write_text(_HEAD + body, encoding="utf-8")
    return path


def document(site: Site, devices: Devices) -> dict[str, Any]:
    """The whole configuration as plain values."""
    return {
        "demo": True,
        "daemon": {
            "state": str(site.state),
            "rules": ["rules/*.yml"],
            "grid": BEAT,
            "uplink": list(UPLINK),
            "log": {"format": "text", "level": "info"},
        },
        "plan": {"speed": site.speed, "watch": durations.text(watch(site.speed))},
        "defaults": {"every": BEAT, "timeout": "2s"},
        "inventory": {
            "systems": [
                {"name": s.name, "title": s.title, "needs": _needs(s.needs), "level": s.level}
                for s in SYSTEMS
            ],
            "targets": [_target(d, site) for d in devices.values() if not d.is_part],
        },
        "people": [
            {"name": name, "phone": phone, "roles": [role], "channels": [CHANNEL]}
            for name, phone, role in PEOPLE
        ],
        "channels": {
            CHANNEL: {
                "kind": "webhook",
                "url": f"file:{site.state / 'phone.url'}",
                "timeout": "3s",
            }
        },
        "web": {"host": HOST, "port": site.web_port},
    }


def _target(device: Device, site: Site) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": device.name,
        "title": device.title,
        "kind": device.kind,
        "address": _address(device, site.ports[device.name]),
        "timeout": TIMEOUTS.get(device.kind, "4s"),
        "level": device.level,
        "labels": {"role": device.role},
    }
    if device.system:
        row["labels"]["system"] = device.system
    if device.depends_on:
        row["depends_on"] = _needs(device.depends_on)
    if options := _options(device, site):
        row["options"] = options
    return row


def _options(device: Device, site: Site) -> dict[str, Any]:
    match device.kind:
        case "postgresql":
            return {"user": ROLE, "password": f"file:{site.password_file}"}
        case "snmp":
            auth, priv = site.snmp_files
            modules = ["ups_mib"] if device.role == "ups" else ["if_mib"]
            user = {"user": USER, "auth": f"file:{auth}", "priv": f"file:{priv}"}
            return {**user, "modules": modules}
        case "dicom":
            return {"called_ae": clinical.TITLE}
        case "hl7":
            return {"message": True}  # the demo's own engine: its vendor agrees
        case "modbus":
            return {"unit": clinical.UNIT, "registers": [dict(row) for row in REGISTERS]}
        case _:
            return {}


def _address(device: Device, port: int) -> str:
    match device.kind:
        case "http":
            return f"http://{HOST}:{port}/"
        case "scrape":
            return f"http://{HOST}:{port}/metrics"
        case "postgresql":
            return f"{HOST}:{port}/{DATABASE}"
        case _:
            return f"{HOST}:{port}"


def _needs(needs: Needs) -> list[object]:
    """As a person writes them: ``[a, {any: [b, c]}]``."""
    return [entry[0] if len(entry) == 1 else {"any": list(entry)} for entry in needs]


def _write_rules(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.yml"):
        old.unlink()
    for source in _rule_files():
        text = source.read_text(encoding="utf-8")
        (folder / source.name).write_text(quickened(text), encoding="utf-8")


def _rule_files() -> Iterable[Path]:
    return sorted(shipped.rules().glob("*.yml"))


def quickened(rules: str) -> str:
    """The text of a rule file with every `for` of 30 s or more made 10 s, comments kept."""

    def shorter(found: re.Match[str]) -> str:
        long = durations.parse(found[2]) >= LONG_FOR
        return f"{found[1]}{SHORT_FOR}" if long else found[0]

    return _FOR.sub(shorter, rules)


def _private(path: Path, secret: str) -> None:
    """Write a secret that only its owner may read, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
        out.write(secret + "\n")
