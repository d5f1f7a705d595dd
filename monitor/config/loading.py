"""From ``zhiban.yml`` and what it names to a Site: reads, checks references, all at once."""

import glob
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from monitor.alerting import files as rule_files
from monitor.alerting import thresholds
from monitor.alerting.ruleset import RuleSet
from monitor.alerting.thresholds import Limit
from monitor.alerting.yamlfile import ProblemsError
from monitor.config import planfile, plansettings, reach, shipped, textfile
from monitor.config.findings import ConfigError, Findings
from monitor.config.fit import M, entries, fit, section
from monitor.config.inventory import Entry, Inventory
from monitor.config.models import (
    DaemonShape,
    DefaultsShape,
    PlanShape,
    StoreShape,
    WebShape,
)
from monitor.config.sentences import nearest, no_text, shown
from monitor.config.site import (
    DaemonConfig,
    LogConfig,
    Site,
    StoreConfig,
    WebConfig,
)
from monitor.config.yamlpos import Document, Where, read
from monitor.model.plan import Plan
from monitor.probe import Probe

SECTIONS = (
    "daemon", "plan", "demo", "defaults", "inventory", "people", "channels", "store", "web",
)  # fmt: skip
INVENTORY = ("systems", "targets", "include")
INCLUDED = ("systems", "targets")
MAX_FILES = 1000  # of one pattern

T = TypeVar("T")


class Loading:
    """One load: the document, what it names, and what is wrong so far."""

    def __init__(self, path: Path, state: Path | None = None) -> None:
        self.path = path
        self.folder = path.parent
        self.state = state
        self.findings = Findings()
        self.files: list[Path] = [path]
        self.document = Document(str(path), None, {})

    def site(self) -> Site:
        """The whole Site, or ConfigError."""
        document = read(self.path, self.findings)
        if document is None:
            raise ConfigError(self.findings.problems())
        self.document = document
        if not isinstance(document.data, dict):
            right = f"write the sections {', '.join(SECTIONS)}"
            self.wrong((), "holds no configuration", right)
            raise ConfigError(self.findings.problems())
        self._unknown(document, (), document.data, SECTIONS)
        return self._parts(document.data)

    def _parts(self, data: dict[str, Any]) -> Site:
        demo = self._demo(data)
        daemon, store, web = (
            self.section(DaemonShape, "daemon"),
            self.section(StoreShape, "store"),
            self.section(WebShape, "web"),
        )
        inventory = self._inventory(data)
        channels = reach.channels(self.document, self.findings)
        people = reach.people(self.document, self.findings)
        # As written, so that a slip elsewhere in the section does not hide what they hold.
        written = section(data, "daemon", self.document, (), self.findings)
        self._uplink(written.get("uplink"), inventory)
        plan, limits, defaults = self._plan(written.get("plan"), demo=demo, inventory=inventory)
        rules = self._rules(written.get("rules"), defaults)
        if self.findings or not (daemon and store and web and plan and rules is not None):
            raise ConfigError(self.findings.problems())
        state = self.state or self.folder / daemon.state
        return Site(
            daemon=DaemonConfig(
                state, daemon.grid, tuple(daemon.uplink), LogConfig(**dict(daemon.log))
            ),
            targets=inventory.targets,
            systems=inventory.systems,
            people=people,
            channels=channels,
            store=StoreConfig(self.folder / store.path if store.path else state / "zhiban.db"),
            web=WebConfig(web.host, web.port, tuple(web.allowed_hosts)),
            rules=rules,
            plan=plan,
            thresholds=limits,
            files=tuple(dict.fromkeys(self.files)),
            demo=demo,
        )

    def wrong(self, where: Where, wrong: str, right: str = "") -> None:
        """Something is wrong in the main file."""
        self.findings.add(self.document.problem(where, wrong, right))

    def section(self, model: type[M], name: str) -> M | None:
        """One section of the main file; an empty one has the defaults."""
        value = section(self.document.data, name, self.document, (), self.findings)
        return fit(model, value, self.document, (name,), self.findings)

    def _unknown(
        self, document: Document, where: Where, data: Iterable[str], valid: tuple[str, ...]
    ) -> None:
        for key in data:
            if key not in valid:
                right = nearest(key, valid, "key")
                self.findings.add(document.problem((*where, key), "unknown key", right))

    def _demo(self, data: dict[str, Any]) -> bool:
        value = data.get("demo", False)
        if not isinstance(value, bool):
            self.wrong(("demo",), f"expected true or false, found {shown(value)}")
        return value is True

    def _inventory(self, data: dict[str, Any]) -> Inventory:
        written = section(data, "inventory", self.document, (), self.findings)
        defaults = self.section(DefaultsShape, "defaults") or DefaultsShape()
        self._unknown(self.document, ("inventory",), written, INVENTORY)
        inventory = Inventory(probes(), defaults, self.findings)
        sources = [(self.document, ("inventory",), written), *self._included(written)]
        for document, where, content in sources:
            for key, add in (("systems", inventory.add_system), ("targets", inventory.add_target)):
                place: Where = (*where, key)
                found = entries(content.get(key), document, place, self.findings)
                for n, value in enumerate(found):
                    add(Entry(value, document, (*place, n)))
        inventory.check_references()
        return inventory

    def _included(
        self, written: dict[str, Any]
    ) -> Iterable[tuple[Document, Where, dict[str, object]]]:
        for path in self._patterns(written.get("include"), ("inventory", "include")):
            document = read(path, self.findings)
            if document is None:
                continue
            if not isinstance(document.data, dict):
                right = f"write the sections {', '.join(INCLUDED)}"
                self.findings.add(document.problem((), "holds no inventory", right))
                continue
            self._unknown(document, (), document.data, INCLUDED)
            yield document, (), document.data

    def _patterns(self, value: object, where: Where) -> list[Path]:
        found: dict[Path, None] = {}
        for n, pattern in enumerate(entries(value, self.document, where, self.findings)):
            place: Where = (*where, n)
            if not isinstance(pattern, str):
                self.wrong(place, *no_text(pattern))
                continue
            paths = self._matching(pattern)
            if not paths:
                right = f"paths are looked up from {self.folder}"
                self.wrong(place, f"no file matches {shown(pattern)}", right)
            if len(paths) > MAX_FILES:
                self.wrong(place, f"more than {MAX_FILES} files match {shown(pattern)}")
            found.update(dict.fromkeys(paths[:MAX_FILES]))
        self.files += found
        return list(found)

    def _matching(self, pattern: str) -> list[Path]:
        # Not recursive: "**" would walk the whole disk for a slip of the keyboard.
        names = glob.glob(pattern, root_dir=self.folder)  # noqa: PTH207 - Path.glob refuses absolute patterns
        return [path for n in sorted(names) if textfile.is_file(path := self.folder / n)]

    def _uplink(self, names: object, inventory: Inventory) -> None:
        for n, name in enumerate(names if isinstance(names, list) else ()):
            if isinstance(name, str) and name not in inventory.graph:
                right = nearest(name, inventory.graph, "target")
                self.wrong(("daemon", "uplink", n), f"there is no target {shown(name)}", right)

    def _plan(
        self, said: object, *, demo: bool, inventory: Inventory
    ) -> tuple[Plan | None, tuple[Limit, ...], Mapping[str, str]]:
        path, limits_path = plansettings.paths(self.folder, said)
        self.files += [path, limits_path]
        document = read(path, self.findings)
        plan = planfile.plan(document, self.findings) if document else None
        own = self.section(PlanShape, "plan")
        if own and own.speed > 1 and not demo:
            wrong = "the plan's clocks run faster only in the demo"
            self.wrong(("plan", "speed"), wrong, "take it out, or write demo: true")
        no_limits: tuple[Limit, ...] = ()
        no_defaults: Mapping[str, str] = {}
        limits = self._of(lambda: thresholds.load(limits_path), no_limits)
        defaults = self._of(lambda: thresholds.load_defaults(limits_path), no_defaults)
        if plan and own:
            if own.director_after is not None and not plansettings.director_steps(plan):
                wrong = "class1 of the plan has no step director"
                self.wrong(("plan", "director_after"), wrong, "take it out")
            plan = plansettings.overridden(plan, own)
        return plan and plansettings.spelt(plan, inventory.systems), limits, defaults

    def _rules(self, said: object, defaults: Mapping[str, str]) -> RuleSet | None:
        none: RuleSet | None = None
        if said is None:
            paths = sorted(shipped.rules().glob("*.yml"))
            self.files += paths
        else:
            paths = self._patterns(said, ("daemon", "rules"))
        return self._of(lambda: rule_files.load(paths, defaults=defaults), none)

    def _of(self, read_it: Callable[[], T], otherwise: T) -> T:
        try:
            return read_it()
        except ProblemsError as e:
            self.findings.add(*e.problems)
            return otherwise


def probes() -> Mapping[str, Probe]:
    """The table of probe kinds."""
    from exporters import PROBES  # noqa: PLC0415 - drivers are imported when a target needs them

    return PROBES
