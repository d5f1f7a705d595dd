"""Rule files: what is accepted, and the sentence and line for everything that is not."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import shared

from monitor.alerting import files
from monitor.alerting.yamlfile import ProblemsError

GOOD = """
groups:
- name: one
  interval: 1m
  limit: 5
  rules:
  - record: system:up:ratio
    expr: avg by (system) (probe_success)
    labels: {level: 1}
  - alert: Down
    expr: probe_success == 0
    for: 1m30s
    keep_firing_for: 5m
    labels: {fault_class: class1, severity: critical, scope: system}
    annotations: {summary: '{{ $labels.title }}失联', zhiban_on_missing: resolve}
  - alert: Down
    expr: avg_over_time(probe_success[10m] offset 5m) < 0.5 or absent(probe_success)
    labels: {fault_class: class2, severity: warning}
"""


def write(tmp_path, text, name="rules.yml"):
    path = tmp_path / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def problems(tmp_path, text, **more):
    with pytest.raises(files.RuleFilesError) as error:
        files.load([write(tmp_path, text)], **more)
    return [str(p).replace(str(tmp_path) + "/", "") for p in error.value.problems]


def test_a_whole_file(tmp_path):
    """
    Everything a rule says is there, in base units.
    """
    (group,) = files.load([write(tmp_path, GOOD)]).groups
    record, down, worse = group.rules
    assert (group.name, group.interval, group.limit, group.line) == ("one", 60.0, 5, 3)
    assert (record.name, record.labels, record.line) == ("system:up:ratio", (("level", "1"),), 7)
    assert (down.name, down.hold, down.keep, down.window) == ("Down", 90.0, 300.0, 0.0)
    assert (down.resolves_on_missing, down.absence) == (True, False)
    assert down.static == {"fault_class": "class1", "severity": "critical", "scope": "system"}
    assert (worse.hold, worse.window, worse.absence) == (0.0, 900.0, True)
    assert not worse.resolves_on_missing


def test_defaults_give_what_a_rule_lacks(tmp_path):
    """
    A published rule gets its class from the table, and keeps the labels it has.
    """
    text = "groups: [{name: g, rules: [{alert: A, expr: x, labels: {severity: critical}}]}]"
    given = {"fault_class": "hazard", "severity": "info"}
    rules = files.load([write(tmp_path, text)], defaults=given)
    ((_, rule),) = rules.alerts()
    assert rule.static == {"fault_class": "hazard", "severity": "critical"}


LABELS = "labels: {fault_class: class1, severity: info}"
# What stands in one rule's place, and all that is said about it. The rule begins on line 4.
BAD_RULES = {
    "unknown field": (
        f"{{alert: A, expr: x, {LABELS}, fro: 5m}}",
        ["4: groups[0].rules[0].fro: is an unknown field; did you mean for?"],
    ),
    "unknown field far from all": (
        f"{{alert: A, expr: x, {LABELS}, escalation: 5m}}",
        [
            (
                "4: groups[0].rules[0].escalation: is an unknown field; known fields: alert,"
                " record, expr, for, keep_firing_for, labels, annotations"
            )
        ],
    ),
    "neither alert nor record": (
        "{expr: x}",
        ["4: groups[0].rules[0]: needs either alert or record; give exactly one"],
    ),
    "both alert and record": (
        "{alert: A, record: a, expr: x}",
        ["4: groups[0].rules[0]: needs either alert or record; give exactly one"],
    ),
    "not a mapping": (
        "just text",
        ["4: groups[0].rules[0]: is a single value; a mapping is expected"],
    ),
    "no expression": (
        f"{{alert: A, {LABELS}}}",
        ["4: groups[0].rules[0](A).expr: is missing"],
    ),
    "bad durations": (
        f"{{alert: A, expr: x, for: 5 minutes, keep_firing_for: 1h1d, {LABELS}}}",
        [
            "4: groups[0].rules[0](A).for: '5 minutes' is no duration; write it like 30s or 1h30m",
            (
                "4: groups[0].rules[0](A).keep_firing_for: '1h1d' is no duration;"
                " write it like 30s or 1h30m"
            ),
        ],
    ),
    "window longer than the buffer": (
        f"{{alert: A, expr: 'rate(x[90m] offset 31m) > 0', {LABELS}}}",
        [
            (
                "4: groups[0].rules[0](A).expr: looks back 7260 seconds, and 7200 are kept;"
                " shorten the window, or use a zhiban_baseline_* series"
            )
        ],
    ),
    "fixed instant": (
        f"{{alert: A, expr: 'x @ 100', {LABELS}}}",
        [
            (
                "4: groups[0].rules[0](A).expr: looks at a fixed instant;"
                " leave out @: a rule is judged at the present instant"
            )
        ],
    ),
    "no class": (
        "{alert: A, expr: x, labels: {severity: info}}",
        [
            (
                "4: groups[0].rules[0](A).labels.fault_class: is missing;"
                " one of class1, class2, class3, other, hazard"
            )
        ],
    ),
    "bad words": (
        "{alert: A, expr: x, labels: {fault_class: c1, severity: page, scope: all}}",
        [
            (
                "4: groups[0].rules[0](A).labels.fault_class: 'c1' is none of its words;"
                " one of class1, class2, class3, other, hazard"
            ),
            (
                "4: groups[0].rules[0](A).labels.severity: 'page' is none of its words;"
                " one of critical, warning, info"
            ),
            (
                "4: groups[0].rules[0](A).labels.scope: 'all' is none of its words;"
                " one of whole, system, local, single"
            ),
        ],
    ),
    "value in a label": (
        "{alert: A, expr: x, labels: {fault_class: class1, severity: info, v: '{{ $value }}'}}",
        [
            (
                "4: groups[0].rules[0](A).labels.v: holds $value, so each evaluation would make"
                " another alert; put $value into an annotation"
            )
        ],
    ),
    "label names": (
        "{alert: A, expr: x, labels: {fault_class: class1, severity: info, a-b: x, __name__: y}}",
        [
            "4: groups[0].rules[0](A).labels.a-b: 'a-b' is no label name; like severity",
            "4: groups[0].rules[0](A).labels.__name__: '__name__' is no label name; like severity",
        ],
    ),
    "template": (
        f"{{alert: A, expr: x, {LABELS}, annotations: {{s: '{{{{ if 1 }}}}'}}}}",
        [
            (
                "4: groups[0].rules[0](A).annotations.s: 'if' is not supported; supported: printf,"
                " humanize, humanize1024, humanizeDuration, humanizePercentage, humanizeTimestamp,"
                " title, toUpper, toLower"
            )
        ],
    ),
    "on missing": (
        f"{{alert: A, expr: x, {LABELS}, annotations: {{zhiban_on_missing: stay}}}}",
        [
            (
                "4: groups[0].rules[0](A).annotations.zhiban_on_missing: 'stay' is none of its"
                " words; resolve"
            )
        ],
    ),
    "a recording rule with what alerts have": (
        "{record: 'a b', expr: x, for: 1m, labels: {l: '{{ $labels.x }}'}}",
        [
            "4: groups[0].rules[0].record: 'a b' is no metric name; like system:up:ratio",
            "4: groups[0].rules[0](a b).for: has no meaning in a recording rule",
            "4: groups[0].rules[0](a b).labels.l: is a template; a recording rule has none",
        ],
    ),
    "a key twice": (
        f"{{alert: A, expr: x, expr: y, {LABELS}}}",
        ["4: groups[0].rules[0].expr: stands here twice; keep one"],
    ),
}


@pytest.mark.parametrize(("rule", "said"), BAD_RULES.values(), ids=BAD_RULES)
def test_bad_rule(tmp_path, rule, said):
    text = f"groups:\n- name: g\n  rules:\n  - {rule}\n"
    assert problems(tmp_path, text) == [f"rules.yml:{s}" for s in said]


def test_an_expression_outside_the_subset_is_named(tmp_path):
    """
    The engine's own sentence stands at the expression's line.
    """
    text = f"""
    groups:
    - name: g
      rules:
      - alert: A
        {LABELS}
        expr: |
          rate(x)
      - alert: B
        {LABELS}
        expr: sum(
    """
    first, second = problems(tmp_path, text)
    assert first.startswith("rules.yml:7: groups[0].rules[0](A).expr: ")
    assert second.startswith("rules.yml:11: groups[0].rules[1](B).expr: ")


BAD_FILES = {
    "not YAML": ("groups: [", "rules.yml:2: is not YAML: did not find expected node content"),
    "a tab": ("groups:\n\t- name: g", "rules.yml:2: is not YAML: "),
    "empty": ("", "rules.yml: groups: is missing; a file begins with groups:"),
    "a list": ("- a", "rules.yml:1: is a list; a mapping is expected"),
    "groups is a text": ("groups: x", "rules.yml:1: groups: is a single value; a list is expected"),
    "group without a name": ("groups: [{rules: []}]", "groups[0].name: is missing; give the group"),
    "bad interval": ("groups: [{name: g, interval: 1}]", "interval: '1' is no duration"),
    "bad limit": ("groups: [{name: g, limit: many}]", "limit: 'many' is no whole number"),
    "query_offset": (
        "groups: [{name: g, query_offset: 1m}]",
        "query_offset: not supported; leave it out: samples here are never late",
    ),
    "two groups of a name": (
        "groups: [{name: g}, {name: g}]",
        "group 'g' stands at rules.yml:1 already; names are unique over all files",
    ),
    "an alert that cannot be told from another": (
        (
            f"groups: [{{name: g, rules: [{{alert: A, expr: x, {LABELS}}},"
            f" {{alert: A, expr: y, {LABELS}}}]}}]"
        ),
        "rules[1]: alert 'A' stands at line 1 with the same labels; rename it, or give a label",
    ),
    "one more label does not tell them apart": (
        (
            f"groups: [{{name: g, rules: [{{alert: A, expr: x, {LABELS}}},"
            " {alert: A, expr: y, labels: {fault_class: class1, severity: info, tier: a}}]}]"
        ),
        "rules[1]: alert 'A' stands at line 1 with the same labels; rename it, or give a label",
    ),
    "a record twice": (
        "groups: [{name: g, rules: [{record: a, expr: x}, {record: a, expr: x}]}]",
        "rules[1]: a stands at line 1 already",
    ),
    "a record at two beats": (
        (
            "groups: [{name: g, rules: [{record: a, expr: x}]},"
            " {name: h, interval: 5m, rules: [{record: a, expr: y}]}]"
        ),
        "a is recorded by group 'g' at another interval; record a name at one interval",
    ),
}


@pytest.mark.parametrize(("text", "said"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_file(tmp_path, text, said):
    (problem,) = problems(tmp_path, text)
    assert said in problem


def test_all_problems_of_all_files_at_once(tmp_path):
    """
    Whoever corrects a file sees everything in one go.
    """
    paths = [
        write(tmp_path, "groups: [{name: g, limit: x, interval: y}]", "a.yml"),
        tmp_path / "missing.yml",
        write(tmp_path, "groups: [{name: g}]", "c.yml"),
    ]
    with pytest.raises(files.RuleFilesError) as error:
        files.load(paths)
    said = str(error.value)
    for part in ("a.yml:1: groups[0].limit", "interval", "missing.yml: cannot be read: No such"):
        assert part in said
    assert "c.yml:1: groups[0].name: group 'g' stands at" in said


def test_not_utf8(tmp_path):
    """
    A file in another encoding is named with its line.
    """
    path = tmp_path / "gbk.yml"
    path.write_bytes("groups:\n# 中文\n".encode("gbk"))
    with pytest.raises(files.RuleFilesError, match=r"gbk.yml:2: is not UTF-8"):
        files.load([path])


@given(st.text(alphabet="groupsnamerulealertexpr: -[]{}\n\"'&*?|>x", max_size=80))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    """
    Whatever stands in a file, load() returns or raises its own error.
    """
    path = tmp_path_factory.getbasetemp() / "any.yml"
    path.write_text("groups:\n" + text, encoding="utf-8")
    try:
        files.load([path])
    except ProblemsError as error:
        said = error.problems
    else:
        said = []
    assert all(p.wrong for p in said)


def test_published_rule_files():
    """
    Of 56 files that people bring along, all but the five that look back past the buffer load.
    """
    defaults = {"fault_class": "hazard", "severity": "warning"}
    corpus = sorted(shared("rules-corpus").glob("*.yml"))
    accepted, alerts, refused = 0, 0, []
    for path in corpus:
        try:
            alerts += len(list(files.load([path], defaults=defaults).alerts()))
            accepted += 1
        except files.RuleFilesError as error:
            refused += error.problems
    print(f"rules-corpus: {accepted} of {len(corpus)} files accepted, {alerts} alerts")
    assert len(corpus) == 56
    assert accepted >= 51
    assert all("looks back" in p.wrong and p.line for p in refused)
