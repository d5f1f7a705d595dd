"""The judge's shell in trouble: reloads, slow rules, people who hang up, clocks, restarts."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hospital import TARGETS, Room, minute, second
from test_judge import Desk

from monitor.alerting.ruleset import RuleSet
from monitor.judge import judge as shell
from monitor.judge.slots import Slots
from monitor.model.act import Act, ActKind
from monitor.model.incident import State
from monitor.store import Saved


@pytest.fixture
async def desk(clock, tmp_path):
    desk = Desk(clock, tmp_path)
    running = asyncio.create_task(desk.judge.run())
    yield desk
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def during(monkeypatch, act):
    """Have this done once, in the middle of the next evaluation."""
    real, todo = shell.turn, [act]

    def turn(*args):
        if todo:
            todo.pop()()
        return real(*args)

    monkeypatch.setattr(shell, "turn", turn)


async def test_a_reload_in_the_middle_of_an_evaluation_is_judged_by_the_new_rules(
    desk, monkeypatch
):
    """
    What the old rules say of it opens no incident and tells nobody.
    """
    desk.down = {"his-db"}
    await desk.beats(1)
    assert desk.judge.incidents == {}
    assert desk.judge.alerts
    no_rules = replace(desk.judge.law, rules=RuleSet(()))
    during(monkeypatch, lambda: setattr(desk.judge, "law", no_rules))
    await desk.beats(3)
    assert desk.judge.incidents == {}
    assert desk.judge.alerts == {}
    assert desk.store.notices() == []


async def test_an_evaluation_that_outlives_its_samples_changes_nothing(desk, monkeypatch):
    desk.down = {"his-db"}
    await desk.beats(4)
    before = desk.judge.alerts
    assert desk.store.notices() == ["told 张伟"]
    axis = desk.judge.slots

    def nine_slots_go_by():
        for i in range(1, 10):
            desk.series.snapshot(axis.last + i / 10)

    during(monkeypatch, nine_slots_go_by)
    await desk.beats(1)
    assert desk.judge.alerts.keys() == before.keys()
    assert desk.only().state is State.OPEN
    desk.down = set()
    await desk.beats(2)
    assert desk.only().state is State.WATCHING


async def test_an_act_whose_asker_hangs_up_is_kept_when_it_is_written(desk):
    """
    The store writes it all the same: the next turn must not write it away.
    """
    desk.down = {"his-db"}
    await desk.beats(4)
    go, save = asyncio.Event(), desk.store.save

    async def slowly(changes):
        await go.wait()
        await save(changes)

    desk.store.save = slowly
    asking = asyncio.create_task(desk.judge.submit(Act(ActKind.ACK, 1, "张伟")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.sleep(0)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert desk.store.saved[-1].incidents[0].acknowledged_by == "张伟"
    assert desk.only().acknowledged_by == "张伟"


def test_a_clock_that_stepped_back_an_hour_does_not_stop_the_rounds_for_one():
    slots = Slots(15.0, last=1_000_000_020.0)
    assert slots.wait(1_000_000_020.0 - 3600.0) <= 15.0


def watched(at):
    """An incident in 观察期 since ten minutes before the daemon went away."""
    room = Room()
    room.fail(minute(-60), "his-db")
    room.turn(minute(-60))
    room.mend("his-db")
    room.turn(minute(-50))
    assert room.only().state is State.WATCHING
    return Saved((room.only(),), (), 1)


async def run(desk, seconds):
    running = asyncio.create_task(desk.judge.run())
    await desk.clock.advance(seconds)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_blind_start_neither_recovers_nor_spins(clock, tmp_path):
    desk = Desk(clock, tmp_path, watched(second(0)))
    slept, sleep = [], clock.sleep

    async def counted(seconds):
        slept.append(seconds)
        await sleep(seconds)

    clock.sleep = counted
    await run(desk, 4)
    assert desk.only().state is State.WATCHING
    assert len(slept) < 10


async def test_observation_is_what_was_observed(clock, tmp_path):
    """
    A daemon that comes back looks for a whole 观察期 before it says 已恢复.
    """
    desk = Desk(clock, tmp_path, watched(second(0)))
    running = asyncio.create_task(desk.judge.run())
    await desk.beats(100)
    assert desk.only().state is State.WATCHING
    await desk.beats(22)
    assert desk.only().state is State.RECOVERED
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_target_removed_while_the_daemon_was_off_is_withdrawn_not_recovered(
    clock, tmp_path
):
    first = Desk(clock, tmp_path)
    running = asyncio.create_task(first.judge.run())
    first.down = {"backup"}
    await first.beats(4)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    saved = Saved((first.only(),), tuple(first.judge.alerts.values()), 1)
    desk = Desk(clock, tmp_path, saved)
    topology = replace(
        desk.judge.law.book.topology, targets={n: t for n, t in TARGETS.items() if n != "backup"}
    )
    book = replace(desk.judge.law.book, topology=topology)
    desk.judge.swap(replace(desk.judge.law, book=book))
    running = asyncio.create_task(desk.judge.run())
    await clock.advance(11)  # blind: two rounds before anything has answered
    for _ in range(200):
        await asyncio.sleep(0.002)
        if not desk.judge._turning.locked():
            break
    assert desk.judge.alerts == {}
    await desk.beats(2)
    (part,) = desk.only().parts
    assert part.withdrawn
    await desk.beats(122)
    (notice,) = [n for c in desk.store.saved for n in c.notices if n.step == "recovered"]
    assert notice.title == "【不再监控】备份服务器失联(事件1001)"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_settling_survives_a_restart(clock, tmp_path):
    """
    The first answers after a start are looked at as they come, not at the next slot.
    """
    room = Room()
    room.silent.update(TARGETS)
    room.fail(second(0), "access-3", rule=False)
    room.fail(second(0), "lis")
    room.turn(second(1))
    assert room.only().settle_until
    desk = Desk(clock, tmp_path, Saved((room.only(),), (), 1))
    desk.judge.saw(desk.poller.visit("core-1", up=True))
    assert desk.judge._poked.is_set()
    assert timedelta(0) < room.only().settle_until - second(1)
