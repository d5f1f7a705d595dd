"""Fits a piece of a document to a model; what does not fit becomes findings with lines."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

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
        for error in e.errors(include_url=False):
            wrong, right = sentence(error, model)
            findings.add(document.problem((*where, *_written(error["loc"])), wrong, right))
        return None


def _written(loc: tuple[int | str, ...]) -> Where:
    # pydantic adds "[key]" where the key itself does not fit.
    return tuple(step for step in loc if step != "[key]")


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
