"""What docs/snmp-modules.md shows is what works."""

import re
import textwrap

import pytest
from shared import ROOT

from exporters._snmp import modules, oid
from monitor.alerting import ruletest

TEXT = (ROOT / "docs/snmp-modules.md").read_text(encoding="utf-8")
RESTART = re.search(r"`(resets\(.+?)`", TEXT)[1]

LIVES = {
    "runs on": ("0+15x60", "1x60", 0),
    "restarts": ("5000+15x30 3+15x29", "1x60", 1),
    "wraps after 497 days": ("42949300+15x24 2+15x35", "1x60", 0),
    "restarts after 500 days, where nothing wraps": ("43200000+15x30 3+15x29", "0x60", 1),
}


def test_the_example_is_a_module():
    example = re.search(r"```yaml\n(.+?)```", TEXT, re.DOTALL)[1]
    plan = modules.of_text("example.yml", example).plan(oid.encode("1.3.6.1.4.1.99999.1"))
    assert [table.name for table in plan.tables] == ["outlets"]
    assert "hw_pdu_amperes" in plan.metrics


def test_every_shipped_module_is_described():
    assert {n for n in modules.shipped() if f"\n| `{n}` |" not in TEXT} == set()


@pytest.mark.parametrize(("uptime", "wraps", "fires"), LIVES.values(), ids=LIVES)
def test_a_restart_is_told_from_a_wrap(tmp_path, uptime, wraps, fires):
    rules = f"""
    groups:
    - name: g
      rules:
      - alert: Restarted
        expr: {RESTART}
        labels: {{fault_class: other, severity: info}}
    """
    alerts = "[{exp_labels: {instance: sw, fault_class: other, severity: info}}]" if fires else "[]"
    case = f"""
    rule_files: [rules.yml]
    evaluation_interval: 15s
    tests:
    - interval: 15s
      input_series:
      - {{series: 'hw_uptime_seconds{{instance="sw"}}', values: '{uptime}'}}
      - {{series: 'hw_uptime_wraps{{instance="sw"}}', values: '{wraps}'}}
      alert_rule_test:
      - {{eval_time: 10m, alertname: Restarted, exp_alerts: {alerts}}}
    """
    (tmp_path / "rules.yml").write_text(textwrap.dedent(rules))
    path = tmp_path / "test.yml"
    path.write_text(textwrap.dedent(case))
    assert [str(failure) for failure in ruletest.run([path])] == []
