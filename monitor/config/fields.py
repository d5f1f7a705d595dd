"""The kinds of value that a configuration is made of. Strict: "5" is no number, 1 no yes."""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, StringConstraints

MAX_NAME = 63  # as a DNS label: it stands in label values, file names and SMS
MAX_TITLE = 40  # an SMS has 70 characters for everything
NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
SYSTEM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
STEP_NAME = re.compile(r"[a-z][a-z0-9_]*")
PHONE = re.compile(r"\+?[0-9][0-9 -]{1,22}[0-9]")


class Shape(BaseModel):
    """Base of every section: frozen, no unknown keys, no default left unchecked."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def one_line(text: str) -> str:
    """Refuse what would break a line of a message or a log."""
    if not text.isprintable():
        raise ValueError("holds a line break or a control character; write one line of text")
    if text != text.strip():
        raise ValueError("begins or ends with a blank; take it away")
    return text


def matching(pattern: re.Pattern[str], sentence: str) -> Callable[[str], str]:
    """Refuse, with a sentence, text that is not wholly of a pattern."""

    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(sentence)
        return text

    return check


NO_NAME = "is no name; use a-z, 0-9, dot, hyphen and underscore, a letter or digit first"
_SYSTEM_SENTENCE = "is no name; use letters, digits, dot, hyphen and underscore, no blanks"
_STEP_SENTENCE = "is no step's name; use a-z, 0-9 and underscore, a letter first"
_PHONE_SENTENCE = 'is no telephone number; write digits in quotes, like "13800000000"'

Text = Annotated[str, AfterValidator(one_line)]
Title = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_TITLE), AfterValidator(one_line)
]
Name = Annotated[
    str, StringConstraints(max_length=MAX_NAME), AfterValidator(matching(NAME, NO_NAME))
]
SystemName = Annotated[
    str,
    StringConstraints(max_length=MAX_NAME),
    AfterValidator(matching(SYSTEM_NAME, _SYSTEM_SENTENCE)),
]
StepName = Annotated[
    str,
    StringConstraints(max_length=MAX_NAME),
    AfterValidator(matching(STEP_NAME, _STEP_SENTENCE)),
]
Phone = Annotated[str, AfterValidator(matching(PHONE, _PHONE_SENTENCE))]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
YesNo = Annotated[bool, Strict()]
Level = Annotated[Whole, Field(ge=1, le=3)]
