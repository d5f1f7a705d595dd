"""A storm is one turn of a second or so, whatever its shape: nothing is quadratic."""

import time
from dataclasses import replace

import pytest
from hospital import BOOK, CORES, TARGETS, Room, second

from monitor.incidents.topology import Outage, Topology
from monitor.model.target import System

MANY = 3000
LIMIT = 4.0  # seconds of processor for three turns; quadratic took 25
SPARE = replace(TARGETS["backup"], depends_on=())


def book(needs):
    """Two cores, many servers, and forty systems on them."""
    cores = {n: replace(SPARE, name=n, title=n) for n in CORES}
    servers = {
        f"s{i}": replace(
            SPARE, name=f"s{i}", title=f"服务器{i}", depends_on=needs, labels={"system": "S1"}
        )
        for i in range(MANY)
    }
    systems = {
        f"S{k}": System(f"S{k}", f"系统{k}", tuple((f"s{i}",) for i in range(k, MANY, 40)))
        for k in range(40)
    }
    return replace(BOOK, topology=Topology(cores | servers, systems))


SHAPES = {
    "behind one pair": ((CORES,), CORES, (), 1),
    "victims first, the pair later": ((CORES,), (), CORES, 1),
    "unrelated": ((), (), (), MANY),
}


@pytest.mark.parametrize(("needs", "before", "after", "told"), SHAPES.values(), ids=SHAPES)
def test_thousands_at_once(needs, before, after, told):
    room = Room(book(needs))
    room.silent.update(after)
    servers = [n for n in room.book.topology.targets if n not in CORES]
    began = time.process_time()
    room.fail(second(0), *before, *servers)
    heard = room.turn(second(1))
    room.silent.clear()
    room.fail(second(2), *after)
    heard += room.turn(second(3))
    heard += room.turn(second(20))
    spent = time.process_time() - began
    assert len(heard) == told
    assert spent < LIMIT


def test_pairs_over_pairs_are_walked_once():
    """
    Forty floors of redundant switches: 2^40 walks without a memory of each floor.
    """
    floors = 40
    names = [(f"a{i}", f"b{i}") for i in range(floors)]
    targets = {
        n: replace(SPARE, name=n, depends_on=(names[i - 1],) if i else ())
        for i, pair in enumerate(names)
        for n in pair
    }
    seen = Outage(Topology(targets, {}), {n: second(i) for i, p in enumerate(names) for n in p})
    assert seen.roots("a39", second(39)) == ("a0+b0",)
