"""
``{name}`` in a step's address, headers and body. Pure: fixed placeholders, no language.

A value is written for the place it goes to, so that it can neither break out of an
address nor begin another header. A name that is not known stands as it is.
"""

import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus

PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
NAME = re.compile(r"[a-z_][a-z0-9_]*")
MAX_VALUE = 4096  # characters of a captured value


def names(text: str) -> set[str]:
    """Return the placeholders of a text."""
    return set(PLACEHOLDER.findall(text))


def in_url(text: str, values: Mapping[str, str]) -> str:
    """Fill in, percent-encoded."""
    return fill(text, values, lambda v: quote(v, safe=""))


def in_header(text: str, values: Mapping[str, str]) -> str:
    """Fill in, without control characters."""
    return fill(text, values, lambda v: "".join(c for c in v if c.isprintable()))


def in_body(text: str, values: Mapping[str, str], content_type: str) -> str:
    """Fill in as the content type asks: form fields encoded, JSON strings escaped."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return fill(text, values, quote_plus)
    if kind == "application/json" or kind.endswith("+json"):
        return fill(text, values, lambda v: json.dumps(v)[1:-1])
    return fill(text, values, lambda v: v)


def fill(text: str, values: Mapping[str, str], write: Callable[[str], str]) -> str:
    """Replace every known placeholder, once: a value is never looked through again."""
    return PLACEHOLDER.sub(lambda m: write(values[m[1]]) if m[1] in values else m[0], text)
