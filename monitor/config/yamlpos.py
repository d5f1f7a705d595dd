"""
YAML as data, with the line of every key.

Built from the parser's events: nothing is constructed that a tag names, depth, size and
aliases are bounded, and what goes wrong becomes a Problem, never an exception. Plain
scalars are text, whole numbers, decimals, true/false and null as in YAML 1.2; ``no``,
``12:30``, ``0571`` and dates stay text.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from monitor.config.findings import Findings
from monitor.config.textfile import read_text
from monitor.model.problem import Problem

MAX_DEPTH = 32
MAX_NODES = 400_000  # 5,000 targets take some 100,000; aliases count as what they stand for

Where = tuple[str | int, ...]
"""A place in a document: ``("inventory", "targets", 3, "timeout")``."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_TAGS = (None, "!", "tag:yaml.org,2002:str")
_WORDS: Mapping[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(  # a point or an exponent: a long row of digits is a number of a contract
    r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*|(?=[eE])))([eE][-+]?[0-9]+)?"
)


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its data, and the line (1-based) of every key and list entry."""

    file: str
    data: object
    lines: Mapping[Where, int]

    def line(self, where: Where) -> int:
        """The line of a place, or of the nearest thing around it that is written down."""
        while where not in self.lines and where:
            where = where[:-1]
        return self.lines.get(where, 0)

    def problem(self, where: Where, wrong: str, right: str = "") -> Problem:
        """Something is wrong at a place."""
        return Problem(self.file, self.line(where), key_text(where), wrong, right)


def key_text(where: Where) -> str:
    """``inventory.targets[3].timeout``."""
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in where)
    return "".join(parts).removeprefix(".")


def read(path: Path, findings: Findings) -> Document | None:
    """One file's data; None, with the reason among the findings, where it cannot be had."""
    text = read_text(path, findings)
    return None if text is None else parse(str(path), text, findings)


def parse(file: str, text: str, findings: Findings) -> Document | None:
    """Likewise, from text."""
    builder = _Builder(file, findings)
    try:
        data = builder.document(yaml.parse(text, Loader=_LOADER))
    except _BadYamlError as e:
        findings.add(Problem(file, e.line, "", e.wrong, e.right))
        return None
    except yaml.MarkedYAMLError as e:
        findings.add(_syntax(file, text, e))
        return None
    except yaml.reader.ReaderError as e:
        line = text.count("\n", 0, e.position) + 1 if isinstance(e.position, int) else 0
        findings.add(Problem(file, line, "", "a control character stands here", "delete it"))
        return None
    return Document(file, data, builder.lines)


class _BadYamlError(Exception):
    def __init__(self, line: int, wrong: str, right: str = "") -> None:
        super().__init__(wrong)
        self.line, self.wrong, self.right = line, wrong, right


def _syntax(file: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return Problem(file, 0, "", "is not YAML")
    lines = text.splitlines()
    said = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in said[: mark.column + 1]:
        return Problem(
            file, mark.line + 1, "", "a tab stands in the indentation", "indent with spaces"
        )
    what = (error.problem or "cannot be read").removeprefix("while ")
    return Problem(
        file,
        mark.line + 1,
        "",
        f"is not YAML at column {mark.column + 1}: {what[:120]}",
        "look at the indentation, the quotes and the colons here and one line above",
    )


@dataclass
class _Builder:
    """One pass over the events. ``anchors`` holds (value, number of nodes) by name."""

    file: str
    findings: Findings
    lines: dict[Where, int] = field(default_factory=dict)
    anchors: dict[str, tuple[object, int]] = field(default_factory=dict)
    nodes: int = 0
    events: Iterator[Any] = field(default_factory=lambda: iter(()))

    def document(self, events: Iterator[Any]) -> object:
        self.events = events
        data: object = None
        seen = False
        for event in events:  # the stream's start, then one document
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            if seen:
                raise _BadYamlError(_line(event), "a second document starts here", "remove the ---")
            seen = True
            data = self.value(next(events), ())
        return data

    def value(self, event: Any, where: Where) -> object:
        line = _line(event)
        self.lines.setdefault(where, line)
        if len(where) > MAX_DEPTH:
            raise _BadYamlError(line, f"is nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, line)
        before = self.nodes
        self.count(1, line)
        if event.tag not in _PLAIN_TAGS:
            raise _BadYamlError(line, f"the tag {event.tag[:60]} is not supported", "remove it")
        if isinstance(event, yaml.ScalarEvent):
            built = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            built = self.sequence(where)
        else:
            built = self.mapping(where)
        if event.anchor:
            self.anchors[event.anchor] = (built, self.nodes - before)
        return built

    def count(self, nodes: int, line: int) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise _BadYamlError(line, f"holds more than {MAX_NODES} values, aliases counted out")

    def alias(self, event: Any, line: int) -> object:
        if event.anchor not in self.anchors:
            raise _BadYamlError(
                line, f"the alias *{event.anchor[:60]} has no &anchor that ends before it"
            )
        built, nodes = self.anchors[event.anchor]
        self.count(nodes, line)
        return built

    def sequence(self, where: Where) -> list[object]:
        built: list[object] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            built.append(self.value(event, (*where, len(built))))
        return built

    def mapping(self, where: Where) -> dict[str, object]:
        built: dict[str, object] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.key(event)
            place = (*where, key)
            line = _line(event)
            if key in built:
                first = self.lines[place]
                self.findings.add(
                    Problem(
                        self.file,
                        line,
                        key_text(place),
                        f"stands here a second time, first on line {first}",
                        "keep one of the two",
                    )
                )
                # Read past the second value; its places must not overwrite the first's.
                kept, self.lines = self.lines, {}
                self.value(next(self.events), place)
                self.lines = kept
                continue
            self.lines[place] = line
            built[key] = self.value(next(self.events), place)
        return built

    def key(self, event: Any) -> str:
        line = _line(event)
        if not isinstance(event, yaml.ScalarEvent):
            raise _BadYamlError(line, "a key is a list, a mapping or an alias", "write a word")
        if event.value == "<<":
            raise _BadYamlError(line, "the merge key << is not supported", "write the keys out")
        return str(event.value)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _scalar(event: Any) -> object:
    text = str(event.value)
    if event.style or not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text
