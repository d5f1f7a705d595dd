"""
A module file as data, with the line of every key and entry. Pure but for one bounded read.

Nodes are composed, never constructed: no tag makes an object, depth and size are bounded
(aliases counted out), and a key may stand once. What is wrong becomes a Problem, never raised.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from monitor.model.problem import Problem

MOST_BYTES: Final = 1 << 20  # the largest module that snmp_exporter publishes has 200 kB
MOST_DEPTH: Final = 12
MOST_NODES: Final = 50_000  # an alias counts as what it stands for
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: Final[Mapping[str, object]] = {"": None, "null": None, "true": True, "false": False}
_INT = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_FLOAT = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE]-?[0-9]{1,3})?")  # an OID has a second dot

Where = tuple[str | int, ...]
"""A place in a file: ``("tables", 0, "metrics", 3, "oid")``."""


@dataclass(slots=True)
class Lines:
    """One file: its data, the line (1-based) of every place, and what is wrong with it."""

    file: str
    data: object = None
    lines: dict[Where, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, where: Sequence[str | int], wrong: str, right: str = "") -> None:
        """Note a problem at a place, or at the nearest thing around it that is written."""
        place = tuple(where)
        while place and place not in self.lines:
            place = place[:-1]
        line = self.lines.get(place, 0)
        self.problems.append(Problem(self.file, line, key_text(where), wrong, right))


def key_text(where: Sequence[str | int]) -> str:
    """``tables[0].metrics[3].oid``."""
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in where)
    return "".join(parts).removeprefix(".")


def read(path: Path) -> Lines:
    """Read a file; the reason stands among the problems where it cannot be had."""
    found = Lines(str(path))
    try:
        with path.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except OSError as error:
        found.wrong((), f"cannot be read: {(error.strerror or 'input/output error').lower()}")
        return found
    if len(raw) > MOST_BYTES:
        found.wrong((), f"is larger than {MOST_BYTES >> 20} MiB", "split it")
        return found
    try:
        return parse(str(path), raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        found.wrong((), "is not UTF-8 text", "save the file as UTF-8")
        return found


def parse(file: str, text: str) -> Lines:
    """Likewise, from text."""
    found = Lines(file)
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        found.lines[()] = error.problem_mark.line + 1 if error.problem_mark else 0
        found.wrong((), f"is not YAML: {error.problem}")
        return found
    except (yaml.YAMLError, RecursionError) as error:
        found.wrong((), f"is not YAML: {str(error).splitlines()[0]}")
        return found
    if root is None:
        found.wrong((), "is empty", "begin with module: NAME")
        return found
    found.data = _Builder(found).build(root, ())
    return found


class _Builder:
    def __init__(self, found: Lines) -> None:
        self.found = found
        self.nodes = 0

    def build(self, node: Node, where: Where) -> object:
        self.found.lines.setdefault(where, node.start_mark.line + 1)
        self.nodes += 1
        if len(where) > MOST_DEPTH or self.nodes > MOST_NODES:
            if not self.found.problems:
                self.found.wrong(where, f"more than {MOST_DEPTH} levels or {MOST_NODES} values")
            return None
        if isinstance(node, ScalarNode):
            return _scalar(node)
        if isinstance(node, SequenceNode):
            return [self.build(item, (*where, i)) for i, item in enumerate(node.value)]
        return self.mapping(node, where)

    def mapping(self, node: Node, where: Where) -> dict[str, object]:
        built: dict[str, object] = {}
        pairs = node.value if isinstance(node, MappingNode) else []
        for key, value in pairs:
            name = str(key.value) if isinstance(key, ScalarNode) else "?"
            place = (*where, name)
            line = key.start_mark.line + 1
            if name in built:
                first = self.found.lines[place]
                text = f"stands here a second time, first on line {first}"
                self.found.problems.append(
                    Problem(self.found.file, line, key_text(place), text, "keep one of the two")
                )
                continue
            self.found.lines[place] = line
            built[name] = self.build(value, place)
        return built


def _scalar(node: ScalarNode) -> object:
    text = str(node.value)
    if node.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
