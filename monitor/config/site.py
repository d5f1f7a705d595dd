"""
Everything one configuration says, frozen. A reload brings a whole new one.

``load`` reads files and the environment, opens no connection, and either returns a
whole Site or raises ConfigError with every problem there is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from monitor.alerting.ruleset import RuleSet
from monitor.alerting.thresholds import Limit
from monitor.config.channels import ChannelConfig
from monitor.config.durations import text
from monitor.model.person import ROLE_TITLES, Person
from monitor.model.plan import Plan
from monitor.model.target import System, Target


@dataclass(frozen=True, slots=True)
class LogConfig:
    """How the daemon logs."""

    format: Literal["json", "text"]
    level: Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class DaemonConfig:
    """The daemon itself."""

    state: Path
    grid: timedelta
    uplink: tuple[str, ...]
    log: LogConfig


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Where incidents are kept."""

    path: Path


@dataclass(frozen=True, slots=True)
class WebConfig:
    """The console's listener; ``allowed_hosts`` beside the loopback names."""

    host: str
    port: int
    allowed_hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """One hospital's whole configuration."""

    daemon: DaemonConfig
    targets: Mapping[str, Target]
    systems: Mapping[str, System]
    people: tuple[Person, ...]
    channels: Mapping[str, ChannelConfig]
    store: StoreConfig
    web: WebConfig
    rules: RuleSet
    plan: Plan
    thresholds: tuple[Limit, ...]
    files: tuple[Path, ...]  # every file that was read
    demo: bool = False


def describe(site: Site) -> str:
    """What a valid configuration holds, for the success output of ``zhiban check``."""
    kinds: dict[str, int] = {}
    for target in site.targets.values():
        kinds[target.kind] = kinds.get(target.kind, 0) + 1
    rules = [rule for group in site.rules.groups for rule in group.rules]
    held = {role: [p.name for p in site.people if role in p.roles] for role in ROLE_TITLES}
    roles = (f"{role}: {', '.join(names)}" for role, names in held.items() if names)
    steps = (f"{t.name} at {text(t.after)}" for t in site.plan.thresholds)
    judged = f"{len(site.thresholds)} limits, judged every {text(site.daemon.grid)}"
    plan = site.plan
    told = f"{', '.join(steps)}, {len(plan.departments)} departments"
    lines = [
        f"targets    {len(site.targets)} ({_counts(kinds)})",
        f"systems    {len(site.systems)}",
        f"rules      {len(rules)} in {len(site.rules.groups)} groups, {judged}",
        f"people     {len(site.people)} ({'; '.join(roles)})",
        f"channels   {', '.join(f'{n} ({c.kind})' for n, c in site.channels.items())}",
        f"plan       {len(plan.classes)} classes, {told}",
        f"state      {site.store.path}",
        f"console    http://{_host(site.web.host)}:{site.web.port}/",
        *(f"read       {path}" for path in site.files),
    ]
    return "\n".join(lines)


def _counts(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "none"


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
