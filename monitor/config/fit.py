"""Fits a piece of a document to a model; what does not fit becomes findings with lines."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from monitor.config.findings import Findings
from monitor.config.sentences import sentence, shown
from monitor.config.yamlpos import Document, Where

M = TypeVar("M", bound=BaseModel)


def fit(
    model: type[M], value: object, document: Document, where: Where, findings: Findings
) -> M | None:
    """The model, or None with every reason among the findings."""
    if not isinstance(value, dict):
        wrong = f"expected a mapping, found {shown(value)}"
        findings.add(document.problem(where, wrong))
        return None
    try:
        return model.model_validate(value)
    except ValidationError as e:
        said: dict[Where, list[tuple[str, str]]] = {}
        for error in e.errors(include_url=False):
            place = _written(error, value)
            said.setdefault(place, []).append(sentence(error, model))
        for place, sentences in said.items():
            wrong, right = _as_one(sentences)
            findings.add(document.problem((*where, *place), wrong, right))
        return None


def _written(error: ErrorDetails, value: object) -> Where:
    """The error's place as far as it is written down: pydantic adds steps of its own."""
    *steps, last = error["loc"] or ("",)
    place: list[str | int] = []
    for step in (*steps, last):
        inside = _inside(value, step)
        if inside is not None or (step is last and error["type"] == "missing"):
            place.append(step)
            value = inside[0] if inside else None
    return tuple(place)


def _inside(value: object, step: str | int) -> tuple[object] | None:
    if isinstance(value, dict) and step in value:
        return (value[step],)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return (value[step],)
    return None


def _as_one(sentences: list[tuple[str, str]]) -> tuple[str, str]:
    """Where one of several forms is allowed, every form has its own complaint."""
    heads = [wrong.rpartition(", found ")[0].removeprefix("expected ") for wrong, _ in sentences]
    if len(sentences) == 1 or not all(heads):
        return sentences[0]
    found = sentences[0][0].rpartition(", found ")[2]
    return f"expected {' or '.join(dict.fromkeys(heads))}, found {found}", ""


def entries(value: object, document: Document, where: Where, findings: Findings) -> list[object]:
    """A list's entries; nothing written is an empty list."""
    if value is None:
        return []
    if not isinstance(value, list):
        findings.add(document.problem(where, f"expected a list, found {shown(value)}"))
        return []
    return value


def section(
    data: object, name: str, document: Document, where: Where, findings: Findings
) -> dict[str, object]:
    """A mapping under a key; a section that is not there, or empty, is an empty mapping."""
    value = data.get(name) if isinstance(data, dict) else None
    if value is None:
        return {}
    if not isinstance(value, dict):
        wrong = f"expected a mapping, found {shown(value)}"
        findings.add(document.problem((*where, name), wrong))
        return {}
    return value
