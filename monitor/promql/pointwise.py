"""
Functions of one value at a time, and of the calendar (UTC, as in Prometheus).

Each takes the values and its scalar arguments. Source: Prometheus' promql/functions.go.
"""

from collections.abc import Sequence

import numpy as np

from monitor.promql.storage import Floats

# numpy counts in int64 seconds; beyond this (a million years) there is no date.
FARTHEST = 3.2e13


def rounded(values: Floats, scalars: Sequence[float]) -> Floats:
    """To the nearest multiple (default 1); halves go up."""
    inverse = np.float64(1.0) / np.float64(scalars[0] if scalars else 1.0)
    return np.floor(values * inverse + 0.5) / inverse


def clamp_min(values: Floats, scalars: Sequence[float]) -> Floats:
    """At least so much; NaN on either side gives NaN."""
    return np.maximum(values, scalars[0])


def clamp_max(values: Floats, scalars: Sequence[float]) -> Floats:
    """At most so much; NaN on either side gives NaN."""
    return np.minimum(values, scalars[0])


def _dates(values: Floats, unit: str) -> Floats:
    """Seconds since 1970, as whole units since 1970; NaN where there is no date."""
    sane = np.isfinite(values) & (np.abs(values) < FARTHEST)
    seconds = np.trunc(np.where(sane, values, 0.0)).astype(np.int64).astype("datetime64[s]")
    units = seconds.astype(f"datetime64[{unit}]").astype(np.int64)
    return np.where(sane, units, np.nan)


def _first_days(months: Floats) -> Floats:
    """Days since 1970 of the first day of each month (counted since 1970)."""
    sane = ~np.isnan(months)
    counted = np.where(sane, months, 0.0).astype(np.int64).astype("datetime64[M]")
    return np.where(sane, counted.astype("datetime64[D]").astype(np.int64), np.nan)


def year(values: Floats) -> Floats:
    """The year."""
    return _dates(values, "Y") + 1970


def month(values: Floats) -> Floats:
    """1 to 12."""
    return np.mod(_dates(values, "M"), 12) + 1


def day_of_month(values: Floats) -> Floats:
    """1 to 31."""
    return _dates(values, "D") - _first_days(_dates(values, "M")) + 1


def day_of_year(values: Floats) -> Floats:
    """1 to 366."""
    return _dates(values, "D") - _first_days(_dates(values, "Y") * 12) + 1


def day_of_week(values: Floats) -> Floats:
    """0 (Sunday) to 6; 1 January 1970 was a Thursday."""
    return np.mod(_dates(values, "D") + 4, 7)


def days_in_month(values: Floats) -> Floats:
    """28 to 31."""
    months = _dates(values, "M")
    return _first_days(months + 1) - _first_days(months)


def hour(values: Floats) -> Floats:
    """0 to 23."""
    return np.mod(_dates(values, "h"), 24)


def minute(values: Floats) -> Floats:
    """0 to 59."""
    return np.mod(_dates(values, "m"), 60)
