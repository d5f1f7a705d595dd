"""
label_replace and label_join.

Their constant arguments are checked once, at parse: CHECKS.
"""

import re
from collections.abc import Callable, Mapping

from monitor.model.reading import LabelPairs
from monitor.promql.ast import Call, Expr, String
from monitor.promql.errors import PromqlError
from monitor.promql.matchers import compiled
from monitor.promql.rows import Rows, unique

LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# Go's regexp.Expand: $1, ${1}, $name, ${name}, and $$ for a dollar.
TEMPLATE = re.compile(r"\$(?:(\$)|([A-Za-z0-9_]+)|\{([A-Za-z0-9_]+)\})")


def text(node: Expr) -> str:
    """A string argument's text."""
    if not isinstance(node, String):
        raise PromqlError("expected a string in double quotes")
    return node.value


def label_replace(rows: Rows, args: tuple[Expr, ...]) -> Rows:
    """Set `target` from the template where the whole `source` value matches."""
    target, template, source, pattern = (text(arg) for arg in args)
    regex = compiled(pattern)
    labels = []
    for pairs in rows.real_labels():
        found = regex.fullmatch(dict(pairs).get(source, ""))
        labels.append(with_label(pairs, target, _expand(template, found)) if found else pairs)
    return Rows(unique(labels), rows.values)


def label_join(rows: Rows, args: tuple[Expr, ...]) -> Rows:
    """Set `target` to the values of the sources, joined."""
    target, separator, *sources = (text(arg) for arg in args)
    labels = []
    for pairs in rows.real_labels():
        values = dict(pairs)
        joined = separator.join(values.get(source, "") for source in sources)
        labels.append(with_label(pairs, target, joined))
    return Rows(unique(labels), rows.values)


def with_label(pairs: LabelPairs, name: str, value: str) -> LabelPairs:
    """The pairs with one label set; an empty value takes it away."""
    values = dict(pairs)
    values.pop(name, None)
    if value:
        values[name] = value
    return tuple(sorted(values.items()))


def _expand(template: str, found: "re.Match[str]") -> str:
    """The template with its groups filled in; a group that is not there is empty."""

    def fill(reference: "re.Match[str]") -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        try:
            return found[int(name) if name.isdecimal() else name] or ""
        except (IndexError, KeyError):
            return ""

    return TEMPLATE.sub(fill, template)


def _check_replace(call: Call) -> None:
    _, target, _, _, pattern = call.args
    check_name(text(target), call.func)
    compiled(text(pattern))


def _check_join(call: Call) -> None:
    check_name(text(call.args[1]), call.func)


def check_name(name: str, where: str) -> None:
    """Raises PromqlError if the text is no label name."""
    if not LABEL_NAME.fullmatch(name):
        raise PromqlError(f"{where}(): invalid label name {name!r}")


CHECKS: Mapping[str, Callable[[Call], None]] = {
    "label_replace": _check_replace,
    "label_join": _check_join,
}
