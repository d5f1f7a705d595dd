"""
The series notation of promtool's unit tests: ``probe_success{instance="a"}`` and ``1+0x5 _ stale``.

Source: Prometheus' documentation, "Unit Testing for Rules". Pure.
"""

import re
from typing import Final

from monitor.model.reading import LabelPairs
from monitor.promql.ast import Selector
from monitor.promql.errors import PromqlError
from monitor.promql.parser import parse
from monitor.promql.storage import NO_SAMPLE, STALE

MOST: Final = 100_000  # values of one series
NUMBER: Final = r"(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[iI]nf|[nN]a[nN])"
TOKEN: Final = re.compile(
    rf"(?:(?P<gap>_)|(?P<stale>stale)|(?P<first>[+-]?{NUMBER})(?P<step>[+-]{NUMBER})?)"
    r"(?:x(?P<times>\d+))?\Z"
)


class NotationError(Exception):
    """The text is no series notation; the message says which part."""


def labels(text: str) -> LabelPairs:
    """Read ``name{label="value"}``; sorted, with ``__name__``. Raises NotationError."""
    if text.strip() in ("", "{}"):
        return ()
    try:
        expr = parse(text)
    except PromqlError as error:
        raise NotationError(f"{text!r} is no series: {error}") from None
    plain = isinstance(expr, Selector) and expr.range is None and not expr.offset
    if not isinstance(expr, Selector) or not plain or any(m.op != "=" for m in expr.matchers):
        raise NotationError(f'{text!r} is no series; write it like up{{instance="a"}}')
    return tuple(sorted((m.name, m.value) for m in expr.matchers if m.value))


def values(text: str) -> list[float]:
    """Read the values, one per interval; NO_SAMPLE for ``_``. Raises NotationError."""
    out: list[float] = []
    for token in text.split():
        match = TOKEN.match(token)
        if not match:
            raise NotationError(f"{token!r} is no value; known: 1, 0+10x5, 1x5, _, _x5, stale")
        count = int(match["times"] or 0)
        if len(out) + count > MOST:
            raise NotationError(f"more than {MOST} values")
        out += _expanded(match, count)
    return out


def _expanded(match: re.Match[str], count: int) -> list[float]:
    if match["gap"]:
        return [NO_SAMPLE] * (count if match["times"] else 1)
    if match["stale"]:
        return [STALE] * (count + 1)
    value, step, out = float(match["first"]), float(match["step"] or 0), []
    for _ in range(count + 1):
        out.append(value)
        value += step  # added up, not multiplied: as promtool does, to the last bit
    return out
