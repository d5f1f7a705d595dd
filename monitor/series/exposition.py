"""
/metrics: every target's current values, in text format 0.0.4 or OpenMetrics 1.0.

Recorded series and ALERTS are left out: a Prometheus that loads the same rules makes
its own. The daemon's registry is rendered by prometheus-client and stands in the same
body, a family that targets have too (process_*) given once. No timestamps.
Called from the event loop's thread; compressing is the web layer's.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from monitor.model.reading import Metric
from monitor.series.families import Family, families, openmetrics
from monitor.series.lines import lines
from monitor.series.own import OWN, own_metrics
from monitor.series.store import Series

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_OWN_BODY: Mapping[str, Callable[[CollectorRegistry], bytes]] = {
    TEXT: generate_latest,
    OPENMETRICS: generate_openmetrics,
}

OwnLines = Mapping[str, list[tuple[int, str]]]
"""By sample name: place in prometheus-client's order, and the line."""


def render(series: Series, accept: str, own: CollectorRegistry) -> tuple[bytes, str]:
    """The body and its content type, by the request's Accept header ("" takes text)."""
    form = negotiate(accept)
    mine = _own_lines(_OWN_BODY[form](own).decode())
    found = families(_declared(series, own_metrics(own)), {*series.polled, *mine})
    taken = frozenset(family.name for family in found)
    parts: list[str] = []
    for family in found:
        if body := _body(series, family, mine):
            head = _openmetrics_head if form == OPENMETRICS else _text_head
            parts += (head(family, taken), body)
    if form == OPENMETRICS:
        parts.append("# EOF\n")
    return "".join(parts).encode(errors="replace"), form


def negotiate(accept: str) -> str:
    """
    The content type for an Accept header (RFC 9110, 12.5.1): OpenMetrics when it is
    asked for by name with the highest weight of what we have, otherwise text.
    """
    best, form = 0.0, TEXT
    for item in accept.split(","):
        media, *rest = (part.strip().lower() for part in item.split(";"))
        given = dict(part.split("=", 1) for part in rest if "=" in part)
        offer = _offer(media, given.get("version", "").strip('"'))
        weight = _weight(given.get("q", "1"))
        if offer and (weight > best or (weight == best > 0 and offer == OPENMETRICS)):
            best, form = weight, offer
    return form


def _offer(media: str, version: str) -> str:
    match media, version:
        case "application/openmetrics-text", "" | "1.0.0" | "0.0.1":  # 0.0.1 is 1.0.0's draft
            return OPENMETRICS
        case "text/plain", "" | "0.0.4":
            return TEXT
        case "*/*" | "text/*", _:
            return TEXT
    return ""


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def _own_lines(body: str) -> OwnLines:
    found: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for place, line in enumerate(body.splitlines(keepends=True)):
        name = line.partition(" ")[0].partition("{")[0]
        if name not in {"#", ""} and not name.endswith("_created"):
            found[name].append((place, line))
    return found


def _declared(series: Series, mine: Mapping[str, Metric]) -> Iterable[Mapping[str, Metric]]:
    """Every mapping once: the targets of one kind share theirs."""
    theirs = (m for name, held in series.held.items() if name != OWN for m in held.declared)
    return {id(mapping): mapping for mapping in (mine, *theirs)}.values()


def _body(series: Series, family: Family, mine: OwnLines) -> str:
    own = sorted(entry for name in family.members for entry in mine.get(name, ()))
    members = [matrix for name in family.members if (matrix := series.polled.get(name))]
    rest = lines(members).text(members) if members else ""
    return "".join(line for _, line in own) + rest


def _text_head(family: Family, _: Iterable[str]) -> str:
    kind = "untyped" if family.type == "unknown" else family.type
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    told = f"# HELP {family.name} {text}\n" if text else ""
    return f"{told}# TYPE {family.name} {kind}\n"


def _openmetrics_head(family: Family, taken: frozenset[str]) -> str:
    name, kind = openmetrics(family, taken)
    text = family.help.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    told = f"# HELP {name} {text}\n" if text else ""
    return f"{told}# TYPE {name} {kind}\n"
