"""What a good configuration becomes."""

import threading
from datetime import timedelta

import pytest
from config_files import SECRETS, folder

from exporters import PROBES
from monitor.config import describe, load
from monitor.model.incident import FaultClass
from monitor.model.person import Person
from monitor.model.target import System, Target

__all__ = ["folder"]


def seconds(n):
    return timedelta(seconds=n)


def test_targets(folder):
    """Defaults are filled in, needs are resolved, options are the probe's own."""
    site = folder.load()
    assert site.targets["core-1"] == Target(
        name="core-1",
        title="核心交换机1",
        kind="icmp",
        address="10.1.0.1",
        every=seconds(30),
        timeout=seconds(5),
        options=PROBES["icmp"].options(),
    )
    assert site.targets["his-db"] == Target(
        name="his-db",
        title="HIS数据库",
        kind="tcp",
        address="10.1.2.3:1521",
        every=seconds(15),
        timeout=seconds(4),
        level=1,
        labels={"system": "HIS", "role": "database"},
        depends_on=(("core-1", "core-2"),),
        options=PROBES["tcp"].options(tls=False),
    )
    assert list(site.targets) == ["core-1", "core-2", "his-db"]
    assert site.systems == {"HIS": System("HIS", "医院信息系统", (("his-db",),), 1)}


def test_people_and_channels(folder):
    site = folder.load()
    assert site.people == (
        Person("张伟", "13800000001", ("on_duty",), ("wecom", "relay")),
        Person("王芳", "13800000002", ("director",), ("wecom",)),
    )
    wecom, relay = site.channels["wecom"], site.channels["relay"]
    assert wecom.url.get_secret_value().endswith("/cgi-bin/webhook/send?key=k-7777-7777")
    assert relay.url.get_secret_value() == SECRETS["ZHIBAN_TEST_URL"]
    assert relay.headers["Authorization"].get_secret_value() == "Bearer t-9999"
    assert (wecom.timeout, relay.timeout) == (seconds(10), seconds(3))


def test_no_secret_shows(folder):
    """A Site may be logged: its text holds no secret."""
    shown = repr(folder.load())
    assert not [value for value in SECRETS.values() if value in shown]


def test_daemon_store_web(folder):
    site = folder.load()
    assert site.daemon.state == folder.path / "state"
    assert site.daemon.grid == seconds(15)
    assert site.daemon.uplink == ("core-1", "core-2")
    assert (site.daemon.log.format, site.daemon.log.level) == ("json", "info")
    assert site.store.path == folder.path / "state/zhiban.db"
    assert (site.web.host, site.web.port) == ("127.0.0.1", 8600)
    assert site.web.allowed_hosts == ("zhiban.hospital.example",)
    assert site.demo is False


def test_state_may_be_given(folder):
    """``--state`` moves the database with it."""
    site = load(folder.path / "zhiban.yml", state=folder.path / "other")
    assert site.daemon.state == folder.path / "other"
    assert site.store.path == folder.path / "other/zhiban.db"


def test_rules_and_plan_are_the_named_ones(folder):
    site = folder.load()
    assert [rule.name for group in site.rules.groups for rule in group.rules] == ["Down"]
    named = [folder.path / name for name in ("zhiban.yml", "plan.yml", "rules/one.yml")]
    assert set(named) <= set(site.files)
    assert len(site.thresholds) >= 1  # the shipped table, as none stands beside plan.yml


def test_shipped_rules_and_plan_are_the_default(folder):
    folder.replace("  rules: [rules/*.yml]\n  plan: plan.yml\n", "")
    site = folder.load()
    read = {path.name for path in site.files}
    assert {"plan.yml", "thresholds.yml", "reachability.yml"} <= read
    assert not any(path.is_relative_to(folder.path / "rules") for path in site.files)


def test_a_table_of_limits_beside_the_plan(folder):
    folder.write(
        "thresholds.yml", "limits:\n  - {name: x_ratio, title: 占用, value: 0.5, unit: ratio}\n"
    )
    assert [limit.name for limit in folder.load().thresholds] == ["x_ratio"]


def test_defaults_of_the_table_reach_the_rules(folder):
    """A published rule file without our labels loads once the table gives them."""
    folder.replace("        labels: {fault_class: class1, severity: critical}\n", "", RULE)
    assert folder.wrong()
    folder.write("thresholds.yml", "defaults: {fault_class: hazard, severity: info}\n")
    [(_, rule)] = folder.load().rules.alerts()
    assert rule.labels["fault_class"].source == "hazard"


RULE = "rules/one.yml"

OVERRIDES = {
    "watch": ("watch: 90s", lambda p: p.settings.watch == seconds(90)),
    "settle": ("settle: 3s", lambda p: p.settings.settle == seconds(3)),
    "share": ("whole_share: 0.8", lambda p: p.settings.whole_share == 0.8),
    "interruption": (
        "class1_requires_interruption: false",
        lambda p: p.settings.class1_requires_interruption is False,
    ),
    "director": (
        "director_after: 15m",
        lambda p: (
            [s.after for s in p.classes[FaultClass.CLASS1].chain] == [seconds(0), seconds(900)]
        ),
    ),
}


@pytest.mark.parametrize(("said", "holds"), OVERRIDES.values(), ids=OVERRIDES)
def test_plan_settings(folder, said, holds):
    """A setting of zhiban.yml changes that setting of the plan and nothing else."""
    before = folder.load().plan
    folder.replace("watch: 10m", said)
    after = folder.load().plan
    assert holds(after)
    assert not holds(before)
    assert after.departments == before.departments
    assert after.classes[FaultClass.CLASS2] == before.classes[FaultClass.CLASS2]


def test_speed_in_the_demo(folder):
    folder.replace("demo: false", "demo: true")
    folder.replace("watch: 10m", "speed: 60")
    site = folder.load()
    assert site.demo
    assert site.plan.settings.speed == 60


def test_inventory_in_several_files(folder):
    """Included files add targets; references go across files."""
    folder.replace("  systems:\n", "  include: [inv/*.yml]\n  systems:\n")
    (folder.path / "inv").mkdir()
    folder.write(
        "inv/lis.yml",
        "targets:\n  - {name: lis-db, title: LIS库, kind: tcp, address: 'lis:1521',"
        " depends_on: [core-1]}\nsystems: [{name: LIS, title: 检验, needs: [lis-db]}]\n",
    )
    site = folder.load()
    assert list(site.targets) == ["core-1", "core-2", "his-db", "lis-db"]
    assert list(site.systems) == ["HIS", "LIS"]
    assert folder.path / "inv/lis.yml" in site.files


def test_departments_speak_of_systems_as_the_inventory_spells_them(folder):
    folder.replace("- name: HIS", "- name: his")
    folder.replace("{system: HIS, role", "{system: his, role")
    needs = folder.load().plan.departments["outpatient-doctors"].needs
    assert needs == ("his", "EMR")


def test_an_alias_is_read(folder):
    folder.replace("address: 10.1.0.2\n", "address: 10.1.0.2\n      labels: &l {system: HIS}\n")
    folder.replace("labels: {system: HIS, role: database}", "labels: *l")
    assert folder.load().targets["his-db"].labels == {"system": "HIS"}


def test_describe(folder):
    lines = describe(folder.load()).splitlines()
    assert "targets    3 (2 icmp, 1 tcp)" in lines
    assert "people     2 (on_duty: 张伟; director: 王芳)" in lines
    assert "channels   wecom (wecom_bot), relay (webhook)" in lines
    plan = "plan       5 classes, t30m at 30m, t6h at 6h, t24h at 24h, 16 departments"
    assert plan in lines
    assert f"read       {folder.path / 'plan.yml'}" in lines


def test_load_runs_in_a_thread(folder):
    """A reload loads beside the loop; two loads at once do not meet."""
    found = []
    threads = [threading.Thread(target=lambda: found.append(folder.load())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(site.targets == found[0].targets for site in found)
