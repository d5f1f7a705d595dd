"""However a configuration is spoilt: a whole Site or a ConfigError, and within a second."""

import copy
from datetime import timedelta

import pytest
import yaml
from config_files import GOOD, SECRETS, Folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.config import ConfigError, Site, load

PLAN = "plan.yml"
WORDS = st.sampled_from(
    ["", "core-1", "HIS", "zhiban", "30s", "0s", "any", "on_duty", "by_need", "all", "**", "/",
     "..", "env:PATH", "file:/etc/passwd", "credential:x", "127.0.0.1:80", "[::1", "http://[",
     "\x00", "\ud7ff", "医院", "${x}", "{{ x }}", "a" * 5000, "icmp", "postgresql", "scrape"]
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(), WORDS
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=8), WORDS), inner, max_size=3),
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        yield Folder(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def plan_text(folder):
    return (folder.path / PLAN).read_text(encoding="utf-8")


def places(value, where=()):
    """Every place in plain data."""
    yield where
    if isinstance(value, (dict, list)):
        for step, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(part, (*where, step))


def spoilt(draw, data):
    """The data with one to three places taken out, put in twice, or filled with anything."""
    data = copy.deepcopy(data)
    for _ in range(draw(st.integers(1, 3))):
        *above, step = draw(st.sampled_from([p for p in places(data) if p] or [("daemon",)]))
        part = data
        for key in above:
            part = part[key]
        match draw(st.sampled_from(["out", "twice", "fill", "rename"])):
            case "out":
                del part[step]
            case "twice" if isinstance(part, list):
                part.insert(step, copy.deepcopy(part[step]))
            case "rename" if isinstance(part, dict):
                part[draw(WORDS)] = part.pop(step)
            case _:
                part[step] = draw(VALUES)
    return data


def judged(folder):
    """Load; the property is that nothing else happens than these two things."""
    problems = ()
    try:
        site = load(folder.path / "zhiban.yml")
    except ConfigError as error:
        site, problems = None, error.problems
    assert isinstance(site, Site) or problems
    for said in map(str, problems):
        assert said.isprintable()
        assert "Input should be" not in said
        assert not [value for value in SECRETS.values() if value in said]
    return site


SLOW = settings(
    deadline=timedelta(seconds=1),
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SLOW
@given(draw=st.data())
def test_spoilt_values(folder, plan_text, draw):
    folder.write(PLAN, plan_text)
    data = spoilt(draw.draw, yaml.safe_load(GOOD))
    folder.write("zhiban.yml", yaml.safe_dump(data, allow_unicode=True))
    if site := judged(folder):
        # What passed holds together: every name that is spoken of is there.
        named = {n for t in site.targets.values() for need in t.depends_on for n in need}
        named |= {n for s in site.systems.values() for need in s.needs for n in need}
        assert named | set(site.daemon.uplink) <= site.targets.keys()
        assert {c for person in site.people for c in person.channels} <= site.channels.keys()
        assert all(t.timeout < t.every for t in site.targets.values())


@SLOW
@given(draw=st.data())
def test_spoilt_plan(folder, plan_text, draw):
    folder.write("zhiban.yml", GOOD)
    data = spoilt(draw.draw, yaml.safe_load(plan_text))
    folder.write(PLAN, yaml.safe_dump(data, allow_unicode=True))
    if site := judged(folder):
        assert len(site.plan.classes) == 5
        for threshold in site.plan.thresholds:
            for names in threshold.departments.values():
                assert set(names) <= site.plan.departments.keys()


@SLOW
@given(
    at=st.integers(0, len(GOOD) - 1),
    gone=st.integers(0, 30),
    put=st.one_of(
        st.text(max_size=5), st.sampled_from(["\t", "[", "{", "&a ", "*a", "!!x ", ": "])
    ),
)
def test_spoilt_text(folder, plan_text, at, gone, put):
    folder.write(PLAN, plan_text)
    text = GOOD[:at] + put + GOOD[at + gone :]
    folder.path.joinpath("zhiban.yml").write_bytes(text.encode("utf-8", "replace"))
    judged(folder)


def test_five_thousand_targets(folder, plan_text):
    """A large hospital's file, right and with one root name misspelt, is read at once."""
    folder.write(PLAN, plan_text)
    rows = "".join(
        f"    - {{name: pc-{n}, title: 终端{n}, kind: icmp, address: 10.2.{n // 250}.{n % 250},"
        f" depends_on: [core-1], labels: {{system: HIS, role: terminal}}}}\n"
        for n in range(5000)
    )
    text = GOOD.replace("people:\n", f"{rows}people:\n")
    folder.write("zhiban.yml", text)
    assert len(load(folder.path / "zhiban.yml").targets) == 5003
    folder.write("zhiban.yml", text.replace("- name: core-1", "- name: core-01"))
    with pytest.raises(ConfigError) as caught:
        load(folder.path / "zhiban.yml")
    assert 'did you mean "core-01"?' in str(caught.value)
