"""
The tables of keys in docs/configuration.md, made from the models.

``python tests/config_tables.py`` writes them; test_config_docs.py compares.
"""

import re
import sys
from datetime import timedelta
from pathlib import Path
from types import UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import annotated_types as at  # noqa: E402 - after the path is set
from pydantic import AfterValidator, SecretStr  # noqa: E402 - likewise
from pydantic.fields import FieldInfo  # noqa: E402 - likewise

from monitor.config import durations, models  # noqa: E402 - likewise
from monitor.config.channels import WebhookConfig, WecomBotConfig  # noqa: E402 - likewise

DOC = ROOT / "docs/configuration.md"
SECTIONS = {
    "daemon": models.DaemonShape,
    "daemon.log": models.LogShape,
    "plan": models.PlanShape,
    "defaults": models.DefaultsShape,
    "inventory.systems[]": models.SystemShape,
    "inventory.targets[]": models.TargetShape,
    "people[]": models.PersonShape,
    "channels.NAME (webhook)": WebhookConfig,
    "channels.NAME (wecom_bot)": WecomBotConfig,
    "store": models.StoreShape,
    "web": models.WebShape,
}
WORDS = {
    bool: "true or false", int: "whole number", float: "number", str: "text",
    timedelta: "duration", SecretStr: "secret",
}  # fmt: skip
BY_KEY = {
    "labels": "mapping of texts", "depends_on": "list of needs", "needs": "list of needs",
    "options": "mapping",
}  # fmt: skip


def kind(annotation, metadata=()):
    """A type in words, with its bounds."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind(args[0], (*args[1:], *metadata))
    if origin in (Union, UnionType):
        return kind(next(a for a in args if a is not type(None)), metadata)
    if origin is Literal:
        return " or ".join(f"`{a}`" for a in args)
    word = f"list of {kind(args[0])}s" if origin is list else WORDS.get(annotation, "mapping")
    return word + bounds(metadata)


def bounds(metadata):
    flat = [r for m in metadata for r in (m.metadata if isinstance(m, FieldInfo) else [m])]
    found = []
    for rule in flat:
        if isinstance(rule, at.Ge):
            found.append(f"at least {rule.ge}")
        if isinstance(rule, at.Gt):
            found.append(f"more than {rule.gt}")
        if isinstance(rule, at.Le):
            found.append(f"at most {rule.le}")
        if isinstance(rule, AfterValidator) and (rule.func.__doc__ or "").startswith("from "):
            found.append(rule.func.__doc__)
    return ", " + ", ".join(found) if found else ""


def default(field):
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, timedelta):
        return f"`{durations.text(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value is None or value in ([], {}) or not isinstance(value, (str, int, float)):
        return "–"
    return f"`{value}`"


def table(model):
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        key = field.alias or name
        said = BY_KEY.get(key) or kind(field.annotation, tuple(field.metadata))
        rows.append(f"| `{key}` | {said} | {default(field)} | {field.description} |")
    return "\n".join(rows)


def filled(text):
    """The document with every table between its marks made anew."""

    def fresh(found):
        return f"{found[1]}\n{table(SECTIONS[found[2]])}\n{found[3]}"

    return re.sub(r"(<!-- keys of (.+?) -->)\n.*?(<!-- end -->)", fresh, text, flags=re.DOTALL)


if __name__ == "__main__":
    DOC.write_text(filled(DOC.read_text(encoding="utf-8")), encoding="utf-8")
