"""A later fault that reaches further than what was told."""

from hospital import BOOK, Room, minute, second

from monitor.model.incident import State

SIX = ("lis", "emr", "print")
BEHIND = ("access-1", "access-3", "his-db", "his-web-2")


def test_a_fault_in_the_watch_that_takes_the_house_is_told():
    """
    An access switch was out, told and mended; in its 观察期 both cores die. By the class alone
    nobody would hear that the whole house is down.
    """
    room = Room()
    room.fail(second(0), "access-3", *SIX)
    assert room.turn(second(1)) == ["told 张伟"]
    room.mend("access-3", *SIX)
    room.turn(second(30))
    assert room.only().state is State.WATCHING
    house = ("core-1", "core-2", *BEHIND, *SIX)
    room.fail(minute(4), *house)
    assert room.turn(minute(4)) == [], "what hangs on them is asked first"
    assert room.turn(minute(4) + BOOK.plan.settings.settle) == ["raised-whole 张伟"]
    (word,) = room.notices
    assert word.title.endswith("核心交换机失联")
    assert word.text.startswith("故障扩大。")
    room.mend(*house)
    room.turn(second(280))
    room.fail(second(290), *house)
    assert room.turn(second(300)) == [], "it drops again: no word"
