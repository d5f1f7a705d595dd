"""
Which rows of one matrix a selector means: an inverted index per label.

A label's index is built when a selector first names the label and kept up to date
after that. Not thread-safe by itself: the matrix calls it under its lock.
Regexes are RE2, so a hostile pattern costs linear time.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import re2
from numpy.typing import NDArray

from monitor.model.reading import LabelPairs
from monitor.promql.ast import Matcher

Rows = NDArray[np.int64]

MAX_CACHED = 64  # selectors remembered per metric name
MAX_PATTERNS = 1024  # compiled regexes, all names together


@lru_cache(maxsize=MAX_PATTERNS)
def pattern(text: str) -> Any:
    """The compiled form of a label regex: anchored, a dot matches a newline too."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(f"^(?s:{text})$", options)


def accepts(matcher: Matcher) -> Callable[[str], bool]:
    """What a matcher says of one label value ("" stands for "no such label")."""
    if matcher.op in ("=", "!="):
        wanted, value = matcher.op == "=", matcher.value
        return lambda text: (text == value) is wanted
    wanted, regex = matcher.op == "=~", pattern(matcher.value)
    return lambda text: (regex.search(text) is not None) is wanted


class Index:
    """The rows of one metric name, by label and value."""

    def __init__(self, rows: Mapping[LabelPairs, int]) -> None:
        self._rows = rows  # the matrix's own dict: shared, not copied
        self._labels: dict[str, dict[str, set[int]]] = {}
        self._found: dict[tuple[Matcher, ...], Rows] = {}

    def add(self, row: int, labels: LabelPairs) -> None:
        """A row was taken."""
        self._found.clear()
        if self._labels:
            for name, value in labels:
                if (values := self._labels.get(name)) is not None:
                    values.setdefault(value, set()).add(row)

    def drop(self, row: int, labels: LabelPairs) -> None:
        """A row was given back."""
        self._found.clear()
        for name, value in labels:
            values = self._labels.get(name, {})
            rows = values.get(value, set())
            rows.discard(row)
            if not rows:
                values.pop(value, None)

    def find(self, matchers: Sequence[Matcher]) -> Rows:
        """Rows that satisfy every matcher, ascending; cached until a row comes or goes."""
        key = tuple(matchers)
        found = self._found.get(key)
        if found is None:
            rows = self._search(key)
            found = np.fromiter(rows, np.int64, len(rows))
            found.sort()
            if len(self._found) >= MAX_CACHED:
                self._found.clear()
            self._found[key] = found
        return found

    def _search(self, matchers: tuple[Matcher, ...]) -> set[int]:
        wanted: list[set[int]] = []
        unwanted: set[int] = set()
        for matcher in matchers:
            test = accepts(matcher)
            values = self._values(matcher.name)
            if test(""):  # rows without the label are in, so take out what fails
                unwanted.update(*(rows for value, rows in values.items() if not test(value)))
            elif matcher.op == "=":
                wanted.append(values.get(matcher.value, set()))
            else:
                wanted.append(set().union(*(r for value, r in values.items() if test(value))))
        wanted.sort(key=len)
        rows = wanted[0].intersection(*wanted[1:]) if wanted else set(self._rows.values())
        return rows - unwanted

    def _values(self, name: str) -> dict[str, set[int]]:
        values = self._labels.get(name)
        if values is None:
            values = self._labels[name] = {}
            for labels, row in self._rows.items():
                for label, value in labels:
                    if label == name:
                        values.setdefault(value, set()).add(row)
        return values
