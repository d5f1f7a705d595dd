"""
What a virtual device's SNMP agent answers, as plain rows in OID order. Pure.

OIDs are those of SNMPv2-MIB (RFC 3418), SNMP-FRAMEWORK-MIB (RFC 3411), IF-MIB (RFC 2863)
and UPS-MIB (RFC 1628); tables are small, because the agents are slow.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

Oid = tuple[int, ...]
SYSTEM: Oid = (1, 3, 6, 1, 2, 1, 1)
INTERFACES: Oid = (1, 3, 6, 1, 2, 1, 2)
IF_X: Oid = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1)
UPS: Oid = (1, 3, 6, 1, 2, 1, 33, 1)
ENGINE: Oid = (1, 3, 6, 1, 6, 3, 10, 2, 1)
PRIVATE: Oid = (1, 3, 6, 1, 4, 1, 55555)  # no such enterprise: nobody takes it for a vendor's


class Kind(StrEnum):
    """The SMIv2 types that the tables need (RFC 2578)."""

    INTEGER = "Integer32"
    TEXT = "OctetString"
    OID = "ObjectIdentifier"
    COUNTER = "Counter32"
    COUNTER64 = "Counter64"
    GAUGE = "Gauge32"
    TICKS = "TimeTicks"


Value = int | str | Oid
Row = tuple[Oid, Kind, Value]
LIMIT: Mapping[Kind, int] = {
    Kind.COUNTER: 1 << 32,
    Kind.COUNTER64: 1 << 64,
    Kind.GAUGE: 1 << 32,
    Kind.TICKS: 1 << 32,
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the agent is, and since when it runs."""

    name: str
    text: str  # sysDescr
    product: int  # last number of sysObjectID
    up_seconds: float
    boots: int
    location: str = "演示医院机房"


def system(who: Identity) -> Iterator[Row]:
    """Yield the system group and the engine's own scalars."""
    yield (*SYSTEM, 1, 0), Kind.TEXT, who.text
    yield (*SYSTEM, 2, 0), Kind.OID, (*PRIVATE, who.product)
    yield (*SYSTEM, 3, 0), Kind.TICKS, int(who.up_seconds * 100)
    yield (*SYSTEM, 5, 0), Kind.TEXT, who.name
    yield (*SYSTEM, 6, 0), Kind.TEXT, who.location
    yield (*ENGINE, 2, 0), Kind.INTEGER, who.boots
    yield (*ENGINE, 3, 0), Kind.INTEGER, int(who.up_seconds)


@dataclass(frozen=True, slots=True)
class Port:
    """One port at an instant. Counts are since the agent's start."""

    number: int  # ifIndex
    name: str
    alias: str
    up: bool = True
    speed: int = 1_000  # Mbit/s
    changed: float = 0.0  # seconds of uptime when it last went up or down
    received: float = 0.0  # bytes
    sent: float = 0.0
    errors: float = 0.0  # frames received broken


def ports(found: tuple[Port, ...]) -> Iterator[Row]:
    """Yield IF-MIB's ifNumber, ifTable and ifXTable for these ports."""
    yield (*INTERFACES, 1, 0), Kind.INTEGER, len(found)
    for column, kind, of in _IF_TABLE:
        for port in found:
            yield (*INTERFACES, 2, 1, column, port.number), kind, of(port)
    for column, kind, of in _IF_X_TABLE:
        for port in found:
            yield (*IF_X, column, port.number), kind, of(port)


_GIGABIT = 1_000_000
_IF_TABLE = (
    (1, Kind.INTEGER, lambda p: p.number),
    (2, Kind.TEXT, lambda p: p.name),
    (3, Kind.INTEGER, lambda _: 6),  # ethernetCsmacd
    (5, Kind.GAUGE, lambda p: min(p.speed * _GIGABIT, (1 << 32) - 1)),
    (7, Kind.INTEGER, lambda _: 1),  # ifAdminStatus: up
    (8, Kind.INTEGER, lambda p: 1 if p.up else 2),
    (9, Kind.TICKS, lambda p: int(p.changed * 100)),
    (13, Kind.COUNTER, lambda _: 0),
    (14, Kind.COUNTER, lambda p: int(p.errors)),
    (19, Kind.COUNTER, lambda _: 0),
    (20, Kind.COUNTER, lambda _: 0),
)
_IF_X_TABLE = (
    (1, Kind.TEXT, lambda p: p.name),
    (6, Kind.COUNTER64, lambda p: int(p.received)),
    (10, Kind.COUNTER64, lambda p: int(p.sent)),
    (15, Kind.GAUGE, lambda p: p.speed),
    (18, Kind.TEXT, lambda p: p.alias),
    (19, Kind.TICKS, lambda _: 0),
)


@dataclass(frozen=True, slots=True)
class Power:
    """A UPS at an instant."""

    status: int  # upsBatteryStatus
    on_battery: bool
    seconds_on: int
    minutes_left: int
    charge: float  # ratio
    volts: float  # of the battery
    load: float = 0.42  # ratio
    bads: int = 0  # upsInputLineBads
    replace: bool = False


_MAINS, _BATTERY = 3, 5  # upsOutputSource
_ALARMS: Oid = (*UPS, 6, 3)  # upsWellKnownAlarms
_BATTERY_BAD, _ON_BATTERY, _LOW_BATTERY, _INPUT_BAD = 1, 2, 3, 6


def power(ups: Power, name: str) -> Iterator[Row]:
    """Yield UPS-MIB's battery, input, output, alarm and test groups."""
    volts = 0 if ups.on_battery else 228
    scalars: tuple[tuple[Oid, Kind, Value], ...] = (
        ((1, 1), Kind.TEXT, "Zhiban"),
        ((1, 2), Kind.TEXT, "virtual UPS of the demo, 20 kVA"),
        ((1, 5), Kind.TEXT, name),
        ((2, 1), Kind.INTEGER, ups.status),
        ((2, 2), Kind.INTEGER, ups.seconds_on),
        ((2, 3), Kind.INTEGER, ups.minutes_left),
        ((2, 4), Kind.INTEGER, int(ups.charge * 100)),
        ((2, 5), Kind.INTEGER, round(ups.volts * 10)),
        ((2, 7), Kind.INTEGER, 25),
        ((3, 1), Kind.COUNTER, ups.bads),
        ((3, 2), Kind.INTEGER, 1),
        ((4, 1), Kind.INTEGER, _BATTERY if ups.on_battery else _MAINS),
        ((4, 2), Kind.INTEGER, 500),
        ((4, 3), Kind.INTEGER, 1),
        ((7, 3), Kind.INTEGER, 6),  # upsTestResultsSummary: noTestsInitiated
    )
    for place, kind, value in scalars:
        yield (*UPS, *place, 0), kind, value
    for column, of in ((2, 0 if ups.on_battery else 500), (3, volts)):
        yield (*UPS, 3, 3, 1, column, 1), Kind.INTEGER, of
    for column, of in ((2, 220), (3, 380), (4, 8000), (5, round(ups.load * 100))):
        yield (*UPS, 4, 4, 1, column, 1), Kind.INTEGER, of
    yield from _alarms(ups)


def _alarms(ups: Power) -> Iterator[Row]:
    standing = {
        _BATTERY_BAD: ups.replace,
        _ON_BATTERY: ups.on_battery,
        _LOW_BATTERY: ups.status > 2,  # noqa: PLR2004  low or depleted
        _INPUT_BAD: ups.on_battery,
    }
    present = [alarm for alarm, there in standing.items() if there]
    yield (*UPS, 6, 1, 0), Kind.GAUGE, len(present)
    for alarm in present:
        yield (*UPS, 6, 2, 1, 1, alarm), Kind.INTEGER, alarm
        yield (*UPS, 6, 2, 1, 2, alarm), Kind.OID, (*_ALARMS, alarm)
        yield (*UPS, 6, 2, 1, 3, alarm), Kind.TICKS, 0


def table(rows: Iterator[Row]) -> tuple[Row, ...]:
    """Rows in OID order, counters wrapped as their types are."""
    return tuple(
        (oid, kind, value % LIMIT[kind] if isinstance(value, int) and kind in LIMIT else value)
        for oid, kind, value in sorted(rows)
    )
