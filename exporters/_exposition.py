"""
Reads an exposition: Prometheus' text format 0.0.4 and OpenMetrics 1.0. Pure.

Our own because prometheus-client's reader has no line numbers, holds a whole family
before its caller can stop it (a page may be one family of a million samples), and takes
2.5 times as long. It is the oracle of the tests.
Errors name the line and what is wrong there, never what stands in it. Timestamps and
exemplars are read and left out: a sample's time is its slot's. Linear in the page's
size, and line by line: memory grows with the rows that are kept, not with the page.

Sources: prometheus.io/docs/instrumenting/exposition_formats, OpenMetrics 1.0 (the
IETF draft), Prometheus' promparse.go where the two are silent.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from prometheus_client.utils import floatToGoString

from monitor.model.reading import NAN, LabelPairs, Metric, MetricType

MAX_LINE = 64 << 10  # bytes
MAX_LINES = 250_000  # some 20 times the rows that a target may bring
MAX_LABELS = 64
MAX_VALUE = 1024  # bytes of one label value
MAX_HELP = 1024  # characters; longer ones are cut
MEMO = 10_000  # label sets whose parsed form is remembered, over all targets
MEMO_LENGTH = 256  # characters; longer ones are parsed each time, so that memory stays small

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
# Possessive throughout, so that no line can make the match go back over itself.
_SAMPLE = re.compile(
    rf"[ \t]*+({_NAME})[ \t]*+(\{{(?:[^\"}}]|{_QUOTED})*+\}})?+[ \t]*+"
    r"([-+.0-9a-zA-Z]++)(?:[ \t]++[-+.0-9eE]++)?+[ \t]*+(# \{.*)?",
    re.DOTALL,
)
_PAIR = re.compile(
    rf"[ \t]*+([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*+=[ \t]*+({_QUOTED})[ \t]*+(,|\Z)", re.DOTALL
)
_COMMENT = re.compile(rf"#[ \t]++(HELP|TYPE)[ \t]++({_NAME})(?:[ \t]++(.*))?", re.DOTALL)
_WRONG = tuple(
    (re.compile(pattern, re.DOTALL), why)
    for pattern, why in (
        (r"\s*<", "HTML or XML, not metrics; is the path right?"),
        (r"\s*[{\[]", "JSON or a name outside ASCII, not a metric"),
        (r"[^\r]*+\r\Z", "ends in CR LF, where the format wants LF alone"),
        (rf"\s*+(?!{_NAME})", "does not begin with a metric name"),
        (rf"\s*+{_NAME}\s*+\Z", "a metric name without a value"),
        (rf"\s*+{_NAME}\s*+\{{(?!(?:[^\"}}]|{_QUOTED})*+\}})", "labels that are not closed"),
        (r"", "not a metric name, labels, a value and at most a timestamp"),
    )
)
_ESCAPE = re.compile(r'\\([\\n"])')
_TYPES: Mapping[str, MetricType] = {
    "counter": "counter",
    "gauge": "gauge",
    "histogram": "histogram",
    "summary": "summary",
    "untyped": "unknown",
    "unknown": "unknown",
    "info": "gauge",
    "stateset": "gauge",
    "gaugehistogram": "unknown",
}
_OPENMETRICS_SUFFIX = {"counter": "_total", "info": "_info"}
_HAVE_CREATED = frozenset({"counter", "histogram", "summary"})


class PageError(ValueError):
    """The page is no exposition; the message begins with the line."""


class PageTooLargeError(PageError):
    """The page is over one of the bounds."""


@dataclass(slots=True)
class Page:
    """What a page holds, by sample name in order of appearance."""

    metrics: dict[str, Metric] = field(default_factory=dict)
    samples: dict[str, dict[LabelPairs, float]] = field(default_factory=dict)
    seen: int = 0  # samples on the page, dropped ones included
    kept: int = 0


@dataclass(slots=True)
class _Family:
    """What the comments say of one family."""

    kind: str = "unknown"
    help: str = ""


def read(
    body: bytes, wanted: Callable[[str], bool], max_rows: int, *, openmetrics: bool = False
) -> Page:
    """
    Read a page; samples whose name is not ``wanted`` are counted and left out.

    PageError when it is no exposition, PageTooLargeError beyond ``max_rows`` kept rows
    or one of this module's bounds.
    """
    page = Page()
    families: dict[str, _Family] = {}
    keep = _Keep(page, families, lru_cache(maxsize=None)(wanted), max_rows, openmetrics)
    ended = False
    number = 0
    for number, line in _lines(body):
        if ended:
            raise PageError(f"line {number}: goes on after # EOF")
        if not line:
            continue
        if line.startswith("#"):
            ended = openmetrics and line == "# EOF"
            _comment(line, number, families)
        else:
            keep.sample(line, number)
    if openmetrics and not ended:
        raise PageError(f"line {number}: no # EOF at the end; the answer is cut off")
    page.metrics = dict(_declared(families, page, openmetrics=openmetrics))
    return page


def _lines(body: bytes) -> Iterator[tuple[int, str]]:
    """Numbered lines without their line feed. Each must have one."""
    start = number = 0
    while start < len(body):
        number += 1
        end = body.find(b"\n", start, start + MAX_LINE + 1)
        if number > MAX_LINES:
            raise PageTooLargeError(f"line {number}: more than {MAX_LINES} lines")
        if end < 0:
            if len(body) - start > MAX_LINE:
                raise PageTooLargeError(f"line {number}: is longer than {MAX_LINE} bytes")
            raise PageError(f"line {number}: has no end; the answer is cut off")
        try:
            yield number, body[start:end].decode()
        except UnicodeDecodeError:
            raise PageError(f"line {number}: is not UTF-8") from None
        start = end + 1


def _comment(line: str, number: int, families: dict[str, _Family]) -> None:
    """HELP and TYPE; every other comment is only a comment."""
    found = _COMMENT.fullmatch(line)
    if found is None:
        return
    word, name, text = found.groups(default="")
    family = families.setdefault(name, _Family())
    if word == "HELP":
        family.help = unescape(text[:MAX_HELP])
    elif (kind := text.strip(" \t")) in _TYPES:
        family.kind = kind
    else:
        raise PageError(f"line {number}: a TYPE that does not exist")


@dataclass(slots=True)
class _Keep:
    """Takes the samples of one page."""

    page: Page
    families: Mapping[str, _Family]
    wanted: Callable[[str], bool]
    max_rows: int
    openmetrics: bool

    def sample(self, line: str, number: int) -> None:
        """One sample line."""
        found = _SAMPLE.fullmatch(line)
        if found is None:
            raise PageError(f"line {number}: {_why(line)}")
        name, labels, text, exemplar = found.groups()
        if exemplar and not self.openmetrics:
            raise PageError(f"line {number}: an exemplar, which this format does not have")
        value = _value(text, number)
        if self.openmetrics and self._is_creation_time(name):
            return
        self.page.seen += 1
        if not self.wanted(name):
            return
        self.page.kept += 1
        if self.page.kept > self.max_rows:
            raise PageTooLargeError(f"line {number}: more than {self.max_rows} rows")
        pairs = self._pairs(name, labels, number)
        rows = self.page.samples.setdefault(name, {})
        if pairs in rows:
            raise PageError(f"line {number}: the same series a second time")
        rows[pairs] = value

    def _pairs(self, name: str, labels: str | None, number: int) -> LabelPairs:
        if labels is None:
            return ()
        try:
            pairs = label_pairs(labels)
        except PageTooLargeError as error:
            raise PageTooLargeError(f"line {number}: {error}") from None
        except PageError as error:
            raise PageError(f"line {number}: {error}") from None
        family = self.families.get(name.removesuffix("_bucket"))
        if family and family.kind in {"histogram", "summary"}:
            return normalized(pairs)
        return pairs

    def _is_creation_time(self, name: str) -> bool:
        if not name.endswith("_created"):
            return False
        family = self.families.get(name.removesuffix("_created"))
        return family is not None and family.kind in _HAVE_CREATED


def _value(text: str, number: int) -> float:
    try:
        value = float(text)
    except ValueError:
        raise PageError(f"line {number}: a value that is no number") from None
    return value if value == value else NAN  # noqa: PLR0124 - not a NaN


def label_pairs(text: str) -> LabelPairs:
    """``{a="b",c="d"}`` as sorted pairs, empty values left out."""
    return _remembered(text) if len(text) <= MEMO_LENGTH else _pairs(text)


def _pairs(text: str) -> LabelPairs:
    inner, place = text[1:-1].rstrip(" \t"), 0
    pairs: dict[str, str] = {}
    while place < len(inner):
        found = _PAIR.match(inner, place)
        if found is None:
            raise PageError('a label that is not name="value" with a name in ASCII')
        name, quoted = found[1], found[2]
        if name in pairs:
            raise PageError("a label given twice")
        if len(pairs) == MAX_LABELS or len(quoted) > MAX_VALUE + 2:
            raise PageTooLargeError(
                f"more than {MAX_LABELS} labels, or a value longer than {MAX_VALUE}"
            )
        if name.startswith("__"):
            raise PageError("a label whose name begins with __")
        pairs[name] = unescape(quoted[1:-1])
        place = found.end()
    return tuple(sorted((n, v) for n, v in pairs.items() if v))


_remembered = lru_cache(maxsize=MEMO)(_pairs)


@lru_cache(maxsize=MEMO)
def normalized(pairs: LabelPairs) -> LabelPairs:
    """``le`` and ``quantile`` as Prometheus 3 stores them: "1" and "1.00" are "1.0"."""
    return tuple(
        (name, _edge(value) if name in {"le", "quantile"} else value) for name, value in pairs
    )


def _edge(text: str) -> str:
    try:
        return str(floatToGoString(float(text)))  # type: ignore[no-untyped-call]  # it has no types
    except ValueError:
        return text


def unescape(text: str) -> str:
    r"""Undo ``\\``, ``\n`` and ``\"``; any other backslash stands for itself."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], text)


def _why(line: str) -> str:
    """What is wrong with a line that is no sample, without quoting it."""
    return next(why for pattern, why in _WRONG if pattern.match(line))


def _declared(
    families: Mapping[str, _Family], page: Page, *, openmetrics: bool
) -> Iterator[tuple[str, Metric]]:
    """Type and help of what is kept: by family for histograms and summaries, else by sample."""
    for name, family in families.items():
        suffix = _OPENMETRICS_SUFFIX.get(family.kind, "") if openmetrics else ""
        metric = Metric(_TYPES[family.kind], family.help)
        ends = (
            ("", "_bucket", "_sum", "_count") if metric.type in {"histogram", "summary"} else ("",)
        )
        if any(name + suffix + end in page.samples for end in ends):
            yield name + suffix, metric
