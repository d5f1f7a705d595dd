"""Channels against a real HTTP server that lies, hangs, floods and refuses."""

import asyncio
import gzip
import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from pydantic import SecretStr

from monitor.config.channels import CHANNELS as CONFIGURED
from monitor.model.incident import Notice
from monitor.model.person import Person
from monitor.notify import channels
from monitor.notify.channels import SendError, http
from monitor.notify.channels.wecom_bot import MAX_BYTES, content

KEY = "693a91f6-7xxx-hunter2"
TOKEN = "Bearer opensesame"
PERSON = Person("张工", "13800000000", ("on_duty",), ("hook",))
NOTICE = Notice(
    "7:told:张工",
    7,
    "told",
    "张工",
    "hook",
    "【拟一类】核心交换机失联",
    "@all 影响6台服务器 <@zhang>",
    datetime(2026, 10, 1, 19, 10, tzinfo=UTC),
    facts={"number": "0007", "fault_class": "class1"},
)


@dataclass
class Config:
    """The fields of monitor.config.channels, without files to resolve."""

    kind: str
    url: SecretStr
    timeout: timedelta = timedelta(seconds=2)
    headers: dict = field(default_factory=lambda: {"Authorization": SecretStr(TOKEN)})


class Server:
    """Answers every POST as ``answer`` does, and keeps what it was sent."""

    def __init__(self):
        self.requests = []
        self.answer = lambda request: web.Response()

    async def take(self, request):
        self.requests.append((request.path_qs, dict(request.headers), await request.json()))
        answer = self.answer(request)
        return await answer if asyncio.iscoroutine(answer) else answer


@pytest.fixture
async def server():
    server = Server()
    app = web.Application()
    app.router.add_post("/{tail:.*}", server.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    yield server
    await runner.cleanup()


async def send(kind, port, notice=NOTICE, **more):
    url = SecretStr(f"http://127.0.0.1:{port}/cgi-bin/webhook/send?key={KEY}")
    async with http.session() as session:
        await channels.build(Config(kind, url, **more), session).send(notice, PERSON)


async def refusal(kind, port, **more):
    with pytest.raises(SendError) as e:
        await send(kind, port, **more)
    return e.value


def says(text, status=200, **headers):
    body = text if isinstance(text, bytes) else text.encode()
    return lambda request: web.Response(status=status, body=body, headers=headers)


async def drip(request):
    """A byte every 50 ms, for ever."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


async def flood(request):
    """An answer that does not end, as fast as it goes."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 65536)


async def half(request):
    """It says 100 bytes, sends four and hangs up."""
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"{}  ")
    request.transport.abort()
    return response


async def silence(request):
    await asyncio.sleep(60)


async def hang_up(request):
    request.transport.abort()


BOMB = gzip.compress(b" " * (1 << 20))

ACCEPTED = {
    "empty": says(""),
    "204": says("", 204),
    "text": says("ok"),
    "errcode 0": says('{"errcode":0,"errmsg":"ok"}'),
    "code 200": says('{"code":200}'),
    "code as text": says('{"code":"0"}'),
    "error null": says('{"error":null}'),
    "error false": says('{"error":false,"success":true}'),
    "code OK": says('{"code":"OK"}'),
    "a list": says("[1]"),
}
REFUSED = {
    "a log-in page of the network": (
        says("\r\n<!DOCTYPE html><title>上网认证</title>"),
        "应答是网页不是接口（地址错了，或被上网认证拦下），不能算送达",
        False,
        None,
    ),
    "500": (says("", 500), "HTTP 500", False, None),
    "404": (says("", 404), "HTTP 404", True, None),
    "429 with a wait": (says("", 429, **{"Retry-After": "17"}), "HTTP 429", False, 17),
    "429 with a date": (says("", 429, **{"Retry-After": "Wed, 21 Oct"}), "HTTP 429", False, None),
    "503 asks for an hour": (says("", 503, **{"Retry-After": "3600"}), "HTTP 503", False, 600),
    "503 asks for nothing": (says("", 503, **{"Retry-After": "0"}), "HTTP 503", False, 1),
    "redirect": (
        says("", 302, Location="http://127.0.0.1:1/"),
        "HTTP 302：要求转到别处，不跟随",
        True,
        None,
    ),
    "errcode in a 200": (says('{"errcode":40001}'), "对方拒收：errcode 40001", False, None),
    "code and why": (
        says('{"code":500,"msg":"no\\u0007 quota"}'),
        "对方拒收：code 500：no  quota",
        False,
        None,
    ),
    "error true": (says('{"error":true}'), "对方拒收：error True", False, None),
    "no success": (says('{"success":false,"message":"满"}'), "对方拒收：满", False, None),
    "echoes our key": (
        says(json.dumps({"code": 1, "msg": f"bad {KEY} {TOKEN}"})),
        "对方拒收：code 1：bad *** ***",
        False,
        None,
    ),
    "a bomb": (says(BOMB, **{"Content-Encoding": "gzip"}), "应答经过压缩，无法核对", False, None),
    "flood": (flood, "应答超过64KB，无法核对", False, None),
    "half an answer": (half, "连接中断（ClientPayloadError）", False, None),
    "hangs up": (hang_up, "连接中断（ServerDisconnectedError）", False, None),
}


@pytest.mark.parametrize("answer", ACCEPTED.values(), ids=ACCEPTED)
async def test_webhook_accepts(server, answer):
    server.answer = answer
    await send("webhook", server.port)
    assert len(server.requests) == 1


@pytest.mark.parametrize(("answer", "detail", "permanent", "wait"), REFUSED.values(), ids=REFUSED)
async def test_webhook_refused(server, caplog, answer, detail, permanent, wait):
    """
    Each refusal has its sentence, and none of them holds the key or the token.
    """
    server.answer = answer
    with caplog.at_level(logging.DEBUG):
        error = await refusal("webhook", server.port)
    assert (error.detail, error.permanent, error.wait) == (detail, permanent, wait)
    shown = f"{error!r} {error.__cause__!r} {caplog.text}"
    assert "hunter2" not in shown
    assert "opensesame" not in shown


@pytest.mark.parametrize("answer", [silence, drip], ids=["silence", "a byte at a time"])
@pytest.mark.parametrize("kind", ["webhook", "wecom_bot"])
async def test_the_deadline_holds(server, kind, answer):
    """
    Whatever the other side does, the send is over at its deadline.
    """
    server.answer = answer
    began = asyncio.get_running_loop().time()
    error = await refusal(kind, server.port, timeout=timedelta(seconds=0.2))
    assert error.detail == "0.2秒内没有应答"
    assert asyncio.get_running_loop().time() - began < 1


async def test_nobody_listens():
    """
    A refused connection is a sentence without the address.
    """
    error = await refusal("webhook", 1)
    assert error.detail == "连不上：对方拒绝连接"
    assert not error.permanent


async def test_webhook_payload(server):
    """
    The JSON, field by field, and a key by which the receiver can drop a second one.
    """
    await send("webhook", server.port)
    _, headers, body = server.requests[0]
    assert headers["Idempotency-Key"] == "7:told:%E5%BC%A0%E5%B7%A5"
    assert headers["Authorization"] == TOKEN
    assert body == {
        "key": "7:told:张工",
        "number": "0007",
        "title": NOTICE.title,
        "text": NOTICE.text,
        "person": "张工",
        "phone": "13800000000",
        "step": "told",
        "incident_id": 7,
        "created_at": "2026-10-01T19:10:00Z",
        "facts": {"number": "0007", "fault_class": "class1"},
    }


async def test_wecom_payload(server):
    """
    Title first, one text, nobody mentioned.
    """
    server.answer = says('{"errcode":0,"errmsg":"ok"}')
    await send("wecom_bot", server.port)
    path, _, body = server.requests[0]
    assert path == f"/cgi-bin/webhook/send?key={KEY}"
    text = "【拟一类】核心交换机失联\n＠all 影响6台服务器 <＠zhang>"
    assert body == {"msgtype": "text", "text": {"content": text}}


WECOM = {
    "rate": ('{"errcode":45009}', "企业微信拒收：45009 发送过频，每分钟限20条", False, 60),
    "gone": ('{"errcode":93000}', "企业微信拒收：93000 机器人地址无效或机器人已被移除", True, None),
    "key": (
        json.dumps({"errcode": 40058, "errmsg": f"invalid key {KEY}"}),
        "企业微信拒收：40058 invalid key ***",
        True,
        None,
    ),
    "busy": ('{"errcode":-1}', "企业微信拒收：-1 系统繁忙", False, None),
    "not theirs": ("<html>", "应答不是企业微信的格式，不能算送达", False, None),
    "no code": ("{}", "应答不是企业微信的格式，不能算送达", False, None),
    "false is no 0": ('{"errcode":false}', "应答不是企业微信的格式，不能算送达", False, None),
    "deep": ("[" * 30000, "应答不是企业微信的格式，不能算送达", False, None),
}


@pytest.mark.parametrize(("body", "detail", "permanent", "wait"), WECOM.values(), ids=WECOM)
async def test_wecom_refused(server, body, detail, permanent, wait):
    """
    HTTP 200 with an error code is a refusal.
    """
    server.answer = says(body)
    error = await refusal("wecom_bot", server.port)
    assert (error.detail, error.permanent, error.wait) == (detail, permanent, wait)


@pytest.mark.parametrize("lead", range(4))
def test_cut_to_the_byte(lead):
    """
    At most 2,048 bytes, as many as fit, never half a character; what fits is not touched.
    """
    text = content("a" * lead, "故" * 3000)
    assert MAX_BYTES - 2 <= len(text.encode()) <= MAX_BYTES
    assert text.endswith("故…")
    whole = content("t", "x" * (MAX_BYTES - 2))
    assert len(whole.encode()) == MAX_BYTES
    assert not whole.endswith("…")


def test_every_configured_kind_has_a_sender():
    assert channels.CHANNELS.keys() == CONFIGURED.keys()
