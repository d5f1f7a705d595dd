"""
Numbers as Go and Prometheus write them, so that one annotation reads the same in both.

Sources: Go's fmt and strconv; Prometheus' template/template.go (humanize ...). Pure.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

Value = float | str
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
INT64: Final = 1 << 63
LARGE: Final = ("k", "M", "G", "T", "P", "E", "Z", "Y")
SMALL: Final = ("m", "u", "n", "p", "f", "a", "z", "y")
BINARY: Final = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
SPEC: Final = re.compile(
    r"%(?P<flags>[-+0]*)(?P<width>\d*)(?:\.(?P<prec>\d*))?(?P<verb>.?)", re.DOTALL
)
NUMBER_VERBS: Final = "vfFeEgG"
TEXT_VERBS: Final = "vsq"


def special(value: float) -> str | None:
    """``+Inf``, ``-Inf``, ``NaN``; None for a finite number."""
    if math.isnan(value):
        return "NaN"
    return None if math.isfinite(value) else "+Inf" if value > 0 else "-Inf"


def shortest(value: float) -> str:
    """``%v``: the fewest digits that read back as the same number; 1e+06 from a million on."""
    if (text := special(value)) is not None:
        return text
    mantissa, _, exponent = f"{value:.17e}".partition("e")
    for digits in range(17):
        short = f"{value:.{digits}e}"
        if float(short) == value:
            mantissa, _, exponent = short.partition("e")
            break
    power = int(exponent)
    if power < -4 or power >= 6:  # noqa: PLR2004 - strconv/ftoa.go, %e outside these
        return f"{mantissa}e{exponent}"
    places = max(0, len(mantissa.lstrip("-").replace(".", "")) - 1 - power)
    return f"{value:.{places}f}"


def four(value: float) -> str:
    """``%.4g``."""
    return special(value) or f"{value:.4g}"


def _scaled(value: float, step: float, prefixes: tuple[str, ...]) -> tuple[float, str]:
    """Divide by ``step`` while it is too large (step > 1), or too small (step < 1)."""
    prefix = ""
    for name in prefixes:
        if abs(value) < step if step > 1 else abs(value) >= 1:
            break
        prefix, value = name, value / step
    return value, prefix


def humanize(value: float) -> str:
    """Metric prefixes: 1234567 -> 1.235M."""
    if value == 0 or special(value):
        return four(value)
    big = abs(value) >= 1
    value, prefix = _scaled(value, 1000.0, LARGE) if big else _scaled(value, 0.001, SMALL)
    return four(value) + prefix


def humanize1024(value: float) -> str:
    """Binary prefixes: 2097152 -> 2Mi."""
    if special(value) or abs(value) <= 1:
        return four(value)
    value, prefix = _scaled(value, 1024.0, BINARY)
    return four(value) + prefix


def humanize_duration(value: float) -> str:
    """Seconds: 93784 -> 1d 2h 3m 4s."""
    if special(value) or value == 0:
        return four(value) + ("s" if value == 0 else "")
    if abs(value) >= INT64:
        return four(value) + "s"  # Go's int64 overflows here
    if abs(value) < 1:
        value, prefix = _scaled(value, 0.001, SMALL)
        return f"{four(value)}{prefix}s"
    sign, whole = ("-" if value < 0 else ""), int(abs(value))
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{four(abs(value))}s"


def humanize_percentage(value: float) -> str:
    """A ratio: 0.956 -> 95.6%."""
    return four(value * 100) + "%"


def humanize_timestamp(value: float) -> str:
    """Seconds since 1970 as Go prints a time in UTC. Raises ValueError out of range."""
    if special(value):
        return four(value)
    if abs(value * 1e9) > INT64:
        raise ValueError(f"{shortest(value)} is no instant")
    instant = EPOCH + timedelta(milliseconds=int(value * 1e9) // 1_000_000)
    fraction = f".{instant.microsecond // 1000:03d}".rstrip("0").rstrip(".")
    return f"{instant:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


def title(text: str) -> str:
    """First letters of words to upper case (Go's strings.Title), the rest untouched."""
    return re.sub(r"(?<![\w'])\w", lambda m: m.group().upper(), text)


HUMANIZERS: Final[Mapping[str, Callable[[float], str]]] = {
    "humanize": humanize,
    "humanize1024": humanize1024,
    "humanizeDuration": humanize_duration,
    "humanizePercentage": humanize_percentage,
    "humanizeTimestamp": humanize_timestamp,
}
CASES: Final[Mapping[str, Callable[[str], str]]] = {
    "title": title,
    "toUpper": str.upper,
    "toLower": str.lower,
}


def printf(form: str, args: tuple[Value, ...]) -> str:
    """Go's Sprintf for the verbs that ``check_printf`` let through."""
    rest = iter(args)

    def one(match: re.Match[str]) -> str:
        return "%" if match["verb"] == "%" else _pad(match, _verb(match, next(rest)))

    return SPEC.sub(one, form)


def check_printf(form: str, numbers: tuple[bool, ...]) -> str:
    """What is wrong with a format, given which arguments are numbers; "" when nothing is."""
    specs = [m for m in SPEC.finditer(form) if m["verb"] != "%"]
    if len(specs) != len(numbers):
        return f"printf {form!r} takes {len(specs)} arguments and is given {len(numbers)}"
    for spec, number in zip(specs, numbers, strict=True):
        verbs = NUMBER_VERBS if number else TEXT_VERBS
        if not spec["verb"] or spec["verb"] not in verbs:
            what = "a number (use %.0f, %g or %v)" if number else "a text (use %s or %v)"
            return f"printf {spec.group()!r} does not fit {what}"
    return ""


def _verb(match: re.Match[str], value: Value) -> str:
    verb, given = match["verb"], match["prec"]
    precision = None if given is None else int(given or 0)
    if isinstance(value, str):
        text = value if precision is None else value[:precision]
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if verb == "q" else text
    text = special(value) or _finite(value, verb, precision)
    return f"+{text}" if "+" in match["flags"] and text[0] not in "+-N" else text


def _finite(value: float, verb: str, precision: int | None) -> str:
    if verb in "vgG" and precision is None:
        text = shortest(value)
        return text.upper() if verb == "G" else text
    return format(value, f".{6 if precision is None else precision}{verb.replace('v', 'g')}")


def _pad(match: re.Match[str], text: str) -> str:
    width, flags = int(match["width"] or 0), match["flags"]
    if "-" in flags:
        return text.ljust(width)
    # strings.Repeat("0") goes between sign and digits; not before Inf and NaN.
    return text.zfill(width) if "0" in flags and text[-1:].isdigit() else text.rjust(width)
