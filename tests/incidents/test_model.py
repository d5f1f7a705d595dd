"""Random lives of a hospital against a few laws that no order of events may break."""

from collections import Counter
from datetime import timedelta

from hospital import BOOK, PLAN, TARGETS, Room, alert, part_key, second
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from monitor.incidents.escalation import next_due
from monitor.incidents.lifecycle import apply
from monitor.model.act import Act, ActKind, IllegalActError
from monitor.model.incident import ClockState, State

RUNNING = (State.OPEN, State.WATCHING)
THRESHOLDS = {t.name for t in PLAN.thresholds}
NAMES = st.sampled_from(sorted(TARGETS))
SEVERAL = st.sets(NAMES, min_size=1, max_size=6)
WAITS = st.sampled_from([1, 2, 5, 11, 60, 300, 601, 1800, 7200])


class Life(RuleBasedStateMachine):
    """Failures, mends, acts, restarts and time, in any order."""

    @initialize()
    def begin(self):
        self.at = second(0)
        self.room = Room(BOOK, uplink=("core-1", "core-2"))
        self.said = Counter()  # notice key -> times
        self.first = {}  # (incident, threshold) -> due_at when it was armed
        self.turn()

    def turn(self, *, blind=False):
        before = dict(self.room.incidents)
        self.room.turn(self.at, blind=blind)
        self.said.update(n.key for n in self.room.notices)
        self.blind = blind
        roles = {p.name: p.roles for p in BOOK.people}
        for notice in self.room.notices:
            assert {"on_duty", "director"} & set(roles[notice.person])
        if blind:
            assert {i: x.state for i, x in self.room.incidents.items()} == {
                i: x.state for i, x in before.items()
            }, "nothing begins or ends while blind"

    @rule(names=SEVERAL, own_rule=st.booleans(), after=WAITS)
    def fail(self, names, own_rule, after):
        self.wait(after)
        self.room.fail(
            self.at, *(n for n in sorted(names) if n not in self.room.failed), rule=own_rule
        )
        self.turn()

    @rule(names=SEVERAL, after=WAITS)
    def mend(self, names, after):
        self.wait(after)
        self.room.mend(*names)
        self.turn()

    @rule(after=WAITS)
    def mend_all(self, after):
        self.wait(after)
        self.room.mend(*TARGETS)
        self.turn()

    @rule()
    def all_is_well(self):
        """Nothing stays open for ever: one 观察期 after the last end, all are recovered."""
        self.room.mend(*TARGETS)
        self.turn()
        self.wait(601)
        assert not [i for i in self.room.incidents.values() if i.state in RUNNING]

    @rule(name=NAMES, hazard=st.booleans())
    def fire(self, name, hazard):
        kind = ("DiskFull", "hazard") if hazard else ("Unstable", "class1")
        self.room.fire(alert(name, self.at, *kind, what="磁盘将满"))
        self.turn()

    @rule(slow=st.booleans())
    def say_of_a_system(self, slow):
        kind = ("Slow", "hazard") if slow else ("Dead", "class1")
        self.room.fire(alert("his-db", self.at, *kind, subject="HIS"))
        self.turn()

    @rule(key=st.integers(0, 99), withdrawn=st.booleans())
    def clear(self, key, withdrawn):
        keys = [k for k in self.room.alerts if k[1] in ("DiskFull", "Unstable", "Slow", "Dead")]
        if keys:
            gone = self.room.alerts.pop(keys[key % len(keys)])
            self.room.withdrawn = frozenset([part_key(gone.key)]) if withdrawn else frozenset()
            self.turn()

    @rule(names=SEVERAL)
    def silence(self, names):
        self.room.silent ^= names
        self.turn()

    @rule(
        kind=st.sampled_from(ActKind), who=st.sampled_from(["张伟", "王芳"]), pick=st.integers(0, 9)
    )
    def act(self, kind, who, pick):
        living = [i for i in self.room.incidents.values() if i.state is not State.MERGED]
        if not living:
            return
        one = living[pick % len(living)]
        try:
            self.room.incidents[one.id], _ = apply(one, Act(kind, one.id, who, "记录"), self.at)
        except IllegalActError:
            return
        self.turn()

    @rule(after=WAITS)
    def restart(self, after):
        """Dark for a while, then a blind turn, then one that sees."""
        self.at += timedelta(seconds=after)
        self.turn(blind=True)
        self.at += timedelta(seconds=5)
        self.turn()

    @rule(after=WAITS)
    def wait(self, after):
        """Time goes by; a turn is taken at every instant that something is owed."""
        end = self.at + timedelta(seconds=after)
        for _ in range(200):
            owed = [d for i in self.room.incidents.values() if (d := next_due(i, PLAN))]
            if not owed or min(owed) > end:
                break
            assert min(owed) >= self.at or self.blind, "what was owed has been left undone"
            self.at = max(self.at, min(owed))
            self.turn()
            left = [d for i in self.room.incidents.values() if (d := next_due(i, PLAN))]
            assert not left or min(left) > self.at, "the same instant again: it spins"
        self.at = end
        self.turn()

    @invariant()
    def every_firing_alert_is_in_one_running_incident(self):
        live = Counter(
            p.key
            for i in self.room.incidents.values()
            if i.state in RUNNING
            for p in i.parts
            if p.ended_at is None
        )
        assert set(live) == set(self.room.sight(self.at).live)
        assert set(live.values()) <= {1}

    @invariant()
    def no_two_running_incidents_share_a_root(self):
        roots = Counter(i.root.instance for i in self.room.incidents.values() if i.state in RUNNING)
        assert set(roots.values()) <= {1}

    @invariant()
    def what_is_over_has_nothing_live(self):
        for i in self.room.incidents.values():
            if i.state in (State.RECOVERED, State.CLOSED):
                assert all(p.ended_at for p in i.parts)
            if i.state is State.WATCHING:
                assert self.room.sight(self.at).outage.since(i.root.instance) is None

    @invariant()
    def nobody_hears_a_step_twice(self):
        assert set(self.said.values()) <= {1}

    @invariant()
    def a_threshold_never_moves_later_nor_fires_early(self):
        for i in self.room.incidents.values():
            for c in i.clocks:
                if c.step in THRESHOLDS:
                    assert c.due_at <= self.first.setdefault((i.id, c.step), c.due_at)
                    assert c.fired_at is None or c.fired_at >= c.due_at
                assert c.incident_id == i.id

    @invariant()
    def merged_chains_end(self):
        for one in self.room.incidents.values():
            seen, last = set(), one
            while last.state is State.MERGED:
                assert last.id not in seen
                seen.add(last.id)
                last = self.room.incidents[last.merged_into]

    @invariant()
    def who_was_told_hears_of_the_recovery_once(self):
        for i in self.room.incidents.values():
            if i.state in (State.RECOVERED, State.CLOSED):
                heard = {
                    k.rsplit(":", 1)[1] for k in self.said if k.startswith(f"{i.id}:recovered:")
                }
                assert heard == set(i.told)
                assert not any(c.state is ClockState.DUE for c in i.clocks)

    @invariant()
    def a_settled_incident_has_told_somebody(self):
        for i in self.room.incidents.values():
            if i.state in RUNNING and i.settle_until is None:
                assert "张伟" in i.told


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=250,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
