"""Rule tests: the notation, what a wrong file is told, and what a failure says."""

import textwrap

import numpy as np
import pytest

from monitor.alerting import notation, ruletest
from monitor.promql.storage import NO_SAMPLE, STALE

RULES = """
groups:
- name: one
  rules:
  - record: level:up:sum
    expr: sum by (level) (up)
- name: two
  rules:
  - alert: Down
    expr: up == 0
    for: 1m
    labels: {fault_class: class1, severity: critical}
    annotations: {summary: '{{ $labels.instance }} "down"'}
"""

VALUES = {
    "1 2.5 -3 .5 1e3": [1, 2.5, -3, 0.5, 1000],
    "0+10x3": [0, 10, 20, 30],
    "10-2x2": [10, 8, 6],
    "-1+0.5x2": [-1, -0.5, 0],
    "7x2": [7, 7, 7],
    "1 _ 2": [1, NO_SAMPLE, 2],
    "_x3 1": [NO_SAMPLE, NO_SAMPLE, NO_SAMPLE, 1],
    "1 stale": [1, STALE],
    "Inf -Inf NaN": [np.inf, -np.inf, np.nan],
    "0+0.1x3": [0, 0.1, 0.2, 0.1 + 0.1 + 0.1],
    "": [],
}


@pytest.mark.parametrize(("text", "expected"), VALUES.items(), ids=VALUES)
def test_values(text, expected):
    got = np.array(notation.values(text), dtype=np.float64)
    assert got.view(np.uint64).tolist() == np.array(expected, np.float64).view(np.uint64).tolist()


WRONG = {
    "1 two": "'two' is no value; known: 1, 0+10x5, 1x5, _, _x5, stale",
    "1+x3": "'1+x3' is no value",
    "{{schema:1}}": "'{{schema:1}}' is no value",
    "0x99999999": "more than 100000 values",
}


@pytest.mark.parametrize(("text", "said"), WRONG.items(), ids=WRONG)
def test_wrong_values(text, said):
    with pytest.raises(notation.NotationError) as error:
        notation.values(text)
    assert said in str(error.value)


def test_labels():
    """
    A series is written as its selector would be.
    """
    assert notation.labels('up{b="2", a="1", none=""}') == (
        ("__name__", "up"),
        ("a", "1"),
        ("b", "2"),
    )
    assert notation.labels("{}") == ()
    for wrong in ("up > 1", 'up{a=~"x"}', "up[5m]", "up offset 5m", "sum(", "1"):
        with pytest.raises(notation.NotationError, match="is no series"):
            notation.labels(wrong)


def run(tmp_path, tests, rules=RULES, **more):
    (tmp_path / "rules.yml").write_text(textwrap.dedent(rules), encoding="utf-8")
    path = tmp_path / "tests.yml"
    path.write_text(textwrap.dedent(tests), encoding="utf-8")
    return [str(f).replace(str(tmp_path) + "/", "") for f in ruletest.run([path], **more)]


CASES = """
rule_files: [rules.yml]
evaluation_interval: 30s
tests:
- name: a server
  interval: 30s
  input_series:
  - {series: 'up{instance="a", level="1"}', values: '1 0x3 1'}
  alert_rule_test:
  - {eval_time: 1m, alertname: Down}
  - eval_time: 1m40s
    alertname: Down
    exp_alerts:
    - exp_labels: {instance: a, level: 1, fault_class: class1, severity: critical}
      exp_annotations: {summary: 'a "down"'}
  - {eval_time: 2m30s, alertname: Down}
  promql_expr_test:
  - expr: level:up:sum
    eval_time: 30s
    exp_samples: [{labels: 'level:up:sum{level="1"}', value: 0}]
  - {expr: up > 5, eval_time: 1m}
  - {expr: ALERTS, eval_time: 2m30s}
  - {expr: scalar(up), eval_time: 0s, exp_samples: [{labels: '{}', value: 1}]}
"""


def test_cases_that_pass(tmp_path):
    assert run(tmp_path, CASES) == []


def test_a_failure_shows_both_sides(tmp_path):
    """
    As promtool prints it: the case, the alert, the instant, expected and got.
    """
    (said,) = run(tmp_path, CASES.replace("severity: critical", "severity: info"))
    assert said == textwrap.dedent("""\
        Unit Testing:  tests.yml
          FAILED:
            name: a server,
            alertname: Down, time: 1m40s, 
                exp:[
                    0:
                      Labels:{alertname="Down", fault_class="class1", instance="a", level="1", severity="info"}
                      Annotations:{summary="a \\"down\\""}
                    ], 
                got:[
                    0:
                      Labels:{alertname="Down", fault_class="class1", instance="a", level="1", severity="critical"}
                      Annotations:{summary="a \\"down\\""}
                    ]""")  # noqa: E501, W291 - promtool's own layout, trailing blanks included


# One replacement in the file above, and what is said.
BAD = {
    "nothing fires": ("1m40s", "1m", ["time: 1m, \n        exp:[\n"]),
    "wrong sample": ("value: 0}", "value: 2}", ['exp:{__name__="level:up:sum", level="1"} 2, ']),
    "wrong scalar": ("value: 1}", "value: 3}", ["exp:{} 3, \n        got:{} 1"]),
    "bad expression": ("up > 5", "up >", ['expr: "up >", time: 1m, err: ']),
    "no such rule file": ("[rules.yml]", "[none.yml]", [":2: rule_files: 'none.yml' matches no"]),
    "unknown field": ("- name: a", "- nam: a", ["tests[0].nam: is an unknown field; did you mean"]),
    "bad interval": ("evaluation_interval: 30s", "evaluation_interval: 0", ["'0' is no duration"]),
    "bad values": ("'1 0x3 1'", "one", ["tests[0].input_series[0].values: 'one' is no value"]),
    "bad series": ("'up{instance", "'rate{{instance", ["tests[0].input_series[0].series: "]),
    "bad time": ("eval_time: 1m40s", "eval_time: soon", ["alert_rule_test[1].eval_time: 'soon'"]),
    "no name": (", alertname: Down}\n  - eval", "}\n  - eval", ["[0].alertname: is missing"]),
    "bad sample": ("value: 0}", "value: x}", ["exp_samples[0].value: 'x' is no number"]),
    "bad sample labels": ("'level:up:sum{", "'{{", ["exp_samples[0].labels: "]),
    "group order": ("tests:", "group_eval_order: [one, one]\ntests:", ["names a group twice"]),
    "unknown group": ("tests:", "group_eval_order: [three]\ntests:", ["'three' is no group of"]),
    "not YAML": ("tests:", "tests: [", ["is not YAML"]),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), BAD.values(), ids=BAD)
def test_bad_file(tmp_path, old, new, said):
    failures = run(tmp_path, CASES.replace(old, new, 1))
    assert failures
    for part in said:
        assert part in "\n".join(failures)


def test_a_bad_rule_file_is_said_with_its_line(tmp_path):
    """
    Without classes the rules do not load; with defaults they do.
    """
    rules = RULES.replace("fault_class: class1, ", "")
    (said,) = run(tmp_path, CASES, rules)
    assert "rules.yml:9: groups[1].rules[0](Down).labels.fault_class: is missing" in said
    assert run(tmp_path, CASES, rules, defaults={"fault_class": "class1"}) == []


def test_an_evaluation_error_ends_the_case(tmp_path):
    """
    A rule that cannot be evaluated is named with its instant.
    """
    rules = RULES.replace("sum by (level) (up)", "up + on (level) up")
    second = "  - {series: 'up{instance=\"b\", level=\"1\"}', values: '1x9'}\n  alert_rule_test:"
    (said,) = run(tmp_path, CASES.replace("  alert_rule_test:", second), rules)
    assert "    rule: level:up:sum, time: 0s, err: " in said


def test_groups_are_judged_in_the_order_given(tmp_path):
    """
    A group that comes first sees only what was recorded a step before.
    """
    rules = """
    groups:
    - name: reads
      rules:
      - {record: second, expr: first}
    - name: writes
      rules:
      - {record: first, expr: up}
    """
    tests = """
    rule_files: [rules.yml]
    ORDER
    tests:
    - input_series: [{series: up, values: '1 2'}]
      promql_expr_test:
      - {expr: second, eval_time: 1m, exp_samples: [{labels: second, value: VALUE}]}
    """
    written = tests.replace("ORDER", "group_eval_order: [reads, writes]").replace("VALUE", "1")
    assert run(tmp_path, written, rules) == []
    turned = tests.replace("ORDER", "group_eval_order: [writes, reads]").replace("VALUE", "2")
    assert run(tmp_path, turned, rules) == []
