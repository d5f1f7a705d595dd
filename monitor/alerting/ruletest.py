"""
Unit tests of rules, as ``promtool test rules`` runs them: ``zhiban rules test FILES``.

Prometheus' semantics throughout (a series that is missing resolves its alert, every
group is judged at every step), so that a file passes here exactly where it passes there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from monitor.alerting import durations, files, gotext
from monitor.alerting.machine import Context, Turn, alerts_series, turn
from monitor.alerting.ruleset import RuleSet
from monitor.alerting.samples import Samples
from monitor.alerting.testfile import AlertTest, Case, ExprTest, Reader, RuleTests
from monitor.alerting.yamlfile import ProblemsError
from monitor.model.alert import Alert, AlertKey, AlertState
from monitor.model.reading import LabelPairs
from monitor.promql.errors import PromqlError
from monitor.promql.evaluator import evaluate
from monitor.promql.parser import parse
from monitor.promql.storage import NO_SAMPLE_BITS, STALE

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
ALWAYS: Final = float("-inf")  # promtool's storage has no beginning


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that did not come out as the file says."""

    file: str
    text: str

    def __str__(self) -> str:
        """Return it in the manner of promtool."""
        return f"Unit Testing:  {self.file}\n  FAILED:\n{self.text}"


def run(paths: Sequence[Path], defaults: Mapping[str, str] | None = None) -> list[Failure]:
    """Run the test files. ``defaults`` are labels for alerts that lack them."""
    return [Failure(str(p), text) for p in paths for text in _file(p, defaults)]


def _file(path: Path, defaults: Mapping[str, str] | None) -> Iterator[str]:
    reader = Reader(path)
    said = reader.read()
    yield from (f"    {p}" for p in reader.yaml.problems)
    if reader.yaml.problems:
        return
    try:
        rules = _ordered(files.load(said.rule_files, defaults=defaults), said)
    except ProblemsError as error:
        yield from (f"    {p}" for p in error.problems)
        return
    missing = set(said.order) - {g.name for g in rules.groups}
    yield from (
        f"    {path}: group_eval_order: {name!r} is no group of its files" for name in missing
    )
    if missing:
        return
    for case in said.cases:
        yield from _Run(rules, case, said.interval).failures()


def _ordered(rules: RuleSet, said: RuleTests) -> RuleSet:
    place = {name: i for i, name in enumerate(said.order)}
    return RuleSet(tuple(sorted(rules.groups, key=lambda g: place.get(g.name, 0))))


class _Run:
    """One case: its samples, and the alerts as they stand."""

    def __init__(self, rules: RuleSet, case: Case, step: float) -> None:
        self.rules = rules
        self.case = case
        self.step = step
        self.samples = _loaded(case)
        self.alerts: Mapping[AlertKey, Alert] = {}

    def failures(self) -> Iterator[str]:
        """Judge step by step; compare the alerts asked for between this step and the next."""
        tests = sorted(self.case.alerts, key=lambda t: t.at)
        for i in range(int(self.case.end // self.step) + 1):
            at = i * self.step
            problems = self._step(at)
            yield from problems
            if problems:
                return
            for test in tests:
                if at <= test.at < at + self.step:
                    yield from self._alert(test)
        for expr in self.case.exprs:
            yield from self._expr(expr)

    def _step(self, at: float) -> list[str]:
        now = EPOCH + timedelta(seconds=at)
        context = Context(ALWAYS, polled=True, known=None, grid=self.step, missing_resolves=True)
        seen = turn(self.rules, self.samples.until(at), now, self.alerts, context)
        self.alerts = seen.alerts
        self._record(seen, at)
        time = durations.show(at)
        return [f"    rule: {rule}, time: {time}, err: {why}" for _, rule, why in seen.problems]

    def _record(self, seen: Turn, at: float) -> None:
        written: dict[LabelPairs, float] = {}
        for name, rows in (*seen.records, *alerts_series(seen.alerts.values())):
            for pairs, value in rows:
                written[tuple(sorted((*pairs, ("__name__", name))))] = value
        names = {r.name for _, r in self.rules.records()} | {"ALERTS", "ALERTS_FOR_STATE"}
        ended = (k for k in self.samples.series if dict(k).get("__name__") in names)
        for labels in [k for k in ended if k not in written]:
            self.samples.put(labels, at, float(STALE))
        for labels, value in written.items():
            self.samples.put(labels, at, value)

    def _alert(self, test: AlertTest) -> Iterator[str]:
        got = sorted(
            (a.labels, tuple(sorted(a.annotations.items())))
            for a in self.alerts.values()
            if a.alertname == test.alertname and a.state is AlertState.FIRING
        )
        expected = sorted((e.labels, e.annotations) for e in test.expected)
        if got != expected:
            what = f"alertname: {test.alertname}, time: {durations.show(test.at)}"
            yield self._failed(what, _alerts(expected), _alerts(got))

    def _expr(self, test: ExprTest) -> Iterator[str]:
        what = f'expr: "{test.expr}", time: {durations.show(test.at)}'
        try:
            value = evaluate(parse(test.expr), self.samples.until(self.case.end), test.at)
        except PromqlError as error:
            yield f"    {what}, err: {error}"
            return
        if isinstance(value, float):
            got: list[tuple[LabelPairs, float]] = [((), value)]
        else:
            got = sorted(zip(value.labels, value.values.tolist(), strict=True))
        expected = sorted(test.expected)
        if got != expected:
            yield self._failed(what, _samples(expected), _samples(got))

    def _failed(self, what: str, expected: str, got: str) -> str:
        name = f"    name: {self.case.name},\n" if self.case.name else ""
        return f"{name}    {what}, \n        exp:{expected}, \n        got:{got}"


def _loaded(case: Case) -> Samples:
    samples = Samples()
    for labels, values in case.series:
        bits = np.array(values, dtype=np.float64).view(np.uint64)
        for i, value in enumerate(values):
            if bits[i] != NO_SAMPLE_BITS:
                samples.put(labels, i * case.interval, value)
    return samples


def _alerts(alerts: Sequence[tuple[LabelPairs, LabelPairs]]) -> str:
    if not alerts:
        return "[]"
    lines = (
        f"            {i}:\n              Labels:{_braces(labels)}\n"
        f"              Annotations:{_braces(annotations)}"
        for i, (labels, annotations) in enumerate(alerts)
    )
    return "[\n" + "\n".join(lines) + "\n            ]"


def _samples(samples: Sequence[tuple[LabelPairs, float]]) -> str:
    return ", ".join(f"{_braces(p)} {gotext.shortest(v)}" for p, v in samples) or "nil"


def _braces(pairs: LabelPairs) -> str:
    quoted = (
        (k, v.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for k, v in pairs
    )
    return "{" + ", ".join(f'{k}="{v}"' for k, v in quoted) + "}"
