"""
The battery of a virtual UPS: discharge, charge, and what its card believes of it.

Pure; instants are seconds on any steady clock. The charge falls in a straight line to
nothing in RUN seconds and comes back in REFILL; the card's own estimate is twice too
long, as old cards' are (hospital-practice 4 B: 34 minutes said, 16 left).
"""

from dataclasses import dataclass

RUN = 18 * 60.0  # seconds that a full battery carries the demo's load
REFILL = 40 * 60.0  # seconds from empty to full; a real one takes hours
BOAST = 2.1  # the card's estimate over the truth
LOW = 0.30  # share of the charge below which the card says "low"
DEPLETED = 0.02
FLOAT_VOLTS, EMPTY_VOLTS = 273.0, 216.0  # 20 blocks of 12 V: 13.65 V full, 10.8 V empty


@dataclass(frozen=True, slots=True)
class Battery:
    """How it stood when mains last went or came."""

    charge: float = 1.0  # ratio at ``since``
    on: bool = False  # it carries the load
    since: float = 0.0

    def level(self, now: float) -> float:
        """Charge at an instant, 0 to 1."""
        passed = max(0.0, now - self.since)
        moved = self.charge - passed / RUN if self.on else self.charge + passed / REFILL
        return min(1.0, max(0.0, moved))

    def turned(self, now: float, *, on: bool) -> "Battery":
        """Mains went (on) or came back; itself where that is so already."""
        return self if on == self.on else Battery(self.level(now), on, now)

    def seconds_on(self, now: float) -> int:
        """Whole seconds since mains went; 0 on mains (upsSecondsOnBattery, RFC 1628)."""
        return int(max(0.0, now - self.since)) if self.on else 0

    def minutes_left(self, now: float) -> int:
        """Minutes the card believes in, whole ones (upsEstimatedMinutesRemaining)."""
        return round(self.level(now) * RUN * BOAST / 60)

    def status(self, now: float) -> int:
        """Tell upsBatteryStatus: 2 normal, 3 low, 4 depleted (RFC 1628)."""
        level = self.level(now)
        if level <= DEPLETED:
            return 4
        return 3 if self.on and level < LOW else 2

    def volts(self, now: float) -> float:
        """Volts across the string."""
        return EMPTY_VOLTS + (FLOAT_VOLTS - EMPTY_VOLTS) * self.level(now)
