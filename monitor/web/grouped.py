"""Targets as the console groups them: by hospital system, the rest by role. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from monitor.model.target import Target
from monitor.web import facts, words
from monitor.web.desk import SiteView
from monitor.web.view import Row, Scene, target_row

LISTED_MOST = 40  # rows of one group; the worst stand first
_WORST = {"down": 0, "unknown": 1, "up": 2}


@dataclass(frozen=True, slots=True)
class Group:
    """A system or a role, with its targets; ``head`` is a system's own standing."""

    key: str
    title: str
    head: Row | None
    rows: tuple[Row, ...]
    summary: str  # 8 正常 · 1 不通
    trouble: bool
    more: str = ""  # what is not listed: 260 正常


def groups(scene: Scene) -> tuple[Group, ...]:
    """Group every target once: systems first, then roles; trouble first within each."""
    owner = _owners(scene.site)
    found = [
        _group(scene, name, [t for t in scene.site.targets.values() if owner.get(t.name) == name])
        for name in scene.site.systems
    ]
    rest: dict[str, list[Target]] = {}
    for target in scene.site.targets.values():
        if target.name not in owner:
            rest.setdefault(target.labels.get("role", ""), []).append(target)
    # Roles follow the order of the table, which is the order of importance.
    order = {role: i for i, role in enumerate(words.ROLES)}
    roles = sorted(rest, key=lambda role: (order.get(role, len(order)), role))
    return (*found, *(_group(scene, role, rest[role]) for role in roles))


def _owners(site: SiteView) -> Mapping[str, str]:
    """Find each target's system: by its label, else by being needed by that one alone."""
    needing: dict[str, list[str]] = {}
    for system in site.systems.values():
        for name in facts.names(system.needs):
            needing.setdefault(name, []).append(system.name)
    owner = {}
    for target in site.targets.values():
        label = target.labels.get("system", "")
        if label in site.systems:
            owner[target.name] = label
        elif len(needing.get(target.name, ())) == 1:
            owner[target.name] = needing[target.name][0]
    return owner


def _group(scene: Scene, key: str, targets: Iterable[Target]) -> Group:
    rows = sorted((target_row(scene, t.name) for t in targets), key=lambda r: _WORST[r.state])
    system = scene.site.systems.get(key)
    head = None
    if system:
        standing = facts.system_standing(system, scene.site.targets, scene.board, scene.now)
        since = f"{scene.time(standing.since)} 起" if standing.since else ""
        word = words.CONDITIONS[standing.state]
        head = Row(key, system.title, standing.state, word, since)
    return Group(
        key=f"{'system' if system else 'role'}-{key or 'none'}",
        title=system.title if system else words.ROLES.get(key, key or "其它"),
        head=head,
        rows=tuple(rows[:LISTED_MOST]),
        summary=_summary(rows),
        more=_summary(rows[LISTED_MOST:]),
        trouble=any(r.state != "up" for r in rows) or bool(head and head.state != "up"),
    )


def _summary(rows: list[Row]) -> str:
    states = [row.state for row in rows]
    said = [
        f"{states.count(state)} {word}"
        for state, word in words.CONDITIONS.items()
        if state in states
    ]
    return " · ".join(said)
