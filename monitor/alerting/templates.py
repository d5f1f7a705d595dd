"""
Annotation and label templates: a fixed placeholder grammar, no template language.

    template = { text | "{{" pipeline "}}" }
    pipeline = command { "|" function }
    command  = operand | function operand...
    operand  = $labels | $labels.NAME | $value | $externalLabels.NAME | "text" | number

It is the part of Prometheus' templates that its published rules use; ``if``, ``range``,
``query`` and the rest are refused by name when the file is loaded. Pure.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from monitor.alerting import gotext

TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<var>\$[A-Za-z_]\w*|(?=\.[A-Za-z_]))(?P<path>(?:\.[A-Za-z_]\w*)*)
    | (?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
    | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    | (?P<word>[A-Za-z_]\w*)
    | (?P<pipe>\|)
    | (?P<other>\S)
    )""",
    re.VERBOSE,
)
ACTION: Final = re.compile(
    r"""\{\{(?P<body>(?:"(?:[^"\\\n]|\\.)*"|`[^`]*`|(?!\}\}).)*)\}\}""", re.DOTALL
)
ESCAPE: Final = re.compile(r"\\(.)")
ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}

Labels = Mapping[str, str]
Result = float | str | Labels


class TemplateError(Exception):
    """The template is outside the grammar; the message says by which word."""


@dataclass(frozen=True, slots=True)
class Operand:
    """``kind`` is labels, label, value, text or number; ``value`` the name or literal."""

    kind: str
    value: str | float = ""

    @property
    def number(self) -> bool:
        """Whether it yields a number."""
        return self.kind in ("value", "number")

    def get(self, labels: Labels, value: float) -> Result:
        """What it stands for at this sample; a missing label is empty, as in Prometheus."""
        if self.kind == "labels":
            return labels
        if self.kind == "label":
            return labels.get(str(self.value), "")
        return value if self.kind == "value" else self.value


@dataclass(frozen=True, slots=True)
class Command:
    """A function with its written arguments; the piped value comes last."""

    func: str
    args: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One ``{{ }}``: a first value, then functions applied to it in turn."""

    first: Operand | None
    commands: tuple[Command, ...]

    def render(self, labels: Labels, value: float) -> str:
        """The text it stands for. Raises ValueError for a text that is no number."""
        result: Result | None = self.first.get(labels, value) if self.first else None
        for command in self.commands:
            args = [a.get(labels, value) for a in command.args]
            result = _apply(command.func, args if result is None else [*args, result])
        return _show(result)


@dataclass(frozen=True, slots=True)
class Template:
    """A text with placeholders, checked at load; ``static`` where it holds none."""

    source: str
    parts: tuple[str | Placeholder, ...]
    static: bool

    @property
    def uses_value(self) -> bool:
        """Whether ``$value`` stands in it, which no label may hold: it would be identity."""
        return any(o.kind == "value" for p in self.parts for o in _operands(p))

    def render(self, labels: Labels, value: float) -> str:
        """The text for one sample. A failed placeholder says so in the text, as Prometheus'."""
        if self.static:
            return self.source
        try:
            return "".join(p if isinstance(p, str) else p.render(labels, value) for p in self.parts)
        except ValueError as error:
            return f"<error expanding template: {error}>"


def parse(source: str) -> Template:
    """Read a template. Raises TemplateError with the word that is outside the grammar."""
    parts: list[str | Placeholder] = []
    end, trim = 0, False
    for match in ACTION.finditer(source):
        body = match["body"]
        text = source[end : match.start()]
        parts.append(_trim(text, left=trim, right=body.startswith("- ")))
        trim = body.endswith(" -")
        parts.append(_placeholder(body.removeprefix("- ").removesuffix(" -")))
        end = match.end()
    tail = source[end:]
    if "{{" in tail:
        raise TemplateError("'{{' is not closed")
    parts.append(_trim(tail, left=trim, right=False))
    static = not any(isinstance(p, Placeholder) for p in parts)
    return Template(source, tuple(p for p in parts if p != ""), static)


def _trim(text: str, *, left: bool, right: bool) -> str:
    text = text.lstrip() if left else text
    return text.rstrip() if right else text


def _placeholder(body: str) -> Placeholder:
    groups: list[list[re.Match[str]]] = [[]]
    for match in TOKEN.finditer(body.strip()):
        if match["pipe"]:
            groups.append([])
        else:
            groups[-1].append(match)
    if not all(groups):
        raise TemplateError("an empty place in '{{" + body + "}}'")
    first: Operand | None = None
    head = groups[0]
    if not head[0]["word"]:
        first, groups = _operand(head[0]), groups[1:]
        if len(head) > 1:
            raise TemplateError(f"{head[1].group().strip()!r} is not expected after a value")
    commands = tuple(_command(g) for g in groups)
    _check(first, commands)
    return Placeholder(first, commands)


def _command(tokens: list[re.Match[str]]) -> Command:
    word = tokens[0]["word"]
    if word is None:
        raise TemplateError(f"{tokens[0].group().strip()!r} is no function")
    if word not in FUNCTIONS:
        raise TemplateError(f"{word!r} is not supported; supported: {', '.join(FUNCTIONS)}")
    return Command(word, tuple(_operand(t) for t in tokens[1:]))


def _operand(token: re.Match[str]) -> Operand:
    text = token.group().strip()
    if token["text"]:
        return Operand("text", _unquote(text))
    if token["number"]:
        return Operand("number", float(text))
    if token["var"] is None:
        raise TemplateError(f"{text!r} is not supported")
    return _variable(token["var"], token["path"].split(".")[1:])


def _variable(var: str, path: list[str]) -> Operand:
    # `.Labels.x` is what `$labels.x` is short for.
    if not var and path and path[0] in DOTTED:
        var, path = DOTTED[path[0]], path[1:]
    match var, path:
        case "$value", []:
            return Operand("value")
        case "$labels", []:
            return Operand("labels")
        case "$labels", [name]:
            return Operand("label", name)
        case "$externalLabels", [_]:
            return Operand("text", "")  # there are none: this daemon stands alone
        case _:
            name = var + "".join(f".{p}" for p in path) or "."
            raise TemplateError(f"{name!r} is not known; known: $labels.NAME, $labels, $value")


DOTTED: Final = {"Labels": "$labels", "Value": "$value", "ExternalLabels": "$externalLabels"}


def _unquote(text: str) -> str:
    if text.startswith("`"):
        return text[1:-1]
    return ESCAPE.sub(lambda m: ESCAPES.get(m[1], m[1]), text[1:-1])


def _check(first: Operand | None, commands: tuple[Command, ...]) -> None:
    """Arity and types, so that nothing but a label's own text can fail at run time."""
    piped = first
    for command in commands:
        args = (*command.args, piped) if piped else command.args
        FUNCTIONS[command.func](command.func, args)
        piped = Operand("text")


def _check_printf(name: str, args: tuple[Operand, ...]) -> None:
    if not args or args[0].kind != "text" or any(a.kind == "labels" for a in args):
        raise TemplateError(f"{name} takes a format in quotes and values")
    wrong = gotext.check_printf(str(args[0].value), tuple(a.number for a in args[1:]))
    if wrong:
        raise TemplateError(wrong)


def _check_number(name: str, args: tuple[Operand, ...]) -> None:
    if len(args) != 1 or args[0].kind == "labels":
        raise TemplateError(f"{name} takes one value")


def _check_text(name: str, args: tuple[Operand, ...]) -> None:
    if len(args) != 1 or args[0].kind == "labels" or args[0].number:
        raise TemplateError(f"{name} takes one text")


FUNCTIONS: Final[Mapping[str, Callable[[str, tuple[Operand, ...]], None]]] = {
    "printf": _check_printf,
    **dict.fromkeys(gotext.HUMANIZERS, _check_number),
    **dict.fromkeys(gotext.CASES, _check_text),
}
"""Each function with the check of its arguments."""


def _apply(func: str, args: list[Result]) -> str:
    plain = tuple(a for a in args if isinstance(a, str | float))
    if func == "printf":
        return gotext.printf(str(plain[0]), plain[1:])
    if func in gotext.CASES:
        return gotext.CASES[func](str(plain[0]))
    try:
        number = float(plain[0])
    except ValueError:
        raise ValueError(f"{plain[0]!r} is no number") from None
    return gotext.HUMANIZERS[func](number)


def _show(result: Result | None) -> str:
    if isinstance(result, Mapping):
        return "map[" + " ".join(f"{k}:{v}" for k, v in sorted(result.items())) + "]"
    return gotext.shortest(result) if isinstance(result, float) else str(result)


def _operands(part: str | Placeholder) -> tuple[Operand, ...]:
    if isinstance(part, str):
        return ()
    first = (part.first,) if part.first else ()
    return first + tuple(a for c in part.commands for a in c.args)
