"""The switchboard page, the phones behind it, and who may press its buttons."""

import json

import aiohttp
import pytest
from demo_parts import FakeAgents, FakeChild, FakeDatabase, switchboard

from monitor.demo.edge import HOST
from monitor.demo.hospital import Hospital
from monitor.demo.network import Break, Device
from monitor.demo.phone import MalformedMessageError, Mode, Phones

DEVICES = {
    d.name: d
    for d in (
        Device("core", "核心交换机", "tcp", "core-switch", 1),
        Device("db", "数据库", "postgresql", "database", 1, (("core",),), breaks=Break.STOP),
        Device("site", "网站<b>", "http", "web", 1, (("core",),), (("db",),), breaks=Break.ERROR),
        Device("host", "服务器", "scrape", "server", 2, (("core",),)),
    )
}
NOTICE = {
    "key": "1:told:张伟",
    "number": 4127,
    "title": "【拟一类】核心交换机失联",
    "text": "03:40满30分钟。回1 4127接报",
    "person": "张伟",
    "phone": "13800000001",
    "step": "told",
    "facts": {},
}


@pytest.fixture
async def hospital(clock):
    built = Hospital(DEVICES, FakeDatabase(), FakeAgents(), clock)
    await built.start()
    yield built
    await built.stop()


@pytest.fixture
async def board(hospital, clock, tmp_path):
    """A session whose base is the page's own address, on a real socket."""
    child, phones = FakeChild(), Phones(tmp_path / "phone.jsonl")
    async with (
        switchboard(hospital, phones, child, clock) as url,
        aiohttp.ClientSession(url) as session,
    ):
        session.phones = phones
        session.child = child
        yield session


async def conditions(board):
    async with board.get("/api/hospital") as answer:
        return {d["name"]: d["condition"] for d in (await answer.json())["devices"]}


async def test_page_shows_network_and_phones(board):
    async with board.get("/") as answer:
        text = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
    assert "核心交换机" in text
    assert "张伟" in text
    assert "还没有消息" in text
    assert "网站&lt;b&gt;" in text  # titles are text, never markup
    assert "default-src 'self'" in policy
    assert "<style" not in text
    assert text.count("<script") == text.count("<script src=") == 1
    assert " on" + "click" not in text


@pytest.mark.parametrize("path", ["/static/htmx.min.js", "/static/demo.css"])
async def test_what_the_page_names_is_served(board, path):
    async with board.get(path) as answer:
        assert answer.status == 200
        assert len(await answer.read()) > 1000


async def test_buttons_break_and_mend_with_and_without_scripts(board):
    async with board.post("/press/break", data={"name": "core"}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert await conditions(board) == {
        "core": "broken",
        "db": "isolated",
        "site": "isolated",
        "host": "isolated",
    }
    htmx = {"HX-Request": "true"}
    async with board.post("/press/mend", data={"name": "core"}, headers=htmx) as answer:
        text = await answer.text()
    assert answer.status == 200
    assert "<html" not in text
    assert "正常" in text
    assert set((await conditions(board)).values()) == {"well"}


async def test_api_breaks_and_names_what_went_with_it(board):
    async with board.post("/api/break", json={"name": "core"}) as answer:
        assert await answer.json() == {"name": "core", "also": ["db", "site", "host"]}
    async with board.get("/board") as answer:
        text = await answer.text()
    assert "因核心交换机" in text
    assert "已断开" in text


async def test_the_page_starts_a_daemon_that_died(board):
    async with board.get("/board") as answer:
        assert "重新启动" in await answer.text()
    async with board.post("/press/restart-daemon", headers={"HX-Request": "true"}) as answer:
        assert "重新启动" not in await answer.text()
    assert not board.child.down


async def get(hospital, name, path):
    async with aiohttp.ClientSession() as session:
        url = f"http://{HOST}:{hospital.ports[name]}{path}"
        async with session.get(url) as answer:
            return answer.status, await answer.text()


async def test_a_website_says_which_of_the_two_is_broken(hospital):
    assert (await get(hospital, "site", "/"))[0] == 200
    await hospital.break_("db")
    status, text = await get(hospital, "site", "/")
    assert (status, "数据库连不上" in text) == (500, True)
    await hospital.mend("db")
    await hospital.break_("site")
    status, text = await get(hospital, "site", "/")
    assert (status, "程序异常" in text) == (500, True)


async def test_a_virtual_server_speaks_the_exposition_format(hospital):
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415  here only

    status, text = await get(hospital, "host", "/metrics")
    families = {f.name: f for f in text_string_to_metric_families(text)}
    assert status == 200
    assert families["node_cpu_seconds"].type == "counter"
    size, free = (
        families[f"node_filesystem_{n}_bytes"].samples[0].value for n in ("size", "avail")
    )
    assert 0.3 < free / size < 0.8  # far from the limit that a rule watches
    assert families["node_time_seconds"].samples[0].value == 1790881800.0  # the clock's, not ours


async def test_a_message_arrives_once_confirmed(board):
    async with board.post("/phone", json=NOTICE) as answer:
        assert (answer.status, await answer.json()) == (200, {"errcode": 0, "errmsg": "ok"})
    async with board.get("/api/phone") as answer:
        (message,) = (await answer.json())["messages"]
    assert message["title"] == NOTICE["title"]
    assert message["number"] == "4127"
    assert message["received_at"] == "2026-10-01T19:10:00.000Z"
    async with board.get("/board") as answer:
        text = await answer.text()
    assert "<b>【拟一类】核心交换机失联</b>" in text
    assert text.index("【拟一类】核心交换机失联") < text.index("回1 4127接报")
    assert "03:10:00" in text  # Shanghai


async def test_modes_refuse_and_keep_silent(board):
    """
    Refused and unanswered messages never arrive; they are counted; then all is well again.
    """
    async with board.post("/api/phone-mode", json={"mode": "refuse"}) as answer:
        assert await answer.json() == {"mode": "refuse"}
    async with board.post("/phone", json=NOTICE) as answer:
        assert (answer.status, (await answer.json())["errcode"]) == (200, 93000)
    async with board.post("/press/phone-mode", data={"mode": "silent"}):
        pass
    with pytest.raises(TimeoutError):
        async with board.post("/phone", json=NOTICE, timeout=aiohttp.ClientTimeout(total=1)):
            pass
    async with board.get("/api/phone") as answer:
        body = await answer.json()
    assert (body["mode"], body["messages"]) == ("silent", [])
    assert body["turned_away"] == {"refuse": 1, "silent": 1}
    async with board.post("/api/phone-mode", json={"mode": "normal"}):
        pass
    async with board.post("/phone", json=NOTICE) as answer:
        assert (await answer.json())["errcode"] == 0


# method, path, what is sent -> status, a word of the answer
REFUSED = {
    "unknown device": ("/api/break", {"json": {"name": "croe"}}, 404, "core"),
    "unknown mode": ("/api/phone-mode", {"json": {"mode": "loud"}}, 400, "normal, refuse, silent"),
    "not JSON": ("/api/break", {"data": b"{"}, 400, "JSON"),
    "not an object": ("/api/break", {"json": [1]}, 400, "object"),
    "no such act": ("/press/explode", {"data": {}}, 404, "act"),
    "a message without a person": (
        "/phone",
        {"json": {"key": "k", "title": "t"}},
        400,
        "no person",
    ),
    "a message that is a list": ("/phone", {"json": []}, 400, "one JSON object"),
    "a body over 64 kB": ("/phone", {"data": b"x" * 70_000}, 413, ""),
    "a page of another site": (
        "/api/break",
        {"json": {"name": "core"}, "headers": {"Origin": "http://evil.example"}},
        403,
        "another site",
    ),
    "a sandboxed page": (
        "/press/break",
        {"data": {"name": "core"}, "headers": {"Origin": "null"}},
        403,
        "another site",
    ),
    "a name that is not loopback": (
        "/api/break",
        {"json": {"name": "core"}, "headers": {"Host": "rebound.example:8601"}},
        403,
        "loopback",
    ),
}


@pytest.mark.parametrize(("path", "sent", "status", "word"), REFUSED.values(), ids=REFUSED)
async def test_refused(board, path, sent, status, word):
    async with board.post(path, **sent) as answer:
        assert answer.status == status
        assert word in await answer.text()
    assert set((await conditions(board)).values()) == {"well"}
    assert board.phones.messages == ()


def test_phones_survive_a_kill(tmp_path, clock):
    """
    What was confirmed is in the file; a line that a kill cut short is passed over.
    """
    file = tmp_path / "phone.jsonl"
    Phones(file).take(NOTICE, clock.now())
    with file.open("a") as out:
        out.write('{"key": "half')
    again = Phones(file)
    assert [m.key for m in again.messages] == ["1:told:张伟"]


def test_phones_mark_a_repeated_delivery(tmp_path, clock):
    phones = Phones(tmp_path / "phone.jsonl")
    marks = [phones.take(NOTICE, clock.now()).repeated for _ in range(2)]
    assert marks == [False, True]
    lines = (tmp_path / "phone.jsonl").read_text().splitlines()
    assert [json.loads(line)["repeated"] for line in lines] == marks


def test_phones_bound_and_clean_what_they_show(tmp_path, clock):
    phones = Phones(tmp_path / "phone.jsonl")
    hostile = NOTICE | {"title": "a\x1b[31m\n" + "x" * 500, "text": "y" * 10_000}
    message = phones.take(hostile, clock.now())
    assert "\x1b" not in message.title
    assert len(message.title) <= 200
    assert len(message.text) == 4000


def test_phones_start_in_the_normal_mode(tmp_path):
    assert Phones(tmp_path / "phone.jsonl").mode is Mode.NORMAL


def test_phones_refuse_what_is_no_message(tmp_path, clock):
    with pytest.raises(MalformedMessageError, match="no title"):
        Phones(tmp_path / "p").take({"key": "k", "person": "张伟", "title": ""}, clock.now())
    assert not (tmp_path / "p").exists()
