"""What one evaluation of one rule returned: label sets of alerts, or rows to record. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from monitor.alerting.ruleset import AlertRule, RecordRule, Rule
from monitor.model.reading import LabelPairs
from monitor.promql.errors import PromqlError
from monitor.promql.evaluator import evaluate
from monitor.promql.storage import Storage

LONGEST: Final = 2000  # characters of an annotation; a label of a scraped target may be anything
UNSEEN: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069]")

T = TypeVar("T")


class RuleError(Exception):
    """The rule could not be judged; its alerts stay as they were."""


@dataclass(frozen=True, slots=True)
class Found:
    """One sample that an alerting rule returned."""

    labels: Mapping[str, str]  # the sample's, with __name__ where it still has one
    value: float

    @property
    def own_labels(self) -> LabelPairs:
        """The sample's labels, without its name: they narrow the search for evidence."""
        return tuple(sorted((k, v) for k, v in self.labels.items() if k != "__name__"))


def found(rule: AlertRule, samples: Storage, at: float, limit: int) -> dict[LabelPairs, Found]:
    """Return each alert's labels with its sample. Raises RuleError."""
    out: dict[LabelPairs, Found] = {}
    for labels, value in _evaluated(rule, samples, at, limit):
        sample = Found(dict(labels), value)
        given = {n: t.render(sample.labels, value) for n, t in rule.labels.items()}
        _once(out, _labels(sample.labels, given | {"alertname": rule.name}), sample)
    return out


def rows(rule: RecordRule, samples: Storage, at: float, limit: int) -> dict[LabelPairs, float]:
    """Return what a recording rule records, without ``__name__``. Raises RuleError."""
    out: dict[LabelPairs, float] = {}
    for labels, value in _evaluated(rule, samples, at, limit):
        _once(out, _labels(dict(labels), dict(rule.labels)), value)
    return out


def annotations(rule: AlertRule, sample: Found) -> Mapping[str, str]:
    """Return the texts for people, bounded and free of control characters."""
    texts = {n: t.render(sample.labels, sample.value) for n, t in rule.annotations.items()}
    return {name: UNSEEN.sub("", text)[:LONGEST] for name, text in texts.items()}


def _evaluated(
    rule: Rule, samples: Storage, at: float, limit: int
) -> list[tuple[LabelPairs, float]]:
    try:
        value = evaluate(rule.expr, samples, at)
    except PromqlError as error:
        raise RuleError(str(error)) from None
    if isinstance(value, float):
        return [((), value)]
    if limit and len(value.labels) > limit:
        raise RuleError(f"returns {len(value.labels)} results, and the group's limit is {limit}")
    return list(zip(value.labels, value.values.tolist(), strict=True))


def _labels(own: Mapping[str, str], given: Mapping[str, str]) -> LabelPairs:
    merged = {n: v for n, v in {**own, **given}.items() if v and n != "__name__"}
    return tuple(sorted(merged.items()))


def _once(out: dict[LabelPairs, T], labels: LabelPairs, value: T) -> None:
    if labels in out:
        raise RuleError("returns the same label set twice after its labels are applied")
    out[labels] = value
