"""Prometheus durations: ``1h30m``, ``90s``, ``0``. Pure."""

import re
from typing import Final

# model/time.go of prometheus/common: largest unit first, each at most once.
UNITS: Final = {
    "y": 365 * 86400.0,
    "w": 7 * 86400.0,
    "d": 86400.0,
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 0.001,
}
PATTERN: Final = re.compile("".join(rf"(?:(?P<{u}>[0-9]+){u})?" for u in UNITS) + r"\Z")
LONGEST: Final = 100 * UNITS["y"]  # Go's time.Duration ends at 292 years


def parse(text: str) -> float | None:
    """Return the seconds, or None where the text is no duration."""
    if text == "0":
        return 0.0
    match = PATTERN.match(text)
    if not text or not match:
        return None
    seconds = sum(int(n) * UNITS[u] for u, n in match.groupdict().items() if n)
    return seconds if seconds <= LONGEST else None


def show(seconds: float) -> str:
    """Write seconds as Prometheus does: 5400 -> 1h30m."""
    left, text = round(seconds * 1000), ""
    for unit, size in UNITS.items():
        # A year or a week is only said where nothing is left over, as in Prometheus.
        count, rest = divmod(left, round(size * 1000))
        if count and (unit not in ("y", "w") or not rest):
            text, left = f"{text}{count}{unit}", rest
    return text or "0s"
