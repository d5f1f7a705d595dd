"""The configuration the demo writes: what it says, and that the real loader takes it."""

import stat
from datetime import timedelta

import pytest
import yaml

from monitor.demo import siteconfig
from monitor.demo.agents import login, password_files
from monitor.demo.places import DEVICES, PEOPLE, WATCHED
from monitor.model.person import DIRECTOR, ON_DUTY


@pytest.fixture
def site(tmp_path):
    password = tmp_path / "his-db.password"
    password.write_text("not-the-real-one\n")
    password.chmod(0o600)
    login(tmp_path)  # writes its passwords
    ports = {name: 40_000 + n for n, name in enumerate(WATCHED)}
    url = "http://127.0.0.1:8601/phone"
    return siteconfig.Site(tmp_path, ports, 8600, url, password, password_files(tmp_path), 60.0)


def test_the_real_loader_takes_it(site):
    """
    Every device is a target, with the network as its dependencies; every rule is there.
    """
    from monitor.config import load  # noqa: PLC0415  heavy, and for this test only

    loaded = load(siteconfig.write(site, DEVICES))
    assert loaded.demo
    assert {n: t.depends_on for n, t in loaded.targets.items()} == {
        n: d.depends_on for n, d in WATCHED.items()
    }
    assert loaded.daemon.grid == timedelta(seconds=5)
    assert all(t.timeout < t.every == timedelta(seconds=5) for t in loaded.targets.values())
    assert len(loaded.systems) == 6
    assert loaded.plan.settings.speed == 60
    roles = {role for person in loaded.people for role in person.roles}
    assert {ON_DUTY, DIRECTOR} < roles
    rules = [rule for group in loaded.rules.groups for rule in group.rules]
    assert len(rules) >= 12
    assert str(loaded.channels["pretend-phone"].url) == "**********"


def test_secrets_stand_in_files_of_the_owner_only(site, tmp_path):
    path = siteconfig.write(site, DEVICES)
    siteconfig.write(site, DEVICES)  # again over what is there
    assert stat.S_IMODE((tmp_path / "phone.url").stat().st_mode) == 0o600
    assert "8601/phone" not in path.read_text()
    assert "not-the-real-one" not in path.read_text()
    for file in password_files(tmp_path):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text().strip() not in path.read_text()


def test_needs_are_written_as_people_write_them(site):
    document = siteconfig.document(site, DEVICES)
    rows = {row["name"]: row for row in document["inventory"]["targets"]}
    both = {"any": ["access-switch-1", "access-switch-2"]}
    assert rows["his-web-1"]["depends_on"] == [both, "his-db"]
    assert rows["yibao-center"]["depends_on"] == ["yibao-edge"]
    assert "depends_on" not in rows["core-switch-1"]
    assert rows["his-db"]["address"].endswith("/his")
    assert [p["name"] for p in document["people"]] == [name for name, _, _ in PEOPLE]


def test_rules_of_an_earlier_run_go(site, tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/gone.yml").write_text("groups: []\n")
    siteconfig.write(site, DEVICES)
    assert not (tmp_path / "rules/gone.yml").exists()
    fors = {
        rule.get("for", "0s")
        for file in (tmp_path / "rules").glob("*.yml")
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    }
    assert fors <= {"0s", "5s", "10s", "15s"}


FORS = {
    "thirty seconds": ("        for: 30s\n", "        for: 10s\n"),
    "minutes": ("        for: 5m\n", "        for: 10s\n"),
    "compound": ("        for: 1h30m\n", "        for: 10s\n"),
    "short ones stay": ("        for: 15s\n", "        for: 15s\n"),
    "keep_firing_for is another thing": (
        "        keep_firing_for: 5m\n",
        "        keep_firing_for: 5m\n",
    ),
    "a word in a comment stays": ("# for: 30s\n", "# for: 30s\n"),
    "the last line": ("    for: 2m", "    for: 10s"),
}


@pytest.mark.parametrize(("written", "expected"), FORS.values(), ids=FORS)
def test_quickened(written, expected):
    assert siteconfig.quickened(written) == expected


# speed -> how long the watch then lasts, in seconds
WATCHES = {1: 60, 5: 60, 10: 60, 60: 10, 600: 1}


@pytest.mark.parametrize(("speed", "seconds"), WATCHES.items())
def test_watch_is_a_minute_or_the_plans_own_divided(speed, seconds):
    assert siteconfig.watch(speed).total_seconds() / speed == seconds
