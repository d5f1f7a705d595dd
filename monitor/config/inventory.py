"""Targets and systems: from one file or several, with every reference checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monitor.config import needs
from monitor.config.durations import text
from monitor.config.findings import Findings
from monitor.config.fit import fit
from monitor.config.models import DefaultsShape, SystemShape, TargetShape
from monitor.config.sentences import nearest, no_text, shown
from monitor.config.yamlpos import Document, Where
from monitor.model.target import Needs, System, Target
from monitor.probe import Options, Probe

OWN = "zhiban"  # the daemon's own series stand under this name
RESERVED_LABELS = ("instance", "job", "level", "title", "le", "quantile")
MAX_LABEL = 200  # characters
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_WITH_LOGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@")


@dataclass(frozen=True, slots=True)
class Entry:
    """One list entry and where it stands."""

    value: Any
    document: Document
    where: Where

    def at(self, *steps: str | int) -> Where:
        """A place inside the entry."""
        return (*self.where, *steps)


@dataclass
class Inventory:
    """What the inventory holds, and where each name was written down."""

    probes: Mapping[str, Probe]
    defaults: DefaultsShape
    findings: Findings
    targets: dict[str, Target] = field(default_factory=dict)
    systems: dict[str, System] = field(default_factory=dict)
    written: dict[str, Entry] = field(default_factory=dict)
    graph: dict[str, Needs] = field(default_factory=dict)  # targets with mistakes included

    def add_target(self, entry: Entry) -> None:
        """Read one target; problems go to the findings."""
        name = self._claim(entry, "target")
        before = len(self.findings)
        shape = fit(TargetShape, entry.value, entry.document, entry.where, self.findings)
        if not isinstance(entry.value, dict):
            return
        # Read even where the rest does not fit, so that all mistakes are said at once.
        options = self._options(entry)
        labels = self._labels(entry)
        stands_behind = self._needs(entry, "depends_on")
        if name:
            self.graph[name] = stands_behind
        if shape:
            every, timeout = self._times(shape, entry)
        if shape and name and len(self.findings) == before:
            self.targets[name] = Target(
                name=name,
                title=shape.title,
                kind=shape.kind,
                address=shape.address,
                every=every,
                timeout=timeout,
                level=shape.level or self.defaults.level,
                labels=labels,
                depends_on=stands_behind,
                options=options,
            )

    def add_system(self, entry: Entry) -> None:
        """Read one system; problems go to the findings."""
        name = self._claim(entry, "system")
        shape = fit(SystemShape, entry.value, entry.document, entry.where, self.findings)
        stands_on = self._needs(entry, "needs")
        if shape and name:
            self.systems[name] = System(name, shape.title, stands_on, shape.level)

    def check_references(self) -> None:
        """Names that nobody has, and circles: to be asked when all entries are in."""
        for entry in self.written.values():
            self._check_system_label(entry)
            for key in ("depends_on", "needs"):
                value = entry.value.get(key)
                place = entry.at(key)
                needs.check_names(value, entry.document, place, self.findings, self.graph)
        circles = needs.circles(self.graph)
        for circle in circles:
            self._complain(circle[0], "depends_on", _circle(circle), "take one of them out")
        for name in () if circles else needs.too_deep(self.graph):
            wrong = f"stands behind more than {needs.MAX_DEPTH} others in a row"
            self._complain(name, "depends_on", wrong)

    def _check_system_label(self, entry: Entry) -> None:
        # The console groups by this label, and a class 1 goes by it: a slip must not pass.
        labels = entry.value.get("labels")
        name = labels.get("system") if isinstance(labels, dict) else None
        systems = self.written.keys() - self.graph.keys()
        if isinstance(name, str) and name not in systems:
            wrong, right = f"there is no system {shown(name)}", nearest(name, systems, "system")
            place = entry.at("labels", "system")
            self.findings.add(entry.document.problem(place, wrong, right))

    def _complain(self, name: str, key: str, wrong: str, right: str = "") -> None:
        entry = self.written[name]
        self.findings.add(entry.document.problem(entry.at(key), wrong, right))

    def _claim(self, entry: Entry, what: str) -> str:
        """The entry's name, if it has one that nobody has yet."""
        name = entry.value.get("name") if isinstance(entry.value, dict) else None
        if not isinstance(name, str):
            return ""
        if name == OWN:
            wrong = f"{OWN} is the daemon's own name"
            self.findings.add(entry.document.problem(entry.at("name"), wrong, "choose another"))
            return ""
        if other := self.written.get(name):
            line = other.document.line(other.at("name"))
            wrong = f"the name {shown(name)} is taken, see {other.document.file}:{line}"
            right = f"targets and systems share their names; rename the {what}"
            self.findings.add(entry.document.problem(entry.at("name"), wrong, right))
            return ""
        self.written[name] = entry
        return name

    def _options(self, entry: Entry) -> Options | None:
        kind, address = entry.value.get("kind"), entry.value.get("address")
        if not isinstance(kind, str):
            return None
        probe = self.probes.get(kind)
        if probe is None:
            wrong = f"there is no probe kind {shown(kind)}"
            right = nearest(kind, self.probes, "kind")
            self.findings.add(entry.document.problem(entry.at("kind"), wrong, right))
            return None
        if isinstance(address, str) and address:
            self._check_address(address, probe, entry)
        written = entry.value.get("options")
        options = {} if written is None else written
        return fit(probe.options, options, entry.document, entry.at("options"), self.findings)

    def _check_address(self, address: str, probe: Probe, entry: Entry) -> None:
        if _WITH_LOGIN.match(address):
            wrong = "an address holds no user and no password"
            right = "take them out; the options of the probe kind have a place for them"
        else:
            wrong, _, right = probe.check_address(address).partition("; ")
        if wrong:
            self.findings.add(entry.document.problem(entry.at("address"), wrong, right))

    def _times(self, shape: TargetShape, entry: Entry) -> tuple[Any, Any]:
        every = shape.every or self.defaults.every
        timeout = shape.timeout or self.defaults.timeout
        if timeout >= every:
            wrong = f"timeout {text(timeout)} is not less than every {text(every)}"
            right = "a visit must end before the next one begins"
            self.findings.add(entry.document.problem(entry.at("timeout"), wrong, right))
        return every, timeout

    def _labels(self, entry: Entry) -> dict[str, str]:
        value = entry.value.get("labels")
        if value is None:
            return {}
        if not isinstance(value, dict):
            wrong = f"expected a mapping, found {shown(value)}"
            self.findings.add(entry.document.problem(entry.at("labels"), wrong))
            return {}
        for name, said in value.items():
            if mistake := _wrong_label(name, said):
                self.findings.add(entry.document.problem(entry.at("labels", name), *mistake))
        return value

    def _needs(self, entry: Entry, key: str) -> Needs:
        value = entry.value.get(key) if isinstance(entry.value, dict) else None
        return needs.read(value, entry.document, entry.at(key), self.findings)


def _circle(names: list[str]) -> str:
    shortened = [*names[:8], "...", names[-1]] if len(names) > 10 else names  # noqa: PLR2004 - a line's worth
    return f"stands behind itself: {' -> '.join([*shortened, names[0]])}"


def _wrong_label(name: str, value: object) -> tuple[str, str] | None:
    if not _LABEL.fullmatch(name) or name.startswith("__"):
        return "is no label name", "use letters, digits and underscores, no digit first"
    if name in RESERVED_LABELS:
        return "is a label that zhiban writes itself", "choose another name"
    if not isinstance(value, str):
        return no_text(value)
    if not value.isprintable() or not 0 < len(value) <= MAX_LABEL:
        return f"is no label value; write 1 to {MAX_LABEL} characters on one line", ""
    return None
