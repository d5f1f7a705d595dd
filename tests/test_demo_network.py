"""The virtual network's rules, on the demo hospital itself and on generated ones."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.demo import network
from monitor.demo.network import Break, Condition, Device
from monitor.demo.places import DEVICES, SYSTEMS, UPLINK

PARTS = {name for name, device in DEVICES.items() if device.is_part}
SIX = {"lis-app", "lis-web", "emr-app", "emr-web", "tijian-app", "tijian-web"}

# broken -> isolated besides them
BREAKS = {
    "one core switch alone isolates nothing": (["core-switch-1"], set()),
    "the other one alone neither": (["core-switch-2"], set()),
    "both core switches isolate everything": (
        ["core-switch-1", "core-switch-2"],
        set(DEVICES) - PARTS - {"core-switch-1", "core-switch-2"},
    ),
    "access-switch-3 single-homes six servers": (["access-switch-3"], SIX),
    "a server with two cards lives on one switch": (["access-switch-1"], {"terminal-jizhen"}),
    "both room switches": (
        ["access-switch-1", "access-switch-2"],
        set(DEVICES)
        - PARTS
        - SIX
        - {f"core-switch-{n}" for n in "12"}
        - {f"access-switch-{n}" for n in "123456"},
    ),
    "a server takes nothing with it": (["lis-app"], set()),
    "a service that answers 500 cuts nobody off": (["his-web-1"], set()),
    "the database's stop cuts no network path": (["his-db"], set()),
    "our edge of the insurance line takes theirs": (["yibao-edge"], {"yibao-center"}),
    "their end takes nothing of ours": (["yibao-center"], set()),
    "a UPS without mains stays reachable": (["ups-1"], set()),
    "its card takes it out of sight": (["ups-1-card"], {"ups-1"}),
    "a port takes nothing with it": (["uplink-access-3"], set()),
    "nor does a hot room": (["room"], set()),
}


@pytest.mark.parametrize(("broken", "isolated"), BREAKS.values(), ids=BREAKS)
def test_what_a_break_isolates(broken, isolated):
    conditions = {n: network.condition(n, DEVICES, broken) for n in DEVICES}
    assert {n for n, c in conditions.items() if c is Condition.ISOLATED} == isolated
    assert {n for n, c in conditions.items() if c is Condition.BROKEN} == set(broken)


def test_a_service_that_answers_500_stays_reachable():
    assert "his-web-1" in network.reachable(DEVICES, ["his-web-1"])
    assert "his-db" not in network.reachable(DEVICES, ["his-db"])


BLAMES = {
    "the switch": ("lis-app", ["access-switch-3"], ("access-switch-3",)),
    "both of a pair": (
        "his-db",
        ["access-switch-1", "access-switch-2"],
        ("access-switch-1", "access-switch-2"),
    ),
    "one of a pair explains nothing": ("his-db", ["access-switch-1"], ()),
    "the core before what hangs on it": (
        "lis-app",
        ["access-switch-3", "core-switch-1", "core-switch-2"],
        ("core-switch-1", "core-switch-2", "access-switch-3"),
    ),
    "itself is not to blame for itself": ("lis-app", ["lis-app"], ()),
    "a UPS' card": ("ups-1", ["ups-1", "ups-1-card"], ("ups-1-card",)),
    "a port is not": ("lis-app", ["uplink-access-3"], ()),
}


@pytest.mark.parametrize(("name", "broken", "by"), BLAMES.values(), ids=BLAMES)
def test_who_is_to_blame(name, broken, by):
    assert network.blame(name, DEVICES, broken) == by


def test_behind_names_what_hangs_on_one_device_alone():
    assert set(network.behind("access-switch-3", DEVICES)) == SIX
    assert network.behind("core-switch-1", DEVICES) == ()


def test_tree_shows_every_device_once_under_its_first_uplink():
    rows = [(depth, device.name) for depth, device in network.tree(DEVICES)]
    assert sorted(name for _, name in rows) == sorted(DEVICES)
    assert rows[:2] == [(0, "core-switch-1"), (0, "core-switch-2")]
    assert (1, "access-switch-3") in rows
    assert (2, "lis-app") in rows
    assert rows[rows.index((2, "yibao-edge")) + 1] == (3, "yibao-center")


def test_the_table_is_whole():
    """
    Every name a row points at stands above it; systems and the uplink name devices.
    """
    seen = set()
    for device in DEVICES.values():
        assert {n for entry in device.depends_on for n in entry} <= seen, device.name
        seen.add(device.name)
    assert set(UPLINK) <= seen
    assert {n for system in SYSTEMS for entry in system.needs for n in entry} <= seen
    assert {d.system for d in DEVICES.values() if d.system} == {s.name for s in SYSTEMS}
    assert len(DEVICES) - len(PARTS) == 33
    assert {DEVICES[n].kind for n in PARTS} == {""}


@st.composite
def networks(draw):
    """Devices whose uplinks stand above them, and two sets of broken ones."""
    names = [f"d{n}" for n in range(draw(st.integers(1, 8)))]
    devices = {}
    for at, name in enumerate(names):
        entry = st.lists(st.sampled_from(names[:at]), min_size=1, max_size=3).map(tuple)
        uplinks = tuple(draw(st.lists(entry, max_size=2))) if at else ()
        kind = draw(st.sampled_from(Break))
        devices[name] = Device(name, name, "tcp", "server", 2, uplinks, breaks=kind)
    some = st.sets(st.sampled_from(names))
    return devices, draw(some), draw(some)


@settings(deadline=None)  # a busy machine is no failure
@given(networks())
def test_breaking_more_never_brings_anything_back(case):
    devices, one, other = case
    assert network.reachable(devices, ()) == set(devices)
    assert network.reachable(devices, one | other) <= network.reachable(devices, one)
    for name in devices:
        isolated = network.condition(name, devices, one) is Condition.ISOLATED
        assert isolated <= bool(network.blame(name, devices, one)), name
