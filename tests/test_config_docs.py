"""The documented keys are the keys there are, and the shipped example is a configuration."""

import re

import pytest
from config_tables import DOC, SECTIONS, filled
from shared import ROOT

from exporters import PROBES
from monitor.config import describe, load
from monitor.config.loading import SECTIONS as TOP

TEXT = DOC.read_text(encoding="utf-8")
EXAMPLE = ROOT / "deploy/example/zhiban.yml"
SECRETS = {
    "ZHIBAN_SNMP_AUTH": "not-a-real-one",
    "ZHIBAN_SNMP_PRIV": "not-a-real-one",
    "ZHIBAN_HIS_DB_PASSWORD": "not-a-real-one",
    "ZHIBAN_WECOM_KEY": "not-a-real-one",
    "ZHIBAN_SMS_URL": "http://10.0.0.1/sms",
    "ZHIBAN_SMS_TOKEN": "Bearer not-a-real-one",
}


def test_tables_are_the_models():
    """Run ``python tests/config_tables.py`` after a change of a model."""
    assert set(re.findall(r"<!-- keys of (.+?) -->", TEXT)) == set(SECTIONS)
    assert filled(TEXT) == TEXT


def test_every_section_has_a_heading():
    assert {s for s in TOP if f"\n## `{s}`\n" not in TEXT} == set()


def option_names(model, seen=()):
    for name, field in model.model_fields.items():
        yield name
        for inner in models_in(field.annotation):
            if inner not in seen:
                yield from option_names(inner, (*seen, inner))


def models_in(annotation):
    if hasattr(annotation, "model_fields"):
        yield annotation
    for arg in getattr(annotation, "__args__", ()):
        yield from models_in(arg)


@pytest.mark.parametrize("kind", PROBES)
def test_every_option_of_a_kind_is_described(kind):
    paragraph = re.search(rf"\n`{kind}` \(address.*?\n\n", TEXT, re.DOTALL)
    assert paragraph
    named = set(re.findall(r"`(\w+)`", paragraph[0]))
    assert set(option_names(PROBES[kind].options)) <= named


def test_the_example_is_a_configuration(monkeypatch):
    """What we tell people to copy passes ``zhiban check`` and uses every kind of probe."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    site = load(EXAMPLE)
    assert {t.kind for t in site.targets.values()} == set(PROBES)
    assert {c.kind for c in site.channels.values()} == {"webhook", "wecom_bot"}
    assert "people     3" in describe(site)
    assert site.daemon.uplink == ("core-switch-1", "core-switch-2")


COMMENTED = re.compile(r"^(\s*)# (rules|plan|include): ([^#\n]+?) *(#.*)?$", re.MULTILINE)


def test_the_examples_commented_keys_are_keys(tmp_path, monkeypatch):
    """What stands commented out may be taken in: it is known, and only its files are missing."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    text, count = COMMENTED.subn(r"\1\2: \3", EXAMPLE.read_text(encoding="utf-8"))
    assert count == 3
    for name in ("inventory/x.yml", "plan/plan.yml", "rules/x.yml"):
        (tmp_path / name).parent.mkdir()
    (tmp_path / "inventory/x.yml").write_text("targets: []\n")
    (tmp_path / "rules/x.yml").write_text("groups: []\n")
    plan = (ROOT / "rules/plan/plan.yml").read_text(encoding="utf-8")
    (tmp_path / "plan/plan.yml").write_text(plan, encoding="utf-8")
    (tmp_path / "zhiban.yml").write_text(text, encoding="utf-8")
    site = load(tmp_path / "zhiban.yml")
    assert tmp_path / "plan/plan.yml" in site.files
    assert tmp_path / "inventory/x.yml" in site.files


def test_every_role_of_the_shipped_rules_is_documented():
    """A role that a rule goes by and nobody is told of would never be given to a target."""
    rules = "".join(p.read_text(encoding="utf-8") for p in sorted(ROOT.glob("rules/*.yml")))
    roles = {r for said in re.findall(r'role=~?"([^"]+)"', rules) for r in said.split("|")}
    assert roles
    assert {r for r in roles if f"`{r}`" not in TEXT} == set()
    assert {r for r in roles if r not in EXAMPLE.read_text(encoding="utf-8")} == set()
