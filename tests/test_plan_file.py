"""The shipped plan says what the documents say, and the loader refuses what no plan may say."""

import re
from datetime import timedelta

import pytest
from shared import ROOT, shared

from monitor.config.findings import Findings
from monitor.config.planfile import plan
from monitor.config.yamlpos import parse
from monitor.model.incident import FaultClass, Scope
from monitor.model.plan import PlanSettings

SHIPPED = ROOT / "rules/plan/plan.yml"
TEXT = SHIPPED.read_text(encoding="utf-8")


def read(text=TEXT):
    findings = Findings()
    found = plan(parse("plan.yml", text, findings), findings)
    return found, [str(p) for p in findings.problems()]


@pytest.fixture(scope="module")
def shipped():
    found, problems = read()
    assert problems == []
    return found


def minutes(n):
    return timedelta(minutes=n)


CHAINS = {
    FaultClass.CLASS1: (
        "一类",
        [("told", ("on_duty",), 0, False), ("director", ("director",), 5, True)],
    ),
    FaultClass.CLASS2: (
        "二类",
        [("told", ("on_duty",), 0, False), ("director", ("director",), 30, False)],
    ),
    FaultClass.CLASS3: ("三类", [("told", ("on_duty",), 0, False)]),
    FaultClass.OTHER: (
        "其它",
        [("told", ("on_duty",), 0, False), ("director", ("director",), 30, False)],
    ),
    FaultClass.HAZARD: (
        "隐患",
        [("told", ("on_duty",), 0, False), ("director", ("director",), 30, False)],
    ),
}


@pytest.mark.parametrize(("fault_class", "expected"), CHAINS.items())
def test_chain(shipped, fault_class, expected):
    title, chain = expected
    found = shipped.classes[fault_class]
    assert found.title == title
    assert [(s.name, s.roles, s.after, s.on_ack) for s in found.chain] == [
        (name, roles, minutes(after), on_ack) for name, roles, after, on_ack in chain
    ]
    assert found.thresholds is (fault_class is FaultClass.CLASS1)


def test_settings_are_the_models_defaults(shipped):
    """A plan without settings and the shipped one mean the same."""
    assert shipped.settings == PlanSettings()


WHOLE = {
    "t30m": (
        minutes(30),
        "30分钟",
        [
            "门诊挂号",
            "门诊收费",
            "住院登记",
            "门诊医生",
            "门诊药房",
            "住院药房",
            "急诊挂号收费",
            "急诊医生",
            "急诊药房",
        ],
    ),
    "t6h": (
        minutes(360),
        "6小时",
        ["住院医生工作站", "护士工作站", "手术室", "检验科", "放射科", "超声、心电等其他医技"],
    ),
    "t24h": (minutes(1440), "24小时", None),  # 全院
}


def test_thresholds(shipped):
    assert [t.name for t in shipped.thresholds] == list(WHOLE)
    for threshold in shipped.thresholds:
        after, title, departments = WHOLE[threshold.name]
        assert (threshold.after, threshold.title) == (after, title)
        assert threshold.roles == ("on_duty", "director")
        named = [shipped.departments[n].title for n in threshold.departments[Scope.WHOLE]]
        assert named == (departments or [d.title for d in shipped.departments.values()])


CONCERNED = {
    "whole, whatever is down": ("t6h", Scope.WHOLE, set(), 6),
    "LIS alone at 30 minutes": ("t30m", Scope.SYSTEM, {"LIS"}, []),
    "LIS alone at 6 hours": ("t6h", Scope.SYSTEM, {"LIS"}, ["laboratory"]),
    "PACS alone at 6 hours": ("t6h", Scope.SYSTEM, {"PACS"}, ["imaging", "function-tests"]),
    "records at 30 minutes": (
        "t30m", Scope.LOCAL, {"EMR", "LIS"}, ["outpatient-doctors", "emergency-doctors"]
    ),
    "a system nobody needs": ("t24h", Scope.SYSTEM, {"YIBAO"}, []),
    "one device": ("t30m", Scope.SINGLE, {"HIS"}, []),
}  # fmt: skip


@pytest.mark.parametrize(("step", "scope", "down", "expected"), CONCERNED.values(), ids=CONCERNED)
def test_concerned(shipped, step, scope, down, expected):
    """The documents' lists are for the whole hospital; else only who needs what is down."""
    threshold = next(t for t in shipped.thresholds if t.name == step)
    found = threshold.concerned(scope, down, shipped.departments)
    assert list(found) == expected or len(found) == expected


# Row of the inventory, and the words it becomes here.
CAUSES = {
    2: "服务器不能正常工作", 3: "光纤损坏", 4: "主服务器数据丢失", 5: "备份硬盘损坏",
    6: "服务器工作不稳定", 7: "局部网络不通", 8: "价表目录被人删除或修改", 9: "重点终端故障",
    10: "规律性的整体、局部软件和硬件发生故障等造成的网络瘫痪", 11: "单一终端软、硬件故障",
    12: "单一病人信息丢失", 13: "偶然性的数据处理错误",
    14: "某些科室违反工作流程引起系统故障", 15: "各终端操作不熟练或使用不当造成的错误",
    16: "医保线路、医保端引起的医保系统故障",
}  # fmt: skip
CLASS_OF_ROW = {
    **dict.fromkeys(range(2, 11), FaultClass.CLASS1),
    **dict.fromkeys(range(11, 15), FaultClass.CLASS2),
    15: FaultClass.CLASS3,
    16: FaultClass.OTHER,
}


def test_every_cause_of_the_documents(shipped):
    """Rows 2 to 16 of the inventory, each under its class, in order, and no others."""
    for fault_class in (FaultClass.CLASS1, FaultClass.CLASS2, FaultClass.CLASS3, FaultClass.OTHER):
        rows = [row for row, of in CLASS_OF_ROW.items() if of is fault_class]
        assert list(shipped.classes[fault_class].causes) == [CAUSES[row] for row in rows]


def test_quotations_are_the_documents_own():
    """Every 「quotation」 beside a row's number stands so in the inventory, under that row."""
    inventory = (shared("plan-inventory.md")).read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\d+) \| (.+?) \| \d{3}_", inventory, re.MULTILINE))
    quoted = re.findall(r"行(\d+)[^「\n行]*「([^」]+)」", TEXT)
    assert len(quoted) > 40
    wrong = [(row, quote) for row, quote in quoted if quote not in rows[row]]
    assert wrong == []


def test_coordinators(shipped):
    """Rows 51, 55, 58, 60, 64 and 67."""
    held = {name: d.coordinator for name, d in shipped.departments.items()}
    assert held["outpatient-cashier"] == "门诊部主任、财务科"
    assert held["discharge-settlement"] == "财务科科长"
    assert held["inpatient-doctors"] == held["outpatient-doctors"] == "医务科"
    assert held["nurses"] == "护理部"
    assert held["laboratory"] == held["imaging"] == "医务科"
    assert held["outpatient-pharmacy"] == held["inpatient-pharmacy"] == "医务科"


# Each row: what is there, what stands instead, what is printed (line numbers left out).
BAD = {
    "a dean in a chain": (
        "{ step: director, roles: [director], after: 5m, on_ack: true }",
        "{ step: director, roles: [director, dean], after: 5m }",
        ('classes.class1.chain[1].roles[1]: unknown role "dean"; nobody outside 信息科 is told by'
        " the machine; valid roles: deputy, director, on_duty, standby"),
    ),
    "a department in a threshold's roles": (
        "after: 30m # 行25「30分鍾內不能恢復」\n    title: 30分钟\n    roles: [on_duty, director]",
        "after: 30m\n    title: 30分钟\n    roles: [nurses]",
        ('thresholds[0].roles[0]: unknown role "nurses"; nobody outside 信息科 is told by'
        " the machine; valid roles: deputy, director, on_duty, standby"),
    ),
    "a class left out": (
        "  class3:\n",
        "  class4:\n",
        "classes.class3: is missing; the plan needs all five classes",
    ),
    "a class nobody knows": (
        "  class3:\n",
        "  class4:\n",
        'classes.class4: unknown fault class; did you mean "class3"?',
    ),
    "thresholds for a hazard": (
        "after: 30m }\n    thresholds: false\n\n# ----",
        "after: 30m }\n    thresholds: true\n\n# ----",
        ("classes.hazard.thresholds: only class1 has thresholds for departments (004 五.2);"
        " write false"),
    ),
    "a chain that does not begin at once": (
        ("      # 行19「由系統管理員單獨解決」:只告诉值班\n"
        "      - { step: told, roles: [on_duty], after: 0s }"),
        "      - { step: told, roles: [on_duty], after: 1m }",
        ("classes.class3.chain[0]: the first step is told after 1m;"
        " begin with step: told, after: 0s"),
    ),
    "a step that is a threshold": (
        "{ step: director, roles: [director], after: 5m, on_ack: true }",
        "{ step: t6h, roles: [director], after: 5m }",
        "classes.class1.chain[1].step: there is already a step t6h; rename one of the two",
    ),
    "steps out of order": (
        "{ step: director, roles: [director], after: 5m, on_ack: true }",
        ("{ step: a, roles: [director], after: 5m }\n"
        "      - { step: b, roles: [deputy], after: 4m }"),
        ("classes.class1.chain[2].after: 4m is earlier than the step before it;"
        " put the steps in order"),
    ),
    "thresholds out of order": (
        "after: 6h # 行27",
        "after: 10m # 行27",
        ("thresholds[1].after: 10m is not later than the threshold before it;"
        " put the thresholds in order, after 30m"),
    ),
    "a department nobody knows": (
        "        - nurses # 行28",
        "        - nursse # 行28",
        ('thresholds[1].departments.whole[1]: there is no department "nursse";'
        ' did you mean "nurses"?'),
    ),
    "a scope nobody knows": (
        "      whole: all # 行30「全院各種業務」\n      system: by_need",
        "      whole: all\n      single: by_need",
        "thresholds[2].departments.single: unknown key; valid keys: local, system, whole",
    ),
    "by need of another word": (
        "      whole: all # 行30「全院各種業務」\n      system: by_need",
        "      whole: all\n      system: [nurses]",
        "thresholds[2].departments.system: expected by_need, found a list",
    ),
    "no list for the whole": (
        "      whole: all # 行30「全院各種業務」\n",
        "",
        ("thresholds[2].departments: does not say whom the scope 整体 means;"
        " write whole: [...] or whole: all; system: by_need; local: by_need"),
    ),
    "a department twice": (
        "  - name: nurses\n",
        "  - name: imaging\n",
        "departments[14].name: there is already a department imaging; rename one of the two",
    ),
    "an unknown section": (
        "settings:\n",
        "setting:\n",
        'setting: unknown key; did you mean "settings"?',
    ),
    "share of more than all": (
        "  whole_share: 0.5",
        "  whole_share: 50",
        "settings.whole_share: expected at most 1, found 50",
    ),
    "settling for an hour": (
        "  settle: 10s",
        "  settle: 1h",
        "settings.settle: expected a duration from 0s to 60s, found 1h",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), BAD.values(), ids=BAD)
def test_refused(old, new, said):
    assert TEXT.count(old) == 1
    found, problems = read(TEXT.replace(old, new))
    assert found is None
    assert said in [re.sub(r"^plan.yml:\d+: ", "", p) for p in problems]


@pytest.mark.parametrize("text", ["", "[]", "5", "a: b", "classes: []\nthresholds: x\n"])
def test_no_plan_at_all(text):
    found, problems = read(text)
    assert found is None
    assert problems
