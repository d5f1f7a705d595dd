"""Who can be told, and over what: the sections people and channels."""

from collections.abc import Collection

from monitor.config import planfile
from monitor.config.channels import CHANNELS, ChannelConfig
from monitor.config.fields import NAME, NO_NAME
from monitor.config.findings import Findings
from monitor.config.fit import entries, fit, section
from monitor.config.inventory import OWN
from monitor.config.models import PersonShape
from monitor.config.sentences import nearest, shown
from monitor.config.yamlpos import Document, Where
from monitor.model.person import DIRECTOR, ON_DUTY, ROLE_TITLES, Person

NEEDED = (ON_DUTY, DIRECTOR)  # without them a step of the plan would reach nobody


def channels(document: Document, findings: Findings) -> dict[str, ChannelConfig]:
    """The channels by name, in the file's order."""
    found: dict[str, ChannelConfig] = {}
    for name, value in section(document.data, "channels", document, (), findings).items():
        where: Where = ("channels", name)
        if not NAME.fullmatch(name):
            findings.add(document.problem(where, *NO_NAME.split("; ")))
        if channel := _channel(value, document, where, findings):
            found[name] = channel
    return found


def _channel(
    value: object, document: Document, where: Where, findings: Findings
) -> ChannelConfig | None:
    if not isinstance(value, dict):
        findings.add(document.problem(where, f"expected a mapping, found {shown(value)}"))
        return None
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in CHANNELS:
        wrong = f"there is no channel kind {shown(kind)}" if "kind" in value else "is missing"
        right = nearest(str(kind), CHANNELS, "kind")
        findings.add(document.problem((*where, "kind"), wrong, right))
        return None
    return fit(CHANNELS[kind], value, document, where, findings)


def people(document: Document, findings: Findings) -> tuple[Person, ...]:
    """The people, in the file's order."""
    data = document.data if isinstance(document.data, dict) else {}
    written = data.get("channels")
    known = written if isinstance(written, dict) else {}
    found: dict[str, Person] = {}
    values = entries(data.get("people"), document, ("people",), findings)
    for n, value in enumerate(values):
        where: Where = ("people", n)
        person = _person(value, document, where, findings, known)
        if person and person.name == OWN:
            wrong = f"{OWN} is how the daemon itself signs what it does"
            findings.add(document.problem((*where, "name"), wrong, "choose another name"))
        if person and person.name in found:
            findings.add(planfile.twice(document, (*where, "name"), "person", person.name))
        elif person:
            found[person.name] = person
    given = {role for value in values for role in _roles(value)}
    for role in NEEDED:
        if role not in given:
            wrong = f"nobody has the role {role} ({ROLE_TITLES[role]})"
            right = f"give it to somebody: roles: [{role}]"
            findings.add(document.problem(("people",), wrong, right))
    return tuple(found.values())


def _person(
    value: object,
    document: Document,
    where: Where,
    findings: Findings,
    known: Collection[str],
) -> Person | None:
    shape = fit(PersonShape, value, document, where, findings)
    # As written, so that a slip in the telephone number does not hide these.
    roles = planfile.check_roles(_texts(value, "roles"), document, (*where, "roles"), findings)
    for n, name in enumerate(_texts(value, "channels")):
        if name not in known:
            wrong, right = f"there is no channel {shown(name)}", nearest(name, known, "channel")
            findings.add(document.problem((*where, "channels", n), wrong, right))
    if shape is None:
        return None
    return Person(shape.name, shape.phone, roles, tuple(dict.fromkeys(shape.channels)))


def _texts(value: object, key: str) -> list[str]:
    """A list of texts as written; nothing where it is anything else, which is said elsewhere."""
    listed = value.get(key) if isinstance(value, dict) else None
    return listed if isinstance(listed, list) and all(isinstance(t, str) for t in listed) else []


def _roles(value: object) -> list[str]:
    """Roles as written, even where the person has other mistakes."""
    roles = value.get("roles") if isinstance(value, dict) else None
    listed = roles if isinstance(roles, list) else [roles]
    return [role for role in listed if isinstance(role, str)]
