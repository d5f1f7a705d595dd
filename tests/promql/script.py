"""
Prometheus' promqltest scripts: load, clear, eval instant, eval range.

``cases(text)`` gives every eval with the samples loaded before it; what a script says
about native histograms is kept as HISTOGRAM, so that a runner can pass over it.
"""

import math
import re
from dataclasses import dataclass, field

from promql.memory import Memory

from monitor.promql.storage import STALE

HISTOGRAM = "{{histogram}}"
UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
    "y": 31536000.0,
}
DURATION = re.compile(r"(\d+)(ms|[smhdwy])")
EVAL = re.compile(
    r"eval(?P<flag>_[a-z]+)?\s+(?:instant\s+at\s+(?P<at>\S+)"
    r"|range\s+from\s+(?P<start>\S+)\s+to\s+(?P<end>\S+)\s+step\s+(?P<step>\S+))\s+(?P<query>.+)"
)
LABEL = re.compile(r"""\s*([\w.]+|"[^"]*")\s*(=?)\s*("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')?\s*,?""")
UNSIGNED = r"(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[iI]nf|[nN]a[nN])"
FLOAT = rf"[-+]?{UNSIGNED}"
ITEM = re.compile(
    rf"(?P<histogram>\{{\{{.*?\}}\}})(?:[-+]\{{\{{.*?\}}\}})?(?:x(?P<htimes>\d+))?"
    rf"|(?P<missing>_)(?:x(?P<mtimes>\d+))?|(?P<stale>stale)"
    rf"|(?P<start>{FLOAT})(?:(?P<delta>[-+]{UNSIGNED})?x(?P<times>\d+))?"
)


@dataclass
class Case:
    """One eval: what is asked, when, and what must come out."""

    line: int
    query: str
    steps: list  # instants; one for an instant query
    instant: bool
    memory: Memory  # a snapshot of what had been loaded
    histograms: tuple  # the labels of series that hold native histograms
    fails: bool = False
    message: str = ""
    ordered: bool = False
    string: bool = False
    scalar: float | None = None
    expected: list = field(default_factory=list)  # (labels, values by step)


def seconds(text):
    """5m, 1h30m, 10s53ms or a bare number of seconds."""
    found = DURATION.findall(text)
    return sum(int(n) * UNITS[u] for n, u in found) if found else float(text)


def series(line):
    """A description: labels (a dict) and its items, one a step."""
    line = line.strip()
    name = re.match(r"[\w:]*", line)[0]
    rest = line[len(name) :].lstrip()
    labels = {"__name__": name} if name else {}
    if rest.startswith("{") and not rest.startswith("{{"):
        end = re.match(r"""\{(?:[^"'}]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')*\}""", rest).end()
        for label, equals, value in LABEL.findall(rest[1 : end - 1]):
            if equals:
                labels[label.strip('"')] = value[1:-1].encode().decode("unicode_escape")
            else:
                labels["__name__"] = label.strip('"')
        rest = rest[end:]
    return labels, items(rest)


def items(text):
    """`1 2 _ stale 0+10x3 {{...}}x2` as one value a step; None where there is none."""
    values = []
    for found in ITEM.finditer(text):
        if found["histogram"]:
            values += [HISTOGRAM] * (int(found["htimes"] or 0) + 1)
        elif found["missing"]:
            values += [None] * int(found["mtimes"] or 1)
        elif found["stale"]:
            values.append(STALE)
        else:
            start, delta = float(found["start"]), float(found["delta"] or "0")
            values += [start + i * delta for i in range(int(found["times"] or 0) + 1)]
    return values


class Script:
    """Reads a script line by line."""

    def __init__(self, text):
        self.lines = text.splitlines()
        self.memory, self.histograms, self.cases = Memory(), (), []

    def read(self):
        index = 0
        while index < len(self.lines):
            line = self.lines[index].strip()
            block = self._block(index + 1)
            if line.startswith(("load ", "load_with_nhcb ")):
                self._load(line.split()[1], [text for _, text in block])
                if "nhcb" in line:  # a native histogram is made of the classic one
                    self._converted([text for _, text in block])
            elif line == "clear":
                self.memory, self.histograms = Memory(), ()
                block = []
            elif line.startswith("eval"):
                self._eval(index + 1, line, block)
            elif line and not line.startswith("#"):
                raise ValueError(f"line {index + 1}: {line}")
            else:
                block = []
            index = block[-1][0] + 1 if block else index + 1
        return self.cases

    def _block(self, start):
        """The indented lines that belong to a command, with their numbers."""
        block = []
        for i in range(start, len(self.lines)):
            text = self.lines[i].strip()
            if not text or text.startswith(("eval", "load", "clear")):
                break
            if not text.startswith("#"):
                block.append((i, text))
        return block

    def _load(self, step, lines):
        every = seconds(step)
        loaded = Memory(
            (dict(key), [(t / 1000, v) for t, v in samples.items()])
            for key, samples in self.memory.series.items()
        )
        fresh = {}
        for line in lines:
            labels, values = series(line)
            fresh[tuple(sorted(labels.items()))] = (labels, values)
        for labels, values in fresh.values():
            for i, value in enumerate(values):
                if value is HISTOGRAM:
                    self.histograms += (labels,)
                elif value is not None:
                    loaded.add(labels, i * every, value)
        self.memory = loaded

    def _converted(self, lines):
        for line in lines:
            labels, _ = series(line)
            labels["__name__"] = labels["__name__"].removesuffix("_bucket")
            self.histograms += ({n: v for n, v in labels.items() if n != "le"},)

    def _eval(self, line_number, line, block):
        found = EVAL.match(line)
        if found["at"]:
            steps = [seconds(found["at"])]
        else:
            start, end, step = (seconds(found[n]) for n in ("start", "end", "step"))
            steps = [start + i * step for i in range(int((end - start) / step + 1e-9) + 1)]
        case = Case(
            line_number, found["query"], steps, bool(found["at"]), self.memory, self.histograms
        )
        case.fails = found["flag"] == "_fail"
        case.ordered = found["flag"] == "_ordered"
        for _, text in block:
            self._expect(case, text)
        self.cases.append(case)

    def _expect(self, case, text):
        if text.startswith("expect "):
            what = text.removeprefix("expect ").strip()
            case.fails |= what.startswith("fail")
            case.ordered |= what == "ordered"
            case.string |= what.startswith("string")
            if what.startswith("fail msg:"):
                case.message = what.removeprefix("fail msg:").strip()
            return
        if re.fullmatch(FLOAT, text):
            case.scalar = float(text)
            return
        labels, values = series(text)
        case.expected.append((labels, values))


def same(expected, got):
    """Prometheus' own tolerance (util/almost, 1e-6)."""
    if math.isnan(expected) or math.isnan(got):
        return math.isnan(expected) and math.isnan(got)
    if expected == got:
        return True
    if math.isinf(expected) or math.isinf(got):
        return False
    return abs(expected - got) <= 1e-6 * max(abs(expected) + abs(got), 2.2250738585072014e-308)
