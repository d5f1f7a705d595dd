"""
What stands behind what, and which failure explains which. Pure.

A *need* holds while any of its names is up. A failed subject whose need does not
hold is explained by what failed there, provided that this failed first (a server
that died yesterday is not explained by a switch that dies today). A redundant
group whose members all failed by themselves is one root, written ``a+b``.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from monitor.model.target import Needs, System, Target

JOIN = "+"


def members(root: str) -> tuple[str, ...]:
    """The names in a root key: one, or all of a redundant group."""
    return tuple(root.split(JOIN))


@dataclass(frozen=True)
class Topology:
    """The targets and systems of one configuration."""

    targets: Mapping[str, Target]
    systems: Mapping[str, System]
    settle: timedelta = timedelta(seconds=10)

    def needs(self, name: str) -> Needs:
        """What the subject needs; nothing for a name that is not configured."""
        if target := self.targets.get(name):
            return target.depends_on
        if system := self.systems.get(name):
            return system.needs
        return ()

    def title(self, name: str) -> str:
        """The Chinese title; the name itself where there is none."""
        if target := self.targets.get(name):
            return target.title or name
        if system := self.systems.get(name):
            return system.title or name
        return "值班监控机" if name == "zhiban" else name

    @cached_property
    def dependents(self) -> Mapping[str, tuple[str, ...]]:
        """For each name, the targets that name it in a need."""
        found: dict[str, list[str]] = {}
        for name in self.targets:
            for need in self.needs(name):
                for other in need:
                    found.setdefault(other, []).append(name)
        return {name: tuple(names) for name, names in found.items()}

    @cached_property
    def groups(self) -> Mapping[str, tuple[tuple[str, ...], ...]]:
        """For each name, the redundant groups it is a member of."""
        found: dict[str, set[tuple[str, ...]]] = {}
        for name in (*self.targets, *self.systems):
            for need in self.needs(name):
                if len(need) > 1:
                    for other in need:
                        found.setdefault(other, set()).add(tuple(sorted(need)))
        return {name: tuple(sorted(sets)) for name, sets in found.items()}

    def ancestors(self, name: str) -> frozenset[str]:
        """Everything the subject stands behind, near and far."""
        seen: set[str] = set()
        todo = [name]
        while todo:
            for need in self.needs(todo.pop()):
                fresh = [n for n in need if n not in seen]
                seen.update(fresh)
                todo += fresh
        return frozenset(seen)

    def redundant(self, name: str, failed: Mapping[str, datetime]) -> bool:
        """Whether another member of one of the subject's groups still stands."""
        groups = self.groups.get(name, ())
        return bool(groups) and all(any(m not in failed for m in g) for g in groups)


@dataclass(frozen=True)
class Outage:
    """Which targets fail now, and since when: the state that explains alerts."""

    topology: Topology
    failed: Mapping[str, datetime]  # name -> failing since

    @cached_property
    def systems_down(self) -> Mapping[str, datetime]:
        """Systems with a need that does not hold, and since when."""
        down = {}
        for name in self.topology.systems:
            out = [at for need in self.topology.needs(name) if (at := self.out_since(need))]
            if out:
                down[name] = min(out)
        return down

    def out_since(self, need: tuple[str, ...]) -> datetime | None:
        """Since when no member is up; None while one is."""
        if any(name not in self.failed for name in need):
            return None
        return max(self.failed[name] for name in need)

    def slack(self, need: tuple[str, ...]) -> timedelta:
        """How much later than its victims a cause may be noticed: one beat, one settling."""
        known = [t for n in need if (t := self.topology.targets.get(n))]
        beat = max((t.every + t.timeout for t in known), default=timedelta(0))
        return beat + self.topology.settle

    def causes(self, name: str, since: datetime) -> Iterator[tuple[str, ...]]:
        """The needs of the subject that are out and may explain a failure since then."""
        for need in self.topology.needs(name):
            out = self.out_since(need)
            if out is not None and since >= out - self.slack(need):
                yield need

    def roots(self, name: str, since: datetime) -> tuple[str, ...]:
        """The root keys that explain the subject; its own if nothing above it failed."""
        found: dict[str, None] = {}
        for need in self.causes(name, since):
            for key in self._need_roots(need):
                found[key] = None
        return tuple(found) or (self._own(name),)

    @cached_property
    def _known(self) -> dict[str, tuple[str, ...]]:
        """What ``_roots_of`` has found: pairs over pairs would be walked 2^depth times."""
        return {}

    def _roots_of(self, name: str) -> tuple[str, ...]:
        """The roots of a failed target, by its own failing since."""
        if (known := self._known.get(name)) is None:
            known = self._known[name] = self.roots(name, self.failed[name])
        return known

    def _need_roots(self, need: tuple[str, ...]) -> Iterator[str]:
        above = [self._roots_of(n) for n in need]
        if len(need) > 1 and all(r == (self._own(n),) for n, r in zip(need, above, strict=True)):
            yield JOIN.join(sorted(need))
            return
        for keys in above:
            yield from keys

    def _own(self, name: str) -> str:
        """The subject as a root: its fully failed redundant group, or itself."""
        for group in self.topology.groups.get(name, ()):
            itself = all(n in self.failed for n in group) and not any(
                True for n in group for _ in self.causes(n, self.failed[n])
            )
            if itself:
                return JOIN.join(group)
        return name

    def root(self, name: str, since: datetime) -> str:
        """One root key: of several causes, the one that went out last and so cut the subject."""
        keys = self.roots(name, since)
        return max(keys, key=lambda k: (self.since(k) or since, k))

    def since(self, root: str) -> datetime | None:
        """Since when a root key is out; None while a member of it is up."""
        return self.out_since(members(root))

    def behind(self, root: str) -> tuple[str, ...]:
        """Failed targets that the root explains, itself left out, in the inventory's order."""
        own = members(root)
        return tuple(n for n in self._victims.get(root, ()) if n not in own)

    def explains_itself(self, root: str) -> bool:
        """Whether nothing else explains what fails of the root; True while nothing does."""
        failed = [n for n in members(root) if n in self.failed]
        return not failed or any(self._roots_of(n) == (root,) for n in failed)

    @cached_property
    def _victims(self) -> Mapping[str, tuple[str, ...]]:
        """For each root, the failed targets it explains: asked once for every incident."""
        found: dict[str, list[str]] = {}
        for name in self.topology.targets:
            if name in self.failed:
                for root in self._roots_of(name):
                    found.setdefault(root, []).append(name)
        return {root: tuple(names) for root, names in found.items()}

    def systems_behind(self, root: str, impact: Iterable[str]) -> tuple[str, ...]:
        """Systems that are down because of the root or of what it cuts."""
        cut = {system for n in (*members(root), *impact) for system in self._downs.get(n, ())}
        return tuple(name for name in self.systems_down if name in cut) if cut else ()

    @cached_property
    def _downs(self) -> Mapping[str, tuple[str, ...]]:
        """For each name, the systems with a need of it that does not hold."""
        found: dict[str, list[str]] = {}
        for system in self.systems_down:
            for need in self.topology.needs(system):
                if self.out_since(need) is not None:
                    for name in need:
                        found.setdefault(name, []).append(system)
        return {name: tuple(systems) for name, systems in found.items()}
