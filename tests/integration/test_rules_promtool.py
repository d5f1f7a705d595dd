"""Prometheus' own tool on the rules we ship, and our runner beside it on the same files."""

import re
import shutil
import subprocess

import pytest
import yaml
from real import need
from shared import ROOT
from test_alerting_templates import LABELS, RENDERED

from monitor.alerting import gotext, ruletest, templates

pytestmark = pytest.mark.real

RULE_FILES = sorted((ROOT / "rules").glob("*.yml"))
TEST_FILES = sorted((ROOT / "rules" / "tests").glob("*.yml"))
FAILED = re.compile(r"alertname: (\w+), time: (\w+),")


def promtool(*args):
    done = subprocess.run(
        [need("promtool"), *map(str, args)], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_check_rules():
    """
    Prometheus accepts every shipped rule file and finds nothing to say.
    """
    code, said = promtool("check", "rules", *RULE_FILES)
    assert code == 0, said
    assert said.count("SUCCESS") == len(RULE_FILES)
    assert "FAILED" not in said
    assert "duplicate" not in said


def test_test_rules():
    """
    Prometheus passes every shipped case.
    """
    code, said = promtool("test", "rules", *TEST_FILES)
    assert code == 0, said
    assert said.count("SUCCESS") == len(TEST_FILES)


# What is done to a rule file, so that some of its cases no longer hold.
DAMAGE = {
    "the other way round": (r"== 0$", "== 1"),
    "fires at once": (r"for: \w+", "for: 0s"),
    "fires too late": (r"for: \w+", "for: 20m"),
    "another class": (r"fault_class: hazard", "fault_class: class3"),
    "another text": (r"summary: (.*[^'])$", r"summary: \1!"),
    "nothing is excepted": (r"unless on", "or on"),
    "kept firing": (r"for: 30s", "keep_firing_for: 30s"),
    "joined": (r"or on|unless on", "and on"),
}


def damaged(tmp_path, pattern, instead):
    """Copies of the cases, beside rule files with the damage, where it applies."""
    (tmp_path / "tests").mkdir()
    broken = {}
    for path in RULE_FILES:
        text = path.read_text(encoding="utf-8")
        broken[path.stem] = re.sub(pattern, instead, text, flags=re.MULTILINE)
        (tmp_path / path.name).write_text(broken[path.stem], encoding="utf-8")
        if broken[path.stem] == text:
            del broken[path.stem]
    mine = [p for p in TEST_FILES if p.stem.partition("-")[0] in broken]
    return [shutil.copy(p, tmp_path / "tests" / p.name) for p in mine]


@pytest.mark.parametrize(("pattern", "instead"), DAMAGE.values(), ids=DAMAGE)
def test_both_fail_where_one_fails(tmp_path, pattern, instead):
    """
    On damaged rules both runners name the same alerts at the same instants.
    """
    copies = damaged(tmp_path, pattern, instead)
    code, theirs = promtool("test", "rules", *copies)
    ours = [found for f in ruletest.run(copies) for found in FAILED.findall(str(f))]
    assert sorted(FAILED.findall(theirs)) == sorted(ours)
    assert ours
    assert code != 0


def test_records_and_alerts_as_series(tmp_path):
    """
    Recording rules, ALERTS and staleness come out the same in both, sample for sample.
    """
    rules = {
        "groups": [
            {
                "name": "g",
                "rules": [
                    {"record": "r", "expr": "sum by (a) (v)", "labels": {"k": "1"}},
                    {"record": "twice", "expr": "r * 2"},
                    {
                        "alert": "A",
                        "expr": "twice > 2",
                        "for": "2m",
                        "keep_firing_for": "2m",
                        "labels": {"fault_class": "other", "severity": "info"},
                    },
                ],
            }
        ]
    }
    series = {'v{a="x",b="1"}': "1 2 3+1x3 stale _x2 1x9", 'v{a="y"}': "0 0 4x4 0x9"}
    exprs = ["twice", "ALERTS", "count_over_time(twice[570s])", "r{k='1'} > 0", "time()"]
    case = {
        "interval": "1m",
        "input_series": [{"series": s, "values": v} for s, v in series.items()],
        "promql_expr_test": [
            {"expr": e, "eval_time": f"{m}m"} for e in exprs for m in (0, 1, 3, 5, 6, 8, 9, 11, 12)
        ],
    }
    said = {"rule_files": ["r.yml"], "evaluation_interval": "1m", "tests": [case]}
    (tmp_path / "r.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    path = tmp_path / "t.yml"
    path.write_text(yaml.safe_dump(said), encoding="utf-8")
    _, theirs = promtool("test", "rules", path)
    results = re.findall(r'expr: "(.*)", time: (\w+),\s+exp: *\S*\s+got: *(.*)', theirs)
    ours = [str(f) for f in ruletest.run([path])]
    assert len(results) > 20
    got = re.findall(r'expr: "(.*)", time: (\w+),\s+exp:\S*\s+got:(.*)', "\n".join(ours))
    assert sorted(map(plain, got)) == sorted(map(plain, results))


def plain(row):
    """An expression, an instant, and the samples whatever their order and spelling."""
    expr, at, samples = row
    named = re.sub(r"\b(\w+)\{", r'{__name__="\1", ', samples.replace("\\", "")).replace(", }", "}")
    found = re.findall(r"\{([^}]*)\} ([-+\w.]+)", named)
    return expr, at, sorted((",".join(sorted(k.split(", "))), float(v)) for k, v in found)


def test_templates(tmp_path):
    """
    Every template of the table reads in Prometheus as it reads here.
    """
    rows = [(s, v) for s, (v, text) in RENDERED.items() if "<error" not in text]
    labels = ", ".join(f'{k}="{v}"' for k, v in LABELS.items() if k != "__name__")
    rules, series, tests = [], [], []
    for i, (source, value) in enumerate(rows):
        ours = templates.parse(source).render({**LABELS, "__name__": f"v{i}"}, value)
        rules.append({"alert": f"A{i}", "expr": f"v{i}", "annotations": {"t": source}})
        values = gotext.shortest(value).lstrip("+")
        series.append({"series": f"v{i}{{{labels}}}", "values": values})
        own = {k: v for k, v in LABELS.items() if k != "__name__"}
        expected = [{"exp_labels": own, "exp_annotations": {"t": ours}}]
        tests.append({"eval_time": "0m", "alertname": f"A{i}", "exp_alerts": expected})
    case = {"interval": "1m", "input_series": series, "alert_rule_test": tests}
    (tmp_path / "r.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}), encoding="utf-8"
    )
    path = tmp_path / "t.yml"
    path.write_text(yaml.safe_dump({"rule_files": ["r.yml"], "tests": [case]}), encoding="utf-8")
    code, said = promtool("test", "rules", path)
    assert code == 0, said
    assert len(rows) > 25


@pytest.mark.parametrize(
    "value",
    [0.0, 0.1, 1 / 3, 5e-324, 1e-7, 123456.0, 999999.5, 1e6, 123456789.0, 1e18, -0.5],
)
def test_numbers(tmp_path, value):
    """
    Any size of number reads the same, under every way to say it.
    """
    forms = ["{{ $value }}", '{{ printf "%.3f|%.3g|%e|%G" $value $value $value $value }}']
    forms += [
        f"{{{{ $value | {name} }}}}" for name in gotext.HUMANIZERS if name != "humanizeTimestamp"
    ]
    text = "#".join(forms)
    ours = templates.parse(text).render({}, value)
    (tmp_path / "r.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "g", "rules": [
            {"alert": "A", "expr": f"vector({value!r})", "annotations": {"t": text}}
        ]}]}),
        encoding="utf-8",
    )  # fmt: skip
    expected = [{"exp_annotations": {"t": ours}}]
    case = {"alert_rule_test": [{"eval_time": "0m", "alertname": "A", "exp_alerts": expected}]}
    path = tmp_path / "t.yml"
    path.write_text(yaml.safe_dump({"rule_files": ["r.yml"], "tests": [case]}), encoding="utf-8")
    code, said = promtool("test", "rules", path)
    assert code == 0, f"{said}\nours: {ours}"
