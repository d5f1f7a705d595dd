"""
The console in a real browser: it fits, counts, keeps what is typed, and never lies.

The pictures it takes lie in the test's temporary folder (pytest --basetemp to keep them).
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import chromium
import pytest
import web_desk
from fakes import FakeClock
from real import need
from web_desk import BEGAN, NOW, House, incident

from monitor.model.act import Act, ActKind
from monitor.model.board import Board
from monitor.web.server import Web

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
FIELD = "#note-text-7"


class RunningClock(FakeClock):
    """Real seconds from a fixed night on."""

    def __init__(self):
        super().__init__(NOW)
        self.began = asyncio.get_running_loop().time()

    def now(self):
        return NOW + timedelta(seconds=asyncio.get_running_loop().time() - self.began)


class LiveHouse(House):
    """A house whose checks go on."""

    def board(self):
        now = self.clock.now()
        values = self.board_values | {"now": now, "visits": web_desk.visits(now)}
        return Board(incidents=tuple(self.live.values()), **values)


@pytest.fixture
async def house():
    return LiveHouse(RunningClock())


@pytest.fixture
async def web(house):
    server = Web(house.desk(), "127.0.0.1", 0)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def browser(tmp_path):
    async with chromium.page(need("chromium"), tmp_path / "profile") as page:
        yield page


async def seconds_left(page):
    """The big countdown in seconds."""
    text = await page.run("document.querySelector('#card-7 .big time').textContent")
    minutes, seconds = text.split(":")
    return int(minutes) * 60 + int(seconds)


async def test_the_console_in_a_browser(web, house, browser, tmp_path):
    """One browser, one night: starting it costs more than what is asked of it."""
    url = f"http://127.0.0.1:{web.port}"
    await it_fits(browser, url, tmp_path)
    await it_counts_and_follows_the_server(browser, house)
    await it_keeps_what_is_typed(browser, house)
    await a_press_reaches_the_judge(browser, house)
    await it_prints(browser, url)
    await it_works_without_a_script(browser, url, house)
    await it_says_when_the_daemon_is_gone(browser, url, web)
    assert not [m for m in browser.messages if "Content Security" in m or "Error" in m]


async def it_fits(page, url, tmp_path):
    """At 360 px nothing stands out sideways, and every button can be hit by a thumb."""
    for width in (360, 1440):
        for path in ("/", "/incidents/7"):
            await page.open(url + path, width)
            wide = await page.run("document.documentElement.scrollWidth")
            assert wide <= width, (path, width)
            small = await page.run(
                "[...document.querySelectorAll('button, select, input, summary')]"
                ".filter(e => e.offsetParent && e.getBoundingClientRect().height < 44)"
                ".map(e => e.outerHTML.slice(0, 80))"
            )
            assert small == [], (path, width)
            await page.shot(tmp_path / f"console{path.replace('/', '-')}{width}.png")
    await page.open(url, 360)
    big = await page.run("parseFloat(getComputedStyle(document.querySelector('.big dd')).fontSize)")
    assert big >= 40


async def it_counts_and_follows_the_server(page, house):
    left = (BEGAN + timedelta(minutes=30) - house.clock.now()).total_seconds()
    assert abs(await seconds_left(page) - left) <= 1.5
    before = await seconds_left(page)
    await asyncio.sleep(2)
    assert 1 <= before - await seconds_left(page) <= 4
    # A computer that slept: its clock is right at once, without an answer of the server.
    await page.run("window.real = Date.now; Date.now = () => window.real() + 300_000; 0")
    await page.until("document.getElementById('lost').hidden === false")
    assert before - await seconds_left(page) > 290
    await page.run("Date.now = window.real; 0")
    early = BEGAN - timedelta(hours=1)  # above the card that is typed in
    house.live[9] = incident(
        9, number=4129, started_at=early, root=replace(incident().root, title="新来的故障")
    )
    await page.until("document.body.innerText.includes('新来的故障')")
    assert await page.run("document.title") == "(4) 值班 · 机房"
    assert await page.run("document.getElementById('lost').hidden")


async def it_keeps_what_is_typed(page, house):
    """A refresh under somebody's hands: text, focus, the open fold and the element stay."""
    await page.press("#note-7 > summary")
    await page.press("#impact-7 > summary")
    await page.press(FIELD)
    await page.type("换电源")
    await page.run(f"window.held = document.querySelector('{FIELD}'); 0")
    del house.live[9]
    await page.until("!document.body.innerText.includes('新来的故障')")
    house.live[10] = incident(10, number=4130, started_at=BEGAN - timedelta(hours=3))
    await page.until("document.getElementById('card-10') !== null")
    assert await page.run("document.activeElement === window.held"), "the very same field"
    assert await page.run(f"document.querySelector('{FIELD}').value") == "换电源"
    assert await page.run("document.getElementById('impact-7').open")
    order = "[...document.querySelectorAll('article')].map(e => e.id).slice(0, 2)"
    assert await page.run(order) == ["card-10", "card-7"]


async def a_press_reaches_the_judge(page, house):
    await page.run("document.getElementById('note-by-7').value = '李强'; 0")
    await page.press("#note-7 button")
    await page.until("document.getElementById('said').textContent === '#4127 已记录'")
    assert house.acts[-1] == Act(ActKind.NOTE, 7, "李强", "换电源")
    assert await page.run(f"document.querySelector('{FIELD}').value") == ""
    assert await page.run("document.getElementById('ack-by-7').value") == "李强"
    await page.press("#ack-7 button")
    await page.until("document.getElementById('said').textContent === '#4127 已接报'")
    assert house.acts[-1] == Act(ActKind.ACK, 7, "李强")
    await page.until("document.getElementById('card-7').innerText.includes('接报\\n李强')")


async def it_prints(page, url):
    await page.open(f"{url}/incidents/7")
    await page.call("Emulation.setEmulatedMedia", media="print")
    hidden = "getComputedStyle(document.querySelector('{}')).display"
    assert await page.run(hidden.format(".acts")) == "none"
    assert await page.run(hidden.format(".sign")) == "block"
    await page.call("Emulation.setEmulatedMedia", media="")


async def it_works_without_a_script(page, url, house):
    await page.open(url, 360, scripts=False)
    assert await page.run("document.querySelector('noscript meta') !== null")
    await page.run("document.getElementById('ack-by-10').value = '王芳'; 0")
    await page.press("#ack-10 button")
    await page.until("document.body && document.body.innerText.includes('王芳 03:')")
    assert house.acts[-1] == Act(ActKind.ACK, 10, "王芳")


async def it_says_when_the_daemon_is_gone(page, url, web):
    """Twelve seconds of silence, here cut short by the browser's own clock."""
    await page.open(url)
    await web.stop()
    await page.run("window.real = Date.now; Date.now = () => window.real() + 13_000; 0")
    await asyncio.sleep(4)  # longer than a refresh: an answer would have taken the bar away
    assert "连接中断" in await page.run("document.getElementById('lost').innerText")
    assert not await page.run("document.getElementById('lost').hidden")
    page.messages[:] = [m for m in page.messages if "ERR_CONNECTION_REFUSED" not in m]
