"""
PromQL text to our own tree (``ast``), checked once, at load.

The grammar is the ``promql-parser`` wheel's; nothing else imports it. Whatever the
evaluator cannot do is refused here by name, so that evaluation never meets it.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import promql_parser as wheel

from monitor.promql import ast, subquery
from monitor.promql.aggregation import AGGREGATIONS
from monitor.promql.errors import PromqlError
from monitor.promql.functions import FUNCTIONS
from monitor.promql.labels import CHECKS, LABEL_NAME, check_name
from monitor.promql.matchers import compiled

# The wheel recurses on the native stack and aborts the process at about 20,000 levels
# (measured with 0.12.0); 5,000 characters cannot nest that deep.
LONGEST = 5_000
DEEPEST = 100  # levels of our own tree: Python's recursion limit, with room to spare

MATCH_OPS = {
    str(wheel.MatchOp.Equal): "=",
    str(wheel.MatchOp.NotEqual): "!=",
    str(wheel.MatchOp.Re): "=~",
    str(wheel.MatchOp.NotRe): "!~",
}
CARDS = {
    str(wheel.VectorMatchCardinality.OneToOne): "one-to-one",
    str(wheel.VectorMatchCardinality.ManyToOne): "many-to-one",
    str(wheel.VectorMatchCardinality.OneToMany): "one-to-many",
    str(wheel.VectorMatchCardinality.ManyToMany): "many-to-many",
}
SET_OPS = ("and", "or", "unless")

# The wheel says "invalid promql query" where it does not know a construct of Prometheus 3.
# Looked for outside strings, in this order.
UNKNOWN_CONSTRUCTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(anchored|smoothed)\b"), "the modifier {0} is not supported"),
    (re.compile(r"(</|>/)"), "the native histogram operator {0} is not supported"),
    (
        re.compile(r"\[[^\]]*([-+*/^]|\b(?:step|range|max_of|min_of)\()[^\]]*\]"),
        "arithmetic on durations is not supported; write the duration as a number, as in [5m]",
    ),
    (re.compile(r"([^\x00-\x7f])"), "a bare name must be ASCII; {0} is not"),
)
STRINGS = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`", re.DOTALL)

AT = re.compile(r"@ ([0-9.]+)")
BEFORE_1970 = re.compile(r"@\s*-")  # the wheel would read it as 0


def parse(text: str) -> ast.Expr:
    """
    The tree of an instant-vector or scalar expression.

    Raises PromqlError for anything outside the subset, naming it.
    """
    if len(text) > LONGEST:
        raise PromqlError(f"the expression is longer than {LONGEST} characters")
    try:
        node = wheel.parse(text)
    except ValueError as error:
        raise PromqlError(_sentence(text, str(error))) from None
    if BEFORE_1970.search(STRINGS.sub('""', text)):
        raise PromqlError("@ before 1970 is not supported")
    expr = _convert(node, DEEPEST)
    if isinstance(expr, ast.String):
        raise PromqlError("the expression is a string; a rule needs a number or a vector")
    if ast.is_range(expr):
        raise PromqlError("the expression is a range vector; wrap it in a function such as rate()")
    return expr


def _sentence(text: str, said: str) -> str:
    """The wheel's message, or a better one where it only says that it is invalid."""
    bare = STRINGS.sub('""', text)
    for pattern, sentence in UNKNOWN_CONSTRUCTS:
        if found := pattern.search(bare):
            return sentence.format(found[1])
    if said == "invalid promql query":
        return "not a PromQL expression"
    return said


def _convert(node: Any, depth: int) -> ast.Expr:
    if depth == 0:
        raise PromqlError(f"the expression is nested more than {DEEPEST} levels deep")
    convert = CONVERTERS.get(type(node))
    if convert is None:
        raise PromqlError(f"{type(node).__name__} is not supported")
    return convert(node, depth - 1)


def _paren(node: Any, depth: int) -> ast.Expr:
    return _convert(node.expr, depth)


def _number(node: Any, _depth: int) -> ast.Expr:
    return ast.Number(node.val)


def _string(node: Any, _depth: int) -> ast.Expr:
    return ast.String(node.val)


def _unary(node: Any, depth: int) -> ast.Expr:
    return ast.Unary(_convert(node.expr, depth))


def _selector(node: Any, _depth: int = 0) -> ast.Selector:
    if node.matchers.or_matchers:
        raise PromqlError("`or` between label matchers is not supported; use a regular expression")
    matchers = [_matcher(m) for m in node.matchers.matchers]
    if node.name is not None:
        matchers.insert(0, ast.Matcher("__name__", "=", node.name))
    return ast.Selector(tuple(matchers), None, _seconds(node.offset), _at(node))


def _range(node: Any, depth: int) -> ast.Expr:
    inner = _selector(node.vector_selector, depth)
    return ast.Selector(inner.matchers, _seconds(node.range), inner.offset, inner.at)


def _subquery(node: Any, depth: int) -> ast.Expr:
    step = _seconds(node.step) if node.step is not None else None
    inner = _convert(node.expr, depth)
    made = ast.Subquery(inner, _seconds(node.range), step, _seconds(node.offset), _at(node))
    subquery.check(made)
    return made


def _call(node: Any, depth: int) -> ast.Expr:
    name = node.func.name
    if name not in FUNCTIONS:
        raise PromqlError(f"the function {name}() is not supported")
    call = ast.Call(name, tuple(_convert(arg, depth) for arg in node.args))
    if name in CHECKS:
        CHECKS[name](call)
    return call


def _aggregate(node: Any, depth: int) -> ast.Expr:
    op = str(node.op)
    if op not in AGGREGATIONS:
        raise PromqlError(f"the aggregation {op}() is not supported")
    labels: tuple[str, ...] = ()
    without = False
    if node.modifier is not None:
        labels = _names(node.modifier.labels)
        without = str(node.modifier.type) == str(wheel.AggModifierType.Without)
    param = None if node.param is None else _convert(node.param, depth)
    if isinstance(param, ast.String):  # count_values only: the wheel checks the type
        check_name(param.value, op)
    return ast.Aggregate(op, _convert(node.expr, depth), labels, without, param)


def _binary(node: Any, depth: int) -> ast.Expr:
    left, right = _convert(node.lhs, depth), _convert(node.rhs, depth)
    op, modifier = str(node.op), node.modifier
    if modifier is None:
        card = "many-to-many" if op in SET_OPS else "one-to-one"
        return ast.Binary(op, left, right, matching=ast.Matching(card=card))
    fill = modifier.fill_values
    if fill is not None and (fill.lhs is not None or fill.rhs is not None):
        raise PromqlError("the modifier fill() is not supported")
    on = False
    labels: tuple[str, ...] = ()
    if modifier.matching is not None:
        on = str(modifier.matching.type) == str(wheel.LabelModifierType.Include)
        labels = _names(modifier.matching.labels)
    card = "many-to-many" if op in SET_OPS else CARDS[str(modifier.card)]
    matching = ast.Matching(on, labels, card, _names(modifier.group_labels or ()))
    return ast.Binary(op, left, right, bool(modifier.return_bool), matching)


CONVERTERS: Mapping[type, Callable[[Any, int], ast.Expr]] = {
    wheel.ParenExpr: _paren,
    wheel.NumberLiteral: _number,
    wheel.StringLiteral: _string,
    wheel.UnaryExpr: _unary,
    wheel.VectorSelector: _selector,
    wheel.MatrixSelector: _range,
    wheel.SubqueryExpr: _subquery,
    wheel.Call: _call,
    wheel.AggregateExpr: _aggregate,
    wheel.BinaryExpr: _binary,
}


def _matcher(node: Any) -> ast.Matcher:
    matcher = ast.Matcher(node.name, MATCH_OPS[str(node.op)], node.value)
    if matcher.op in ("=~", "!~"):
        compiled(matcher.value)  # refuses what RE2 does not accept
    return matcher


def _names(labels: Any) -> tuple[str, ...]:
    for name in labels:
        if not LABEL_NAME.fullmatch(name):
            raise PromqlError(f"invalid label name {name!r}")
    return tuple(sorted(set(labels)))


def _seconds(duration: timedelta | None) -> float:
    return 0.0 if duration is None else duration.total_seconds()


def _at(node: Any) -> float | None:
    """
    The fixed instant of ``@``, read from the node's text: the wheel's own getter
    panics before 1970 and overflows after the year 9999 (0.12.0).
    """
    if node.at is None:
        return None
    if str(node.at.type) != str(wheel.AtModifierType.At):
        raise PromqlError("@ start() and @ end() are not supported; a rule has one instant")
    return float(AT.findall(STRINGS.sub('""', node.prettify()))[-1])
