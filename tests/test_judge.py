"""The judge's shell: whole turns with real series, rules and store around a fake clock."""

import asyncio
from datetime import timedelta

import pytest
from hospital import BOOK, TARGETS, TOPOLOGY
from prometheus_client import CollectorRegistry

from monitor.alerting.files import load as load_rules
from monitor.judge.judge import Judge
from monitor.judge.law import Law
from monitor.judge.slots import Slots
from monitor.metrics import Vitals
from monitor.model.act import Act, ActKind, IllegalActError
from monitor.model.incident import State
from monitor.model.reading import Metric, Reading
from monitor.model.target import Visit
from monitor.series.store import Series
from monitor.store import Saved, StoreError

RULES = """
groups:
  - name: test
    rules:
      - alert: Down
        expr: probe_success == 0
        for: 10s
        labels: {fault_class: class1, severity: critical}
        annotations: {what: 失联, summary: "{{ $labels.instance }} 失联"}
"""
METRICS = {"probe_success": Metric("gauge", "up")}


class Writer:
    """A store that keeps what it is given, and refuses when told to."""

    def __init__(self):
        self.saved = []
        self.broken = False

    async def save(self, changes):
        await asyncio.sleep(0)
        if self.broken:
            raise StoreError("full")
        self.saved.append(changes)

    def notices(self):
        return [f"{n.step} {n.person}" for c in self.saved for n in c.notices]


class Poller:
    """Visits that a test makes; who was asked for again."""

    def __init__(self, clock):
        self.clock = clock
        self.visits = {}
        self.asked = []

    def visit_soon(self, names):
        self.asked += names

    def visit(self, name, *, up):
        now = self.clock.now()
        before = self.visits.get(name)
        since = None if up else (before.failing_since if before and not before.up else now)
        self.visits[name] = Visit(name, now, now, up, "" if up else "refused", "", since)
        return self.visits[name]


class Desk:
    """One judge and its neighbours; time moves in beats of 5 s."""

    def __init__(self, clock, tmp_path, saved=None):
        rules = tmp_path / "rules.yml"
        rules.write_text(RULES, encoding="utf-8")
        self.clock = clock
        self.store = Writer()
        self.poller = Poller(clock)
        self.series = Series(5.0)
        self.woken = 0
        self.down = set()
        self.judge = Judge(
            clock=clock,
            store=self.store,
            series=self.series,
            poller=self.poller,
            vitals=Vitals(),
            law=Law(load_rules([rules]), BOOK, (), timedelta(seconds=5)),
            saved=saved or Saved((), (), 0),
            wake=self.wake,
        )

    def wake(self):
        self.woken += 1

    def poll(self):
        for name in TARGETS:
            up = name not in self.down
            labels = (("instance", name), ("job", "tcp"))
            self.series.put(name, labels, METRICS, [Reading("probe_success", float(up))])
            self.judge.saw(self.poller.visit(name, up=up))

    async def beats(self, count):
        """Let so many beats go by: a visit to everything, then a slot."""
        for _ in range(count):
            self.poll()
            await self.clock.advance(5)
            for _ in range(40):  # the evaluation runs in a thread
                await asyncio.sleep(0.002)
                if not self.judge._turning.locked():
                    break

    def only(self):
        (one,) = self.judge.incidents.values()
        return one


@pytest.fixture
async def desk(clock, tmp_path):
    desk = Desk(clock, tmp_path)
    running = asyncio.create_task(desk.judge.run())
    yield desk
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_fault_goes_all_the_way(desk):
    """
    Poll, series, rule, incident, notice, recovery: each in the transaction of its turn.
    """
    await desk.beats(2)
    assert desk.store.saved == []
    desk.down = {"access-3", "lis", "emr", "print"}
    await desk.beats(4)
    assert desk.store.notices() == ["told 张伟"]
    assert desk.woken == 1
    one = desk.only()
    assert (one.root.instance, one.fault_class, one.number) == ("access-3", "class1", 1001)
    desk.down = set()
    await desk.beats(2)
    assert desk.only().state is State.WATCHING
    await desk.beats(121)
    assert desk.only().state is State.RECOVERED
    assert desk.store.notices()[-1].startswith("recovered")


async def test_the_first_failure_asks_what_could_explain_it(desk):
    await desk.beats(1)
    desk.judge.saw(desk.poller.visit("lis", up=False))
    assert set(desk.poller.asked) == {"access-3", "core-1", "core-2"}
    desk.poller.asked.clear()
    desk.judge.saw(desk.poller.visit("lis", up=False))
    assert desk.poller.asked == []
    desk.judge.saw(desk.poller.visit("access-3", up=False))
    assert set(desk.poller.asked) == {"core-1", "core-2", "emr", "print"}


async def test_a_turn_that_cannot_be_written_is_taken_again(desk):
    """
    Nothing that was not committed is remembered; nothing is told twice once it is.
    """
    desk.down = {"his-db"}
    desk.store.broken = True
    await desk.beats(6)
    assert desk.judge.incidents == {}
    assert desk.judge.trouble
    desk.store.broken = False
    await desk.beats(4)
    assert desk.store.notices() == ["told 张伟"]
    assert desk.judge.trouble == ""


async def test_an_act_is_committed_before_it_is_answered(desk):
    desk.down = {"access-3", "lis"}
    await desk.beats(4)
    one = await desk.judge.submit(Act(ActKind.ACK, 1, "张伟"))
    assert one.acknowledged_by == "张伟"
    assert desk.store.saved[-1].incidents == (one,)
    with pytest.raises(IllegalActError, match="已由张伟接报"):
        await desk.judge.submit(Act(ActKind.ACK, 1, "王芳"))
    with pytest.raises(KeyError):
        await desk.judge.submit(Act(ActKind.ACK, 99, "张伟"))
    await desk.beats(1)
    assert desk.store.notices() == ["told 张伟", "director 王芳"]


async def test_an_act_that_cannot_be_written_did_not_happen(desk):
    desk.down = {"his-db"}
    await desk.beats(4)
    desk.store.broken = True
    with pytest.raises(StoreError):
        await desk.judge.submit(Act(ActKind.ACK, 1, "张伟"))
    assert desk.only().acknowledged_by == ""


async def test_thresholds_survive_a_restart(clock, tmp_path):
    """
    A daemon that was away over 30 minutes tells them once, from the same start.
    """
    first = Desk(clock, tmp_path)
    running = asyncio.create_task(first.judge.run())
    first.down = {"access-3", "lis", "emr"}
    await first.beats(4)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    incident = first.only()
    saved = Saved((incident,), tuple(first.judge.alerts.values()), 1)
    await clock.advance(40 * 60)
    second = Desk(clock, tmp_path, saved)
    second.down = first.down
    running = asyncio.create_task(second.judge.run())
    await second.beats(3)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert second.store.notices() == ["t30m 张伟", "t30m 王芳"]
    assert second.only().interrupted_at == incident.interrupted_at
    assert second.only().state is State.OPEN


async def test_the_wall_clock_may_step_back(desk):
    await desk.beats(3)
    desk.clock.start -= timedelta(hours=1)
    desk.down = {"access-3", "lis"}
    await desk.beats(6)
    assert desk.only().root.instance == "access-3"


async def test_board_shows_the_newest_round(desk):
    await desk.beats(2)
    board = desk.judge.board()
    assert board.now is not None
    assert board.systems_down == frozenset()
    desk.down = {"his-db"}
    await desk.beats(1)
    assert desk.judge.board().systems_down == {"HIS"}


def test_slots_are_multiples_of_the_grid_and_missed_ones_are_skipped():
    slots = Slots(15.0)
    assert slots.wait(1_000_000_007.0) == 13.0
    assert slots.due(1_000_000_021.0) == 1_000_000_020.0
    slots.last = 1_000_000_020.0
    assert slots.due(1_000_000_029.0) is None
    assert slots.due(1_000_000_080.0) == 1_000_000_080.0
    assert not slots.stepped_back(1_000_000_010.0)
    assert slots.stepped_back(1_000_000_000.0)


def test_the_hospital_of_these_tests_has_no_double_registry():
    assert isinstance(Vitals().registry, CollectorRegistry)
    assert Vitals().registry is not Vitals().registry
    assert TOPOLOGY.targets is TARGETS
