"""
Field types that probes' options share. Pure: each turns one YAML value into one Python value.

Raises ValueError with what is wrong and what would be right; configuration adds the place.
"""

import re
from typing import Annotated

import re2
from pydantic import AfterValidator, BeforeValidator

MAX_PATTERN = 4096  # characters
DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m)")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}  # seconds
FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.1


def seconds(value: object) -> float:
    """Turn ``200ms``, ``5s`` or ``1m`` into seconds; a bare number is refused."""
    found = DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError(f"expected a duration like 200ms or 5s, found {value!r}")
    return float(found[1]) * UNITS[found[2]]


def compiled(pattern: str) -> "re2._Regexp":
    """Compile an RE2 pattern: linear in the text, bounded in memory."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    return re2.compile(pattern, options)


def checked_pattern(pattern: str) -> str:
    """Refuse what RE2 does not accept."""
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"is a pattern of more than {MAX_PATTERN} characters")
    try:
        compiled(pattern)
    except re2.error as error:
        said = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"is no RE2 pattern: {said}") from None
    return pattern


def checked_field(name: str) -> str:
    """Refuse what is no name of an HTTP field."""
    if not FIELD_NAME.fullmatch(name):
        raise ValueError(f"is no name of an HTTP header: {name!r}")
    return name


def checked_line(text: str) -> str:
    """Refuse line breaks, which would begin another header."""
    if any(c in text for c in "\r\n\0"):
        raise ValueError("has a line break, which a header cannot hold")
    return text


Seconds = Annotated[float, BeforeValidator(seconds)]
Pattern = Annotated[str, AfterValidator(checked_pattern)]
Field = Annotated[str, AfterValidator(checked_field)]
Line = Annotated[str, AfterValidator(checked_line)]
