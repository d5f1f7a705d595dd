"""promtool's unit test files (``rules/tests/*.yml``), read and checked with their lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from yaml.nodes import Node

from monitor.alerting import durations, notation
from monitor.alerting.notation import NotationError
from monitor.alerting.yamlfile import YamlFile
from monitor.model.reading import LabelPairs

FILE: Final = ("rule_files", "evaluation_interval", "group_eval_order", "tests")
CASE: Final = ("name", "interval", "input_series", "alert_rule_test", "promql_expr_test")
ALERT: Final = ("eval_time", "alertname", "exp_alerts")
EXPR: Final = ("expr", "eval_time", "exp_samples")
MINUTE: Final = 60.0  # promtool's default evaluation_interval, in seconds


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """One alert that must be firing, with all its labels but alertname, and annotations."""

    labels: LabelPairs
    annotations: LabelPairs


@dataclass(frozen=True, slots=True)
class AlertTest:
    """What must be firing under a name at an instant (seconds from the start)."""

    at: float
    alertname: str
    expected: tuple[ExpectedAlert, ...]


@dataclass(frozen=True, slots=True)
class ExprTest:
    """What an expression must return at an instant."""

    at: float
    expr: str
    expected: tuple[tuple[LabelPairs, float], ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One entry of ``tests``: samples, and what must come of them."""

    name: str
    interval: float
    series: tuple[tuple[LabelPairs, tuple[float, ...]], ...]
    alerts: tuple[AlertTest, ...]
    exprs: tuple[ExprTest, ...]

    @property
    def end(self) -> float:
        """The last instant that is asked about."""
        return max([0.0, *(a.at for a in self.alerts), *(e.at for e in self.exprs)])


@dataclass(frozen=True, slots=True)
class RuleTests:
    """A whole test file."""

    rule_files: tuple[Path, ...]
    interval: float
    order: tuple[str, ...]
    cases: tuple[Case, ...]


class Reader:
    """Reads one test file; everything wrong is in ``yaml.problems``."""

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        self.yaml = YamlFile(path)

    def read(self) -> RuleTests:
        """Read as far as it goes."""
        root = self.yaml.mapping(self.yaml.root, "", FILE)
        nodes = self.yaml.items(root.get("tests"), "tests")
        interval = self._seconds(root, "evaluation_interval", "", MINUTE)
        order = self._texts(root.get("group_eval_order"), "group_eval_order")
        if len(set(order)) < len(order):
            self.yaml.wrong(root["group_eval_order"], "group_eval_order", "names a group twice")
        return RuleTests(
            rule_files=self._rule_files(root.get("rule_files")),
            interval=interval,
            order=order,
            cases=tuple(self._case(n, f"tests[{i}]", interval) for i, n in enumerate(nodes)),
        )

    def _rule_files(self, node: Node | None) -> tuple[Path, ...]:
        found: list[Path] = []
        for pattern in self._texts(node, "rule_files"):
            # An absolute pattern stays what it is: Path("/a") / "/b" is "/b".
            whole = self.folder / pattern
            matches = sorted(Path(whole.anchor).glob(str(whole.relative_to(whole.anchor))))
            if not matches:
                self.yaml.wrong(node, "rule_files", f"{pattern!r} matches no file")
            found += matches
        return tuple(found)

    def _case(self, node: Node, key: str, evaluation: float) -> Case:
        fields = self.yaml.mapping(node, key, CASE)
        series = self.yaml.items(fields.get("input_series"), f"{key}.input_series")
        alerts = self.yaml.items(fields.get("alert_rule_test"), f"{key}.alert_rule_test")
        exprs = self.yaml.items(fields.get("promql_expr_test"), f"{key}.promql_expr_test")
        return Case(
            name=self.yaml.text(fields.get("name"), f"{key}.name") or "",
            interval=self._seconds(fields, "interval", key, evaluation),
            series=tuple(self._series(n, f"{key}.input_series[{i}]") for i, n in enumerate(series)),
            alerts=tuple(
                self._alert(n, f"{key}.alert_rule_test[{i}]") for i, n in enumerate(alerts)
            ),
            exprs=tuple(self._expr(n, f"{key}.promql_expr_test[{i}]") for i, n in enumerate(exprs)),
        )

    def _series(self, node: Node, key: str) -> tuple[LabelPairs, tuple[float, ...]]:
        fields = self.yaml.mapping(node, key, ("series", "values"))
        pairs = self._pairs(fields, "series", key)
        text = self.yaml.text(fields.get("values"), f"{key}.values") or ""
        try:
            return pairs, tuple(notation.values(text))
        except NotationError as error:
            self.yaml.wrong(fields["values"], f"{key}.values", str(error))
            return pairs, ()

    def _alert(self, node: Node, key: str) -> AlertTest:
        fields = self.yaml.mapping(node, key, ALERT)
        name = self.yaml.text(fields.get("alertname"), f"{key}.alertname") or ""
        if not name:
            self.yaml.wrong(node, f"{key}.alertname", "is missing")
        nodes = self.yaml.items(fields.get("exp_alerts"), f"{key}.exp_alerts")
        expected = (self._expected(n, f"{key}.exp_alerts[{i}]", name) for i, n in enumerate(nodes))
        return AlertTest(self._seconds(fields, "eval_time", key, 0.0), name, tuple(expected))

    def _expected(self, node: Node, key: str, name: str) -> ExpectedAlert:
        fields = self.yaml.mapping(node, key, ("exp_labels", "exp_annotations"))
        labels = self._mapping(fields.get("exp_labels"), f"{key}.exp_labels")
        texts = self._mapping(fields.get("exp_annotations"), f"{key}.exp_annotations")
        pairs = sorted((labels | {"alertname": name}).items())
        return ExpectedAlert(tuple(pairs), tuple(sorted(texts.items())))

    def _expr(self, node: Node, key: str) -> ExprTest:
        fields = self.yaml.mapping(node, key, EXPR)
        expr = self.yaml.text(fields.get("expr"), f"{key}.expr") or ""
        nodes = self.yaml.items(fields.get("exp_samples"), f"{key}.exp_samples")
        expected = (self._sample(n, f"{key}.exp_samples[{i}]") for i, n in enumerate(nodes))
        return ExprTest(self._seconds(fields, "eval_time", key, 0.0), expr, tuple(expected))

    def _sample(self, node: Node, key: str) -> tuple[LabelPairs, float]:
        fields = self.yaml.mapping(node, key, ("labels", "value"))
        text = self.yaml.text(fields.get("value"), f"{key}.value") or "0"
        try:
            value = float(text)
        except ValueError:
            self.yaml.wrong(node, f"{key}.value", f"{text!r} is no number")
            value = 0.0
        return self._pairs(fields, "labels", key), value

    def _pairs(self, fields: Mapping[str, Node], name: str, key: str) -> LabelPairs:
        text = self.yaml.text(fields.get(name), f"{key}.{name}") or ""
        try:
            return notation.labels(text)
        except NotationError as error:
            self.yaml.wrong(fields[name], f"{key}.{name}", str(error))
            return ()

    def _seconds(self, fields: Mapping[str, Node], name: str, key: str, default: float) -> float:
        where = f"{key}.{name}" if key else name
        text = self.yaml.text(fields.get(name), where)
        seconds = default if text is None else durations.parse(text)
        if seconds is None or (name != "eval_time" and seconds <= 0):
            self.yaml.wrong(fields[name], where, f"{text!r} is no duration", "write it like 1m")
            return default
        return seconds

    def _texts(self, node: Node | None, key: str) -> tuple[str, ...]:
        return tuple(
            self.yaml.text(n, f"{key}[{i}]") or "" for i, n in enumerate(self.yaml.items(node, key))
        )

    def _mapping(self, node: Node | None, key: str) -> dict[str, str]:
        entries = self.yaml.mapping(node, key)
        return {name: self.yaml.text(n, f"{key}.{name}") or "" for name, n in entries.items()}
