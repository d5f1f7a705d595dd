"""
Prometheus rule files, read whole or refused whole, with a line for everything wrong.

What promtool accepts is accepted, less what this daemon cannot judge; ours on top: every
alert has ``fault_class`` and ``severity``, from its own labels or from the defaults.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from yaml.nodes import Node

from monitor.alerting.rulefields import GROUP, RuleFields
from monitor.alerting.ruleset import AlertRule, Group, RecordRule, Rule, RuleSet
from monitor.alerting.yamlfile import ProblemsError, YamlFile

BUFFER: Final = 7200.0  # seconds of samples that are kept (design.md 5.2)


class RuleFilesError(ProblemsError):
    """The files may not be used; ``problems`` holds everything wrong with all of them."""


def load(
    paths: Sequence[Path],
    longest_window: float = BUFFER,
    defaults: Mapping[str, str] | None = None,
) -> RuleSet:
    """
    Read the files in the order given.

    ``longest_window`` is in seconds; ``defaults`` are labels for alerts that lack them.
    Raises RuleFilesError with the problems of all files.
    """
    seen = _Seen()
    files = [_File(path, longest_window, defaults or {}, seen) for path in paths]
    groups = tuple(g for f in files for g in f.groups())
    problems = [p for f in files for p in f.yaml.problems]
    if problems:
        raise RuleFilesError(problems)
    return RuleSet(groups)


@dataclass(slots=True)
class _Seen:
    """What must be unique over all files."""

    groups: dict[str, str] = field(default_factory=dict)  # name -> where
    recorded: dict[str, tuple[str, float]] = field(default_factory=dict)  # name -> group, interval


class _File:
    """One rule file on its way to groups."""

    def __init__(self, path: Path, window: float, defaults: Mapping[str, str], seen: _Seen) -> None:
        self.yaml = YamlFile(path)
        self.fields = RuleFields(self.yaml, window, defaults)
        self.seen = seen

    def groups(self) -> list[Group]:
        """Every group, as far as it could be read; the problems are in ``yaml``."""
        root = self.yaml.mapping(self.yaml.root, "", ("groups",))
        if "groups" not in root and not self.yaml.problems:
            self.yaml.wrong(self.yaml.root, "groups", "is missing", "a file begins with groups:")
        nodes = self.yaml.items(root.get("groups"), "groups")
        return [self._group(n, f"groups[{i}]") for i, n in enumerate(nodes)]

    def _group(self, node: Node, key: str) -> Group:
        fields = self.yaml.mapping(node, key, GROUP)
        if "query_offset" in fields:
            right = "leave it out: samples here are never late"
            self.yaml.wrong(fields["query_offset"], f"{key}.query_offset", "not supported", right)
        name = self.yaml.text(fields.get("name"), f"{key}.name") or ""
        self._unique(node, name, f"{key}.name")
        interval = self.fields.duration(fields, "interval", key)
        rules = self._rules(fields.get("rules"), f"{key}.rules", (name, interval))
        limit = self.fields.count(fields, "limit", key)
        return Group(name, self.yaml.name, node.start_mark.line + 1, interval, limit, rules)

    def _unique(self, node: Node, name: str, key: str) -> None:
        if not name:
            self.yaml.wrong(node, key, "is missing", "give the group a name")
        elif name in self.seen.groups:
            wrong = f"group {name!r} stands at {self.seen.groups[name]} already"
            self.yaml.wrong(node, key, wrong, "names are unique over all files: rename one")
        else:
            self.seen.groups[name] = f"{self.yaml.name}:{node.start_mark.line + 1}"

    def _rules(self, nodes: Node | None, key: str, group: tuple[str, float]) -> tuple[Rule, ...]:
        rules: list[Rule] = []
        for i, node in enumerate(self.yaml.items(nodes, key)):
            where = f"{key}[{i}]"
            rule = self.fields.rule(node, where)
            if isinstance(rule, AlertRule):
                self._told_apart(rule, rules, node, where)
            elif isinstance(rule, RecordRule):
                self._recorded_once(rule, group, node, where)
                self._recorded_twice(rule, rules, node, where)
            if rule is not None:
                rules.append(rule)
        return tuple(rules)

    def _told_apart(self, rule: AlertRule, others: list[Rule], node: Node, key: str) -> None:
        """Alerts are found again by group, name and labels, so these must differ."""
        for other in others:
            if not isinstance(other, AlertRule) or other.name != rule.name:
                continue
            mine, theirs = rule.static, other.static
            if not any(theirs.get(name, value) != value for name, value in mine.items()):
                wrong = f"alert {rule.name!r} stands at line {other.line} with the same labels"
                self.yaml.wrong(node, key, wrong, "rename it, or give a label another value")
                return

    def _recorded_once(
        self, rule: RecordRule, group: tuple[str, float], node: Node, key: str
    ) -> None:
        """Two rules may record one name under different labels, at one beat."""
        first, interval = self.seen.recorded.setdefault(rule.name, group)
        if (first, interval) != group and interval != group[1]:
            wrong = f"{rule.name} is recorded by group {first!r} at another interval"
            self.yaml.wrong(node, key, wrong, "record a name at one interval")

    def _recorded_twice(self, rule: RecordRule, others: list[Rule], node: Node, key: str) -> None:
        for other in others:
            if not isinstance(other, RecordRule) or other.name != rule.name:
                continue
            if (other.labels, other.text) == (rule.labels, rule.text):
                self.yaml.wrong(node, key, f"{rule.name} stands at line {other.line} already")
