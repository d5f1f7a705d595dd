"""Durations as people write them: ``30s``, ``5m``, ``1h30m``, ``500ms``."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from monitor.config.sentences import shown

# The units of Prometheus' durations, without weeks and years, which nobody means here.
UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}  # milliseconds
_WHOLE = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)
MAX_DIGITS = 9  # more is a slip of the keyboard, and would not fit a timedelta


def parse(value: object) -> timedelta:
    """
    Read a duration. Raises ValueError with a sentence.

    A bare number is refused: nobody knows whether it means seconds or minutes.
    """
    if isinstance(value, timedelta):
        return value
    found = _WHOLE.fullmatch(value) if isinstance(value, str) and value else None
    if found is None or any(len(n) > MAX_DIGITS for n in found.groups() if n):
        raise ValueError(f"expected a duration like 30s, 5m or 1h30m, found {shown(value)}")
    counts = zip(found.groups(), UNITS.values(), strict=True)
    return timedelta(milliseconds=sum(int(n) * unit for n, unit in counts if n))


def text(duration: timedelta) -> str:
    """Write a duration as a person would: ``1h30m``; the opposite of parse."""
    rest = round(duration / timedelta(milliseconds=1))
    parts = []
    for unit, size in UNITS.items():
        if unit == "d" and rest < 2 * size:
            continue  # people say 24 hours
        count, rest = divmod(rest, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


Duration = Annotated[timedelta, BeforeValidator(parse)]


def between(least: str, most: str) -> AfterValidator:
    """Bounds of a Duration, both allowed."""
    low, high = parse(least), parse(most)

    def check(value: timedelta) -> timedelta:
        if not low <= value <= high:
            raise ValueError(f"expected a duration from {least} to {most}, found {text(value)}")
        return value

    check.__doc__ = f"from {least} to {most}"  # for the table of keys in docs/configuration.md
    return AfterValidator(check)
