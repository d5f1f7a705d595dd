"""One rule of a rule file: its fields read and checked, each problem at its own line."""

import re
from collections.abc import Mapping
from typing import Final

from yaml.nodes import Node

from monitor.alerting import durations, templates
from monitor.alerting.ruleset import (
    ON_MISSING,
    AlertRule,
    RecordRule,
    Rule,
    looks_elsewhere,
    speaks_of_absence,
)
from monitor.alerting.templates import Template, TemplateError
from monitor.alerting.thresholds import OURS
from monitor.alerting.yamlfile import YamlFile, entry
from monitor.promql.ast import Expr
from monitor.promql.errors import PromqlError
from monitor.promql.parser import parse
from monitor.promql.reach import windows

GROUP: Final = ("name", "interval", "limit", "query_offset", "rules")
RULE: Final = (
    "alert",
    "record",
    "expr",
    "for",
    "keep_firing_for",
    "labels",
    "annotations",
)
ALERT_ONLY: Final = ("for", "keep_firing_for", "annotations")
LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
REQUIRED: Final = ("fault_class", "severity")


class RuleFields:
    """Reads rules of one file; ``longest`` is the buffer in seconds."""

    def __init__(self, yaml: YamlFile, longest: float, defaults: Mapping[str, str]) -> None:
        self.yaml = yaml
        self.longest = longest
        self.defaults = defaults

    def duration(self, fields: Mapping[str, Node], name: str, key: str) -> float:
        """Read a duration in seconds; 0 where it is not given."""
        text = self.yaml.text(fields.get(name), f"{key}.{name}")
        seconds = durations.parse(text) if text is not None else 0.0
        if seconds is None:
            wrong = f"{text!r} is no duration"
            self.yaml.wrong(fields[name], f"{key}.{name}", wrong, "write it like 30s or 1h30m")
        return seconds or 0.0

    def count(self, fields: Mapping[str, Node], name: str, key: str) -> int:
        """Read a whole number; 0 where it is not given."""
        text = self.yaml.text(fields.get(name), f"{key}.{name}") or "0"
        if not text.isascii() or not text.isdigit():
            wrong = f"{text!r} is no whole number"
            self.yaml.wrong(fields[name], f"{key}.{name}", wrong, "0 or more")
            return 0
        return int(text)

    def rule(self, node: Node, key: str) -> Rule | None:
        """Read one rule; None where it could not be read whole."""
        before = len(self.yaml.problems)
        fields = self.yaml.mapping(node, key, RULE)
        if ("alert" in fields) == ("record" in fields):
            if fields or len(self.yaml.problems) == before:
                self.yaml.wrong(node, key, "needs either alert or record", "give exactly one")
            return None
        read = self._alert if "alert" in fields else self._record
        return read(node, fields, key)

    def _alert(self, node: Node, fields: Mapping[str, Node], key: str) -> AlertRule | None:
        name = self.yaml.text(fields["alert"], f"{key}.alert") or ""
        if not name:
            self.yaml.wrong(fields["alert"], f"{key}.alert", "is empty", "give the alert a name")
        key = f"{key}({name})" if name else key
        expr, text = self._expr(node, fields, key)
        rule = AlertRule(
            name=name,
            expr=expr or Expr(),
            text=text,
            line=node.start_mark.line + 1,
            window=windows(expr or Expr()),
            absence=speaks_of_absence(expr or Expr()),
            hold=self.duration(fields, "for", key),
            keep=self.duration(fields, "keep_firing_for", key),
            labels=self._labels(node, fields, key),
            annotations=self._templates(fields, "annotations", key),
        )
        self._on_missing(fields, rule, key)
        return rule if expr else None

    def _record(self, node: Node, fields: Mapping[str, Node], key: str) -> RecordRule | None:
        name = self.yaml.text(fields["record"], f"{key}.record") or ""
        if not METRIC.match(name):
            wrong = f"{name!r} is no metric name"
            self.yaml.wrong(fields["record"], f"{key}.record", wrong, "like system:up:ratio")
        for wrong_field in (f for f in ALERT_ONLY if f in fields):
            where = f"{key}({name}).{wrong_field}"
            self.yaml.wrong(fields[wrong_field], where, "has no meaning in a recording rule")
        key = f"{key}({name})" if name else key
        expr, text = self._expr(node, fields, key)
        labels = self._templates(fields, "labels", key)
        for label, template in labels.items():
            if not template.static:
                wrong = "is a template; a recording rule has none"
                where = f"{key}.labels.{label}"
                self.yaml.wrong(entry(fields["labels"], label), where, wrong)
        if expr is None:
            return None
        return RecordRule(
            name=name,
            expr=expr,
            text=text,
            line=node.start_mark.line + 1,
            window=windows(expr),
            absence=speaks_of_absence(expr),
            labels=tuple(sorted((label, t.source) for label, t in labels.items())),
        )

    def _expr(self, node: Node, fields: Mapping[str, Node], key: str) -> tuple[Expr | None, str]:
        text = self.yaml.text(fields.get("expr"), f"{key}.expr") or ""
        where = f"{key}.expr"
        if not text.strip():
            self.yaml.wrong(fields.get("expr", node), where, "is missing")
            return None, text
        try:
            expr = parse(text)
        except PromqlError as error:
            self.yaml.wrong(fields["expr"], where, str(error))
            return None, text
        if (window := windows(expr)) > self.longest:
            wrong = f"looks back {window:g} seconds, and {self.longest:g} are kept"
            right = "shorten the window, or use a zhiban_baseline_* series"
            self.yaml.wrong(fields["expr"], where, wrong, right)
        if looks_elsewhere(expr):
            right = "leave out @: a rule is judged at the present instant"
            self.yaml.wrong(fields["expr"], where, "looks at a fixed instant", right)
        return expr, text

    def _templates(self, fields: Mapping[str, Node], name: str, key: str) -> dict[str, Template]:
        found: dict[str, Template] = {}
        for label, value in self.yaml.mapping(fields.get(name), f"{key}.{name}").items():
            where = f"{key}.{name}.{label}"
            if not LABEL.match(label) or (name == "labels" and label == "__name__"):
                self.yaml.wrong(value, where, f"{label!r} is no label name", "like severity")
            try:
                found[label] = templates.parse(self.yaml.text(value, where) or "")
            except TemplateError as error:
                self.yaml.wrong(value, where, str(error))
        return found

    def _labels(self, node: Node, fields: Mapping[str, Node], key: str) -> dict[str, Template]:
        given = self._templates(fields, "labels", key)
        for name, template in given.items():
            where = f"{key}.labels.{name}"
            if template.uses_value:
                wrong = "holds $value, so each evaluation would make another alert"
                right = "put $value into an annotation"
                self.yaml.wrong(entry(fields["labels"], name), where, wrong, right)
            elif name in OURS and template.source not in OURS[name]:
                right = "one of " + ", ".join(OURS[name])
                wrong = f"{template.source!r} is none of its words"
                self.yaml.wrong(entry(fields["labels"], name), where, wrong, right)
        for name in (n for n in REQUIRED if n not in given):
            if name in self.defaults:
                given[name] = templates.parse(self.defaults[name])
            elif not any(p.key == f"{key}.labels.{name}" for p in self.yaml.problems):
                right = "one of " + ", ".join(OURS[name])
                self.yaml.wrong(node, f"{key}.labels.{name}", "is missing", right)
        return given

    def _on_missing(self, fields: Mapping[str, Node], rule: AlertRule, key: str) -> None:
        for part, said in (("annotations", rule.annotations), ("labels", rule.labels)):
            template = said.get(ON_MISSING)
            if template is not None and template.source != "resolve":
                wrong = f"{template.source!r} is none of its words"
                node = entry(fields[part], ON_MISSING)
                self.yaml.wrong(node, f"{key}.{part}.{ON_MISSING}", wrong, "resolve")
