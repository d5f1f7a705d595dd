"""
The virtual switches and UPS themselves: what happens to them, and how they then stand.

No clock and no I/O: instants come in as seconds on any steady clock. snmpd.py lends each
an SNMP agent. A device that is switched off forgets its counts and starts again.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from monitor.demo import mib
from monitor.demo.battery import Battery

PORTS = 8
UPLINKS = 2  # the last two ports, one to each core
ERRORS_PER_SECOND = 40.0  # of a port with a bad cable


class UnknownChangeError(Exception):
    """The device has no such thing to happen to it."""


class Device(Protocol):
    """Something with an agent."""

    def change(self, what: str, now: float, *, on: bool) -> None:
        """Let something happen (on) or be over. Raises UnknownChangeError."""
        ...

    def start(self, now: float) -> None:
        """Power came back: the agent counts from nothing."""
        ...

    def rows(self, boots: int, now: float) -> tuple[mib.Row, ...]:
        """What the agent answers now."""
        ...


@dataclass(frozen=True, slots=True)
class _Count:
    """What has passed a port: so much at ``since``, and a rate from then on."""

    at: float = 0.0
    rate: float = 0.0
    since: float = 0.0

    def by(self, now: float) -> float:
        return self.at + self.rate * max(0.0, now - self.since)

    def turned(self, now: float, rate: float) -> "_Count":
        return _Count(self.by(now), rate, now)


class Switch:
    """A switch of eight ports; the last two lead up, unless it is a core's (``uplinks`` 0)."""

    def __init__(self, name: str, now: float, *, uplinks: int = UPLINKS) -> None:
        self._name = name
        self._started = now
        first = PORTS - uplinks + 1
        self._aliases = {n: f"uplink-{n - first + 1}" for n in range(first, PORTS + 1)}
        self._down: frozenset[int] = frozenset()
        self._noisy: frozenset[int] = frozenset()
        self._changed: Mapping[int, float] = {}
        self._bytes: dict[int, _Count] = {}
        self._errors: dict[int, _Count] = {}
        self.start(now)

    def start(self, now: float) -> None:
        self._started = now
        self._changed = {}
        numbers = range(1, PORTS + 1)
        self._bytes = {n: _Count(0.0, self._rate(n), now) for n in numbers}
        self._errors = {n: _Count(0.0, self._noise(n), now) for n in numbers}

    def change(self, what: str, now: float, *, on: bool) -> None:
        """``port-N``: no light on port N; ``noise-N``: port N receives broken frames."""
        kind, _, digits = what.partition("-")
        number = int(digits) if digits.isdecimal() else 0
        if kind not in ("port", "noise") or not 1 <= number <= PORTS:
            raise UnknownChangeError(what)
        if kind == "port":
            self._down = self._down | {number} if on else self._down - {number}
            self._changed = {**self._changed, number: now}
        else:
            self._noisy = self._noisy | {number} if on else self._noisy - {number}
        self._bytes[number] = self._bytes[number].turned(now, self._rate(number))
        self._errors[number] = self._errors[number].turned(now, self._noise(number))

    def rows(self, boots: int, now: float) -> tuple[mib.Row, ...]:
        up = now - self._started
        who = mib.Identity(self._name, "Zhiban demo switch, 8 ports", 1, up, boots)

        def all_rows() -> Iterator[mib.Row]:
            yield from mib.system(who)
            yield from mib.ports(tuple(self._port(n, now) for n in range(1, PORTS + 1)))

        return mib.table(all_rows())

    def _port(self, number: int, now: float) -> mib.Port:
        passed = self._bytes[number].by(now)
        changed = self._changed.get(number)
        return mib.Port(
            number,
            f"GigabitEthernet0/0/{number}",
            self._aliases.get(number, ""),
            up=number not in self._down,
            changed=max(0.0, changed - self._started) if changed is not None else 0.0,
            received=passed,
            sent=passed * 0.6,
            errors=self._errors[number].by(now),
        )

    def _rate(self, number: int) -> float:
        """Bytes per second through a port: a figure fixed by its name; none while it is down."""
        if number in self._down:
            return 0.0
        return 20_000.0 + zlib.crc32(f"{self._name}/{number}".encode()) % 400_000

    def _noise(self, number: int) -> float:
        return ERRORS_PER_SECOND if number in self._noisy - self._down else 0.0


class Ups:
    """A UPS: mains goes and comes, its battery wears out."""

    def __init__(self, name: str, now: float) -> None:
        self._name = name
        self._started = now
        self._battery = Battery(since=now)
        self._bads = 0
        self._worn = False

    def start(self, now: float) -> None:
        """Its card was switched off and on; the battery knows nothing of that."""
        self._started = now

    def change(self, what: str, now: float, *, on: bool) -> None:
        """``mains``: the mains supply is gone; ``worn``: its battery is to be replaced."""
        if what == "worn":
            self._worn = on
        elif what == "mains":
            self._bads += on and not self._battery.on
            self._battery = self._battery.turned(now, on=on)
        else:
            raise UnknownChangeError(what)

    def rows(self, boots: int, now: float) -> tuple[mib.Row, ...]:
        up = now - self._started
        who = mib.Identity(self._name, "Zhiban demo UPS, SNMP card", 2, up, boots)

        def all_rows() -> Iterator[mib.Row]:
            yield from mib.system(who)
            yield from mib.power(self._power(now), self._name)

        return mib.table(all_rows())

    def _power(self, now: float) -> mib.Power:
        battery = self._battery
        shown = mib.Power(
            battery.status(now),
            battery.on,
            battery.seconds_on(now),
            battery.minutes_left(now),
            battery.level(now),
            battery.volts(now),
        )
        return replace(shown, bads=self._bads, replace=self._worn)
