"""The switchboard in a real browser: the buttons, the width of a phone, the policy."""

import chromium
import pytest
from demo_parts import FakeAgents, FakeChild, FakeDatabase, switchboard
from real import need

from monitor.demo.hospital import Hospital
from monitor.demo.phone import Phones
from monitor.demo.places import DEVICES

pytestmark = pytest.mark.real

NOTICE = {
    "key": "1:told:张伟",
    "number": 4127,
    "person": "张伟",
    "phone": "13800000001",
    "title": "【拟一类】14:10 3号楼接入交换机失联",
    "text": "电子病历、LIS、体检受影响。14:40满30分钟。回1 4127接报",
}


async def test_press_and_see(clock, tmp_path):
    """
    A click cuts, the page shows who is affected without a reload, nothing is wider than 360 px.
    """
    program = need("chromium")
    hospital = Hospital(DEVICES, FakeDatabase(), FakeAgents(), clock)
    await hospital.start()
    phones, child = Phones(tmp_path / "phone.jsonl"), FakeChild()
    await child.start()
    try:
        async with (
            switchboard(hospital, phones, child, clock) as url,
            chromium.page(program, tmp_path / "profile") as page,
        ):
            await page.open(url, width=360)
            assert await page.run("document.querySelectorAll('.devices li').length") == len(DEVICES)
            await page.press("[aria-label='断开3号楼接入交换机']")
            await page.until("document.querySelectorAll('li.isolated').length === 6")
            assert hospital.broken == {"access-switch-3"}
            phones.take(NOTICE, clock.now())
            await page.until("document.querySelectorAll('.message').length === 1")  # by itself
            assert await page.run("document.documentElement.scrollWidth") <= 360
            narrow = "[...document.querySelectorAll('.name')].filter(n => n.offsetWidth < 160)"
            assert await page.run(f"{narrow}.length") == 0, "a name keeps its line"
            small = "[...document.querySelectorAll('button')].filter(b => b.offsetHeight < 44)"
            assert await page.run(f"{small}.length") == 0
            await page.shot(tmp_path / "360.png")
            await page.press("[aria-label='恢复3号楼接入交换机']")
            await page.until("document.querySelectorAll('li.isolated').length === 0")
            assert hospital.broken == frozenset()
            await hospital.break_("access-switch-3")
            await page.open(url, width=1440)
            await page.shot(tmp_path / "1440.png")
            assert page.messages == []  # nothing that the policy refused, no script error
    finally:
        await hospital.stop()
