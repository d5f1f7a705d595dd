"""
Label matchers at work: = != =~ !~ on one value.

Regexes are RE2, fully anchored, and their dot matches a newline (Prometheus 3).
A missing label is the empty string.
"""

from functools import lru_cache
from typing import Any

import re2

from monitor.promql.ast import Matcher
from monitor.promql.errors import PromqlError


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False  # errors are sentences of ours, not lines on stderr
    options.dot_nl = True
    return options


OPTIONS = _options()


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """The pattern for ``fullmatch``. Raises PromqlError where RE2 refuses it."""
    try:
        return re2.compile(pattern, options=OPTIONS)
    except re2.error as error:
        said = error.args[0] if error.args else "not RE2"
        text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise PromqlError(f"invalid regular expression {pattern!r}: {text}") from None


def accepts(matcher: Matcher, value: str) -> bool:
    """Whether the matcher holds for a label's value ("" for a label that is not there)."""
    if matcher.op == "=":
        return value == matcher.value
    if matcher.op == "!=":
        return value != matcher.value
    found = compiled(matcher.value).fullmatch(value) is not None
    return found == (matcher.op == "=~")
