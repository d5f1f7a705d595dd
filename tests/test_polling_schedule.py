"""The beat: its phase, its rhythm, and what is missed."""

import asyncio
from itertools import pairwise

import pytest
from fakes import settle
from hypothesis import given
from hypothesis import strategies as st

from monitor.polling.schedule import Beat, next_beat, phase


@given(st.text(), st.floats(0.1, 1e5))
def test_phase_is_steady_and_within_the_beat(name, every):
    assert 0 <= phase(name, every) < every
    assert phase(name, every) == phase(name, every)


@given(st.floats(0, 1e6), st.floats(0.1, 1e4), st.floats(-10, 1e6))
def test_next_beat_is_on_the_beat_and_not_past(due, every, later):
    """
    The next beat lies whole beats after this one, and never a whole beat back.
    """
    now = due + later
    following, missed = next_beat(due, every, now)
    assert missed >= 0
    assert following == due + every * (1 + missed)
    assert following > now - every * 1e-6


def watched(clock, takes, every=60.0):
    """Start a beat whose visits take so many seconds; returns it and the visits' instants."""
    beat = Beat("t", every, clock)
    seen, durations = [], iter(takes)

    async def visit():
        seen.append(clock.monotonic())
        await clock.sleep(next(durations, 0))

    return beat, seen, asyncio.ensure_future(beat.run(visit))


START = phase("t", 60.0)


@pytest.mark.parametrize(
    ("takes", "expected", "missed"),
    [
        pytest.param([], [0, 60, 120, 180], 0, id="quick visits keep the beat"),
        pytest.param([10, 10], [0, 60, 120, 180], 0, id="slow visits do not drift"),
        pytest.param([150], [0, 180], 2, id="missed beats are skipped, not chased"),
    ],
)
async def test_beat(clock, takes, expected, missed):
    beat, seen, task = watched(clock, takes)
    await clock.advance(START + 239)
    assert [round(at - START, 6) for at in seen] == expected
    assert beat.missed == missed
    task.cancel()


async def test_soon_is_outside_the_beat(clock):
    """
    A visit asked for comes at once, and the beat stays where it was.
    """
    beat, seen, task = watched(clock, [])
    await clock.advance(START + 10)
    beat.soon()
    await clock.advance(60)
    assert [round(at - START, 6) for at in seen] == [0, 10, 60]
    task.cancel()


async def test_soon_during_a_visit_comes_after_it(clock):
    """
    Never two visits at once: what is asked for meanwhile follows, and only once.
    """
    beat, seen, task = watched(clock, [20])
    await clock.advance(START + 5)
    beat.soon()
    beat.soon()
    await clock.advance(30)
    assert [round(at - START, 6) for at in seen] == [0, 20]
    task.cancel()


async def test_a_new_rhythm(clock):
    """
    A changed interval holds from the next visit on, which can be asked for.
    """
    beat, seen, task = watched(clock, [], every=3600.0)
    await clock.advance(1)
    beat.every = 10.0
    beat.soon()
    await clock.advance(30)
    assert len(seen) == 4
    assert {round(b - a, 6) for a, b in pairwise(seen[1:])} == {10}
    task.cancel()


async def test_lateness(clock):
    """
    How late a visit began is known: here one asked for before the beat held it up.
    """
    beat, seen, task = watched(clock, [0, 20, 0])
    await clock.advance(START + 50)
    beat.soon()
    await clock.advance(25)
    assert [round(at - START, 6) for at in seen] == [0, 50, 70]
    assert round(beat.lateness, 6) == 10
    assert beat.missed == 0
    task.cancel()
    await settle()
