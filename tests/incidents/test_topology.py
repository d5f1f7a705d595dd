"""Which failure explains which."""

import pytest
from hospital import CORES, TARGETS, TOPOLOGY, second

from monitor.incidents.topology import Outage, members

PAIR = "core-1+core-2"


def outage(**since):
    return Outage(TOPOLOGY, {n.replace("_", "-"): second(s) for n, s in since.items()})


ROOTS = {
    "nothing above failed": ({"lis": 0}, "lis", ("lis",)),
    "the switch above failed": ({"lis": 1, "access_3": 0}, "lis", ("access-3",)),
    "the victim was seen first": ({"lis": 0, "access_3": 4}, "lis", ("access-3",)),
    "one core of a pair explains nothing": ({"lis": 0, "core_1": 0}, "lis", ("lis",)),
    "both cores are one root": ({"his_db": 1, "core_1": 0, "core_2": 0}, "his-db", (PAIR,)),
    "a switch that answers cuts nothing": ({"lis": 1, "core_1": 0, "core_2": 0}, "lis", ("lis",)),
    "a core of a dead pair is the pair": ({"core_1": 0, "core_2": 9}, "core-1", (PAIR,)),
    "a lone core is itself": ({"core_1": 0}, "core-1", ("core-1",)),
    "through two floors": (
        {"lis": 1, "access_3": 1, "core_1": 0, "core_2": 0},
        "lis",
        (PAIR,),
    ),
    "died long before the switch": ({"lis": -3600, "access_3": 0}, "lis", ("lis",)),
    "a system by its need": ({"his_db": 0}, "HIS", ("his-db",)),
    "a system through a switch": ({"lis": 0, "access_3": 0}, "LIS", ("access-3",)),
    "their end behind our edge": (
        {"yibao_edge": 0, "yibao_center": 1},
        "yibao-center",
        ("yibao-edge",),
    ),
    "two causes of one system": (
        {"his_web_1": 1, "access_1": 0, "his_web_2": 0},
        "HIS",
        ("access-1", "his-web-2"),
    ),
    "a name nobody configured": ({}, "rule:Odd", ("rule:Odd",)),
}


@pytest.mark.parametrize(("failed", "name", "expected"), ROOTS.values(), ids=ROOTS)
def test_roots(failed, name, expected):
    since = failed.get(name.replace("-", "_"), 0)
    assert outage(**failed).roots(name, second(since)) == expected


def test_a_pair_is_out_since_its_last_member_failed():
    assert outage(core_1=0, core_2=240).since(PAIR) == second(240)
    assert outage(core_1=0).since(PAIR) is None
    assert members(PAIR) == CORES


def test_behind_names_the_victims_in_order():
    seen = outage(core_1=0, core_2=0, access_3=1, lis=2, emr=1, his_db=2)
    assert seen.behind(PAIR) == ("access-3", "his-db", "lis", "emr")
    assert seen.systems_behind(PAIR, seen.behind(PAIR)) == ("HIS", "LIS", "EMR")


def test_a_failure_older_than_the_switch_is_not_behind_it():
    seen = outage(lis=-3600, access_3=0, emr=1)
    assert seen.behind("access-3") == ("emr",)


def test_redundant_while_another_member_stands():
    assert TOPOLOGY.redundant("core-1", outage(core_1=0).failed)
    assert not TOPOLOGY.redundant("core-1", outage(core_1=0, core_2=0).failed)
    assert not TOPOLOGY.redundant("lis", {})


def test_ancestors_reach_the_top():
    assert TOPOLOGY.ancestors("lis") == {"access-3", "core-1", "core-2"}
    assert TOPOLOGY.ancestors("HIS") >= {"his-db", "access-1", "core-1"}


def test_titles_fall_back_to_the_name():
    assert TOPOLOGY.title("lis") == "LIS服务器"
    assert TOPOLOGY.title("HIS") == "HIS"
    assert TOPOLOGY.title("nobody") == "nobody"
    assert len(TARGETS) == 13
