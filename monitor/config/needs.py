"""What stands behind what: ``[a, {any: [b, c]}]`` as written, and circles among targets."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from monitor.config.findings import MAX_PROBLEMS, Findings
from monitor.config.sentences import nearest, shown
from monitor.config.yamlpos import Document, Where
from monitor.model.target import Needs

LEAST_ANY = 2
MAX_DEPTH = 100  # deeper is a mistake in the file; a hospital has four or five layers
FORM = "write names and redundant groups, like [a, {any: [b, c]}]"


def read(value: object, document: Document, where: Where, findings: Findings) -> Needs:
    """The needs as written; names are checked later, when all of them are known."""
    if value is None:
        return ()
    if not isinstance(value, list):
        findings.add(document.problem(where, f"expected a list, found {shown(value)}", FORM))
        return ()
    found = [_one(entry, document, (*where, n), findings) for n, entry in enumerate(value)]
    return tuple(need for need in found if need)


def _one(value: object, document: Document, where: Where, findings: Findings) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, dict) or list(value) != ["any"]:
        wrong = f"expected a name or {{any: [...]}}, found {shown(value)}"
        findings.add(document.problem(where, wrong, FORM))
        return ()
    group = value["any"]
    place = (*where, "any")
    if not isinstance(group, list) or not all(isinstance(name, str) for name in group):
        findings.add(document.problem(place, "expected a list of names", FORM))
        return ()
    if len(set(group)) < LEAST_ANY:
        wrong = "a redundant group has at least two different names"
        findings.add(document.problem(place, wrong, "write the one name without any"))
        return ()
    return tuple(dict.fromkeys(group))


def check_names(
    value: object,
    document: Document,
    where: Where,
    findings: Findings,
    targets: Collection[str],
) -> None:
    """Every name in needs as written is a target."""
    for place, name in _names(value, where):
        if name not in targets:
            # The suggestion is for a reader, and no reader sees more than so many.
            right = nearest(name, targets, "target") if len(findings) < MAX_PROBLEMS else ""
            findings.add(document.problem(place, f"there is no target {shown(name)}", right))


def _names(value: object, where: Where) -> Iterator[tuple[Where, str]]:
    for n, entry in enumerate(value if isinstance(value, list) else ()):
        group = entry.get("any") if isinstance(entry, dict) else None
        if isinstance(entry, str):
            yield (*where, n), entry
        elif isinstance(group, list):
            places = (((*where, n, "any", m), name) for m, name in enumerate(group))
            yield from ((place, name) for place, name in places if isinstance(name, str))


def circles(needs: Mapping[str, Needs]) -> list[list[str]]:
    """Circles among the names, each once, as the names one walks through: ``[a, b]``."""
    found: list[list[str]] = []
    done: set[str] = set()
    for start in needs:
        path: dict[str, Iterator[str]] = {}
        if start not in done:
            path[start] = _above(needs, start)
        while path:
            name = next(reversed(path))
            above = next(path[name], None)
            if above is None:
                done.add(name)
                del path[name]
            elif above in path:
                walked = list(path)
                found.append(walked[walked.index(above) :])
            elif above not in done:
                path[above] = _above(needs, above)
    return found


def _above(needs: Mapping[str, Needs], name: str) -> Iterator[str]:
    return iter([n for need in needs.get(name, ()) for n in need])


def too_deep(needs: Mapping[str, Needs]) -> Sequence[str]:
    """Names that stand behind more than MAX_DEPTH others in a row; for needs without circles."""
    layer, depth = set(needs), 0
    while layer and depth <= MAX_DEPTH:
        # After n rounds: the names from which n steps up are possible.
        layer = {n for n in needs if any(a in layer for need in needs[n] for a in need)}
        depth += 1
    return sorted(layer)
