"""What pydantic found wrong, in sentences for the person who wrote the file."""

import bisect
import difflib
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

Context = Mapping[str, Any]

# What somebody may have typed as itself where a reference belongs is never repeated.
_TOUCHY = re.compile(r"pass|pwd|secret|token|key|url|auth|cookie|header|communit", re.IGNORECASE)

SHOWN = 12  # names that fit a line
NEIGHBOURS = 100


def shown(value: object) -> str:
    """A value as it may be repeated to its writer: short, printable, kinds by name."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | str):
        text = "".join(c for c in str(value)[:40] if c.isprintable())
        return f'"{text}"' if isinstance(value, str) else text
    return "a mapping" if isinstance(value, Mapping) else "a list"


def no_text(value: object) -> tuple[str, str]:
    """What is said of a value that should be text."""
    quoted = isinstance(value, bool | int | float)
    return f"expected text, found {shown(value)}", "put it in quotes" if quoted else ""


def nearest(name: str, valid: Iterable[str], what: str = "name") -> str:
    """``did you mean "x"?``, or the valid ones where nothing is near."""
    names = sorted(valid)
    if near := difflib.get_close_matches(name, _around(name, names), n=1):
        return f'did you mean "{near[0]}"?'
    if not names:
        return f"there is no {what} yet"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"valid {what}s: {', '.join(names[:SHOWN])}{more}"


def _around(name: str, names: list[str]) -> list[str]:
    """Of thousands of names only the neighbours: comparing them all takes 0.1 s a name."""
    at = bisect.bisect(names, name)
    return names[max(0, at - NEIGHBOURS) : at + NEIGHBOURS]


def sentence(error: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    """(what is wrong, what would be right) for one of pydantic's errors."""
    kind, context = error["type"], error.get("ctx", {})
    key = str(error["loc"][-1]) if error["loc"] else ""
    if kind == "extra_forbidden":
        return "unknown key", nearest(key, keys_at(model, error["loc"][:-1]), "key")
    if kind == "missing":
        return "is missing", f"write {key}: ..."
    if kind in ("value_error", "assertion_error"):
        wrong, _, right = str(context.get("error", "is not accepted")).partition("; ")
        return wrong, right
    if kind == "string_type" and not _touchy(error):
        return no_text(error["input"])
    expected = EXPECTED.get(kind, _other)(context, kind)
    return f"expected {expected}, found {_found(error)}", ""


def _touchy(error: ErrorDetails) -> bool:
    return any(_TOUCHY.search(str(step)) for step in error["loc"])


def _found(error: ErrorDetails) -> str:
    return "something else" if _touchy(error) else shown(error["input"])


def _other(_: Context, kind: str) -> str:
    return f"something else here ({kind.replace('_', ' ')})"


def _plain(text: str) -> Callable[[Context, str], str]:
    return lambda _context, _kind: text


def _bound(words: str, name: str) -> Callable[[Context, str], str]:
    def said(context: Context, _: str) -> str:
        bound = context.get(name)
        return (
            f"{words} {int(bound) if isinstance(bound, float) and bound == int(bound) else bound}"
        )

    return said


def _count(words: str, name: str, one: str, many: str) -> Callable[[Context, str], str]:
    def said(context: Context, _: str) -> str:
        number = context.get(name)
        return f"{words} {number} {one if number == 1 else many}"

    return said


_TEXT, _WHOLE, _NUMBER = _plain("text"), _plain("a whole number"), _plain("a number")
_YES_NO, _LIST, _MAPPING = _plain("true or false"), _plain("a list"), _plain("a mapping")
_ONE_OF = {
    "literal_error": lambda c, _: "one of " + str(c.get("expected", "")).replace("'", ""),
    "enum": lambda c, _: "one of " + str(c.get("expected", "")).replace("'", ""),
}
EXPECTED: Mapping[str, Callable[[Context, str], str]] = {
    "string_type": _TEXT,
    "string_too_short": _count("at least", "min_length", "character", "characters"),
    "string_too_long": _count("at most", "max_length", "character", "characters"),
    "string_pattern_mismatch": lambda c, _: f"text that matches {c.get('pattern')}",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _YES_NO,
    "bool_parsing": _YES_NO,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "too_short": _count("at least", "min_length", "entry", "entries"),
    "too_long": _count("at most", "max_length", "entry", "entries"),
    "greater_than": _bound("more than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "none_required": _plain("nothing"),
    "time_delta_type": _plain("a duration like 30s"),
    "time_delta_parsing": _plain("a duration like 30s"),
    "path_type": _plain("a path"),
    **_ONE_OF,
}


def keys_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that are valid at a place inside a model."""
    here: type[BaseModel] | None = model
    for step in loc:
        if isinstance(step, str) and here and step in _fields(here):
            here = _model_in(_fields(here)[step])
    return list(_fields(here)) if here else []


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {f.alias or name: f.annotation for name, f in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inside = (_model_in(arg) for arg in typing.get_args(annotation))
    return next((found for found in inside if found), None)
