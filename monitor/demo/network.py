"""
The virtual network: who hangs on whom, and what a break cuts off.

Pure: no I/O and no clock. The shells (edge.py, hospital.py) do what this says.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from monitor.model.target import Needs


class Break(StrEnum):
    """What `break` does to a device."""

    CUT = "cut"  # power off: its connections and everything behind it
    ERROR = "error"  # the machine stays reachable, its service answers HTTP 500
    STOP = "stop"  # the service's process is really stopped; the port refuses
    MAINS = "mains"  # a UPS loses its mains supply and says so; it stays reachable
    PORT = "port"  # one port of a switch has no light
    NOISE = "noise"  # one port of a switch receives broken frames
    WORN = "worn"  # a UPS' battery is to be replaced
    HEAT = "heat"  # the room gets hot


class Condition(StrEnum):
    """How one device stands."""

    WELL = "well"
    BROKEN = "broken"  # by its own break
    ISOLATED = "isolated"  # its path to the core is gone


@dataclass(frozen=True, slots=True)
class Device:
    """One thing of the virtual hospital, watched as one target."""

    name: str
    title: str
    kind: str  # of the probe: tcp, http, scrape, postgresql, snmp ...; "" for a part
    role: str
    level: int = 2
    uplinks: Needs = ()  # the network path: all entries, any name of an entry
    needs: Needs = ()  # what its service stands on besides the network
    system: str = ""
    breaks: Break = Break.CUT
    of: str = ""  # the device this is a part of: no target, but it breaks by its own name
    what: str = ""  # a part's place in its device, in virtual.py's words: port-7

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a device: no target of its own."""
        return bool(self.of)

    @property
    def owner(self) -> str:
        """The device that a break of it happens to."""
        return self.of or self.name

    @property
    def depends_on(self) -> Needs:
        """What the configuration is to say: the network's path, then the services."""
        return self.uplinks + self.needs


Devices = Mapping[str, Device]
SILENCING = (Break.CUT, Break.STOP)
"""Breaks after which nothing answers on the device's port."""


def _severed(name: str, devices: Devices, broken: frozenset[str]) -> tuple[str, ...]:
    """Name the broken ones of the device and its parts that leave it without an answer."""
    mine = (n for n in broken if n in devices and devices[n].owner == name)
    return tuple(sorted(n for n in mine if devices[n].breaks in SILENCING))


def reachable(devices: Devices, broken: Iterable[str]) -> frozenset[str]:
    """Names whose edge takes connections: mended themselves, and a path to the core holds."""
    broken = frozenset(broken)
    answers: dict[str, bool] = {}

    def up(name: str) -> bool:
        if name not in answers:
            device = devices[name]
            off = _severed(name, devices, broken) or (name in broken and device.breaks in SILENCING)
            answers[name] = not off and all(any(map(up, entry)) for entry in device.uplinks)
        return answers[name]

    return frozenset(name for name in devices if up(name))


def condition(name: str, devices: Devices, broken: Iterable[str]) -> Condition:
    """
    Its own break counts before the path: that is the one `mend NAME` takes back.

    A part has no path of its own: that its device is cut off is said of the device.
    """
    broken = frozenset(broken)
    if name in broken:
        return Condition.BROKEN
    if devices[name].is_part or name in reachable(devices, broken):
        return Condition.WELL
    return Condition.ISOLATED


def blame(name: str, devices: Devices, broken: Iterable[str]) -> tuple[str, ...]:
    """Name the broken devices that cut this one off, nearest the core first; () for none."""
    broken = frozenset(broken)
    up = reachable(devices, broken)
    if name in up or devices[name].is_part:
        return ()
    found: dict[str, None] = {}

    def walk(at: str) -> None:
        for entry in devices[at].uplinks:
            if not any(n in up for n in entry):
                for n in entry:
                    walk(n)
        for cause in (*_severed(at, devices, broken), at):
            if cause in broken and cause != name:
                found[cause] = None

    walk(name)
    return tuple(found)


def behind(name: str, devices: Devices) -> tuple[str, ...]:
    """List what only this device holds up: the names a lone break of it isolates."""
    up = reachable(devices, [name])
    return tuple(n for n, d in devices.items() if n not in up and n != name and not d.is_part)


def tree(devices: Devices) -> Iterator[tuple[int, Device]]:
    """Depth and device, each once: the core first, the rest under the first uplink it has."""
    children: dict[str, list[str]] = {}
    for device in devices.values():
        parent = device.uplinks[0][0] if device.uplinks else ""
        children.setdefault(parent, []).append(device.name)

    def walk(parent: str, depth: int) -> Iterator[tuple[int, Device]]:
        for name in children.get(parent, ()):
            yield depth, devices[name]
            yield from walk(name, depth + 1)

    roots = children.get("", [])
    yield from ((0, devices[name]) for name in roots)
    for name in roots:
        yield from walk(name, 1)
