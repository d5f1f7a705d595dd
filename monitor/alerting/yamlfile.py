"""
A YAML file that a person wrote, node by node, each with its line.

Problems are collected, never raised: a reader that finds one goes on and finds the
next. Nodes are composed, not constructed, so an alias costs nothing and no value
changes its spelling (``"010"`` stays text, ``1e3`` stays ``1e3``).
"""

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from monitor.model.problem import Problem

MOST_BYTES: Final = 4 << 20  # the largest published rule file known to us has 300 kB
NULL: Final = "tag:yaml.org,2002:null"


class ProblemsError(Exception):
    """A file that may not be used; ``problems`` says everything that is wrong with it."""

    def __init__(self, problems: Collection[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = list(problems)


class YamlFile:
    """One file: its root node, and what was found wrong while it was read."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.problems: list[Problem] = []
        self.root = self._compose(path)

    def wrong(self, node: Node | None, key: str, wrong: str, right: str = "") -> None:
        """Note a problem at a node's line; without a node, about the whole file."""
        line = node.start_mark.line + 1 if node else 0
        self.problems.append(Problem(self.name, line, key, wrong, right))

    def _compose(self, path: Path) -> Node | None:
        try:
            with path.open("rb") as stream:
                text = stream.read(MOST_BYTES + 1)
        except OSError as error:
            self.wrong(None, "", f"cannot be read: {error.strerror or error}")
            return None
        if len(text) > MOST_BYTES:
            self.wrong(None, "", "is larger than 4 MiB", "split it")
            return None
        return self._parse(text)

    def _parse(self, text: bytes) -> Node | None:
        try:
            return yaml.compose(text.decode("utf-8-sig"), Loader=yaml.CSafeLoader)
        except UnicodeDecodeError as error:
            line = text[: error.start].count(b"\n") + 1
            self.problems.append(Problem(self.name, line, "", "is not UTF-8"))
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 0
            self.problems.append(Problem(self.name, line, "", f"is not YAML: {error.problem}"))
        except yaml.YAMLError as error:
            self.wrong(None, "", f"is not YAML: {str(error).splitlines()[0]}")
        except RecursionError:
            self.wrong(None, "", "is nested too deeply")
        return None

    def mapping(
        self, node: Node | None, key: str, allowed: Collection[str] = ()
    ) -> dict[str, Node]:
        """The entries of a mapping; with ``allowed``, other keys are a problem."""
        if node is None or node.tag == NULL:
            return {}
        if not isinstance(node, MappingNode):
            self.wrong(node, key, f"is {kind(node)}", "a mapping is expected")
            return {}
        found: dict[str, Node] = {}
        for name_node, value in node.value:
            name = name_node.value if isinstance(name_node, ScalarNode) else kind(name_node)
            where = f"{key}.{name}" if key else str(name)
            if name in found:
                self.wrong(name_node, where, "stands here twice", "keep one")
            elif allowed and name not in allowed:
                self.wrong(name_node, where, "is an unknown field", _nearest(str(name), allowed))
            else:
                found[name] = value
        return found

    def items(self, node: Node | None, key: str) -> list[Node]:
        """The entries of a list."""
        if node is None or node.tag == NULL:
            return []
        if not isinstance(node, SequenceNode):
            self.wrong(node, key, f"is {kind(node)}", "a list is expected")
            return []
        return list(node.value)

    def text(self, node: Node | None, key: str) -> str | None:
        """A scalar as it is spelt; None where there is none."""
        if node is None or node.tag == NULL:
            return None
        if not isinstance(node, ScalarNode):
            self.wrong(node, key, f"is {kind(node)}", "a text is expected")
            return None
        return str(node.value)


def kind(node: Node) -> str:
    """A node's kind, for people."""
    if isinstance(node, MappingNode):
        return "a mapping"
    return "a list" if isinstance(node, SequenceNode) else "a single value"


def _nearest(name: str, allowed: Collection[str]) -> str:
    near = get_close_matches(name, allowed, n=1)
    return f"did you mean {near[0]}?" if near else "known fields: " + ", ".join(allowed)


def entry(mapping: Node, name: str) -> Node:
    """Return the value under a name; the mapping itself where there is none."""
    pairs = mapping.value if isinstance(mapping, MappingNode) else []
    return next((value for key, value in pairs if key.value == name), mapping)
