"""Acts over the API: what reaches the judge, and what is refused with which words."""

import gzip
import io
import json
from dataclasses import replace

import pytest
from web_served import client, get, house, post, web

from monitor.model.act import Act, ActKind
from monitor.model.incident import State
from monitor.store.errors import StoreError

__all__ = ["client", "house", "web"]


async def test_acts_reach_the_judge_one_by_one(client, house):
    before = await get(client, "/api/v1/incidents/7")
    acked = await post(client, "/api/v1/incidents/7/ack", {"by": "张伟"})
    assert acked["acknowledged_by"] == acked["owner"] == "张伟"
    assert acked["clock"] == before["clock"], "an acknowledgement moves no step"
    await post(
        client, "/api/v1/incidents/7/note", {"by": "李强", "text": " 换\u202e电源\r\n第二行\x00 "}
    )
    closed = await post(client, "/api/v1/incidents/5/close", {"by": "王芳", "text": "主备切换"})
    assert closed["state"] == "closed"
    assert house.acts == [
        Act(ActKind.ACK, 7, "张伟", ""),
        Act(ActKind.NOTE, 7, "李强", "换电源\n第二行"),
        Act(ActKind.CLOSE, 5, "王芳", "主备切换"),
    ]


ILLEGAL = {
    "acknowledged already": ("/8/ack", "#4128 已由张伟接报"),
    "not recovered": ("/7/close", "#4127 还没有恢复,不能关闭"),
    "closed long ago": ("/3/note", "#4123 已关闭,不能再操作"),
}


@pytest.mark.parametrize(("path", "sentence"), ILLEGAL.values(), ids=ILLEGAL)
async def test_an_illegal_act_is_refused_with_the_sentence(client, house, path, sentence):
    body = {"by": "张伟", "text": "试"}
    refused = await post(client, f"/api/v1/incidents{path}", body, 409)
    assert refused == {"error": {"code": "illegal_act", "message": sentence}}
    assert house.acts == []


async def test_an_act_on_a_merged_incident_names_the_one_that_goes_on(client, house):
    one = house.live.pop(7)
    house.store.rows[7] = replace(one, state=State.MERGED, merged_into=8)
    refused = await post(client, "/api/v1/incidents/7/ack", {"by": "张伟"}, 409)
    assert refused["error"]["message"] == "#4127 已并入#1008,请到那一事件上操作"


ACK = "/api/v1/incidents/7/ack"
NOTE = "/api/v1/incidents/7/note"
KNOWN = "known: by, text"
BAD_BODIES = {
    "unknown field": (ACK, {"by": "张伟", "eta": 1}, f'unknown field "eta"; {KNOWN}'),
    "control characters in a name": (
        ACK,
        {"by": "张伟", "a\x1b[1m": 1},
        f'unknown field "a[1m"; {KNOWN}',
    ),
    "nobody": (ACK, {}, 'field "by" is missing'),
    "a number": (ACK, {"by": 7}, 'field "by" must be a string'),
    "a stranger": (
        ACK,
        {"by": "赵六"},
        '"by" must name a person of the configuration: 张伟, 王芳, 李强',
    ),
    "empty name": (ACK, {"by": ""}, 'field "by" must not be empty'),
    "long name": (ACK, {"by": "张" * 65}, 'field "by" is longer than 64 characters'),
    "a list": (ACK, ["张伟"], "the body must be a JSON object"),
    "a note without text": (NOTE, {"by": "张伟"}, 'field "text" is missing'),
    "a note of nothing": (
        NOTE,
        {"by": "张伟", "text": " \u202e\n "},
        'field "text" must not be empty',
    ),
    "a long note": (
        NOTE,
        {"by": "张伟", "text": "长" * 501},
        'field "text" is longer than 500 characters',
    ),
    "a reload by nobody": (
        "/api/v1/reload",
        {"by": "x"},
        '"by" must name a person of the configuration: 张伟, 王芳, 李强',
    ),
}


@pytest.mark.parametrize(("path", "body", "sentence"), BAD_BODIES.values(), ids=BAD_BODIES)
async def test_bad_bodies(client, house, path, body, sentence):
    refused = await post(client, path, body, 400)
    assert refused == {"error": {"code": "bad_request", "message": sentence}}
    assert house.acts == []
    assert house.reloaded_by == []


RAW = {
    "not JSON": (b"{", {"Content-Type": "application/json"}, 400, "the body is not JSON"),
    "deep": (b"[" * 100_000, {"Content-Type": "application/json"}, 400, "the body is not JSON"),
    "not UTF-8": (
        b'{"by":"\xff"}',
        {"Content-Type": "application/json"},
        400,
        "the body is not JSON",
    ),
    "text": (b"{}", {"Content-Type": "text/plain", "X-Zhiban": "1"}, 415, "send application/json"),
    "too large": (
        io.BytesIO(b" " * (1 << 20) + b"{}"),
        {"Content-Type": "application/json"},
        413,
        "the body is larger than 1 MiB",
    ),
    "compressed": (
        gzip.compress(b" " * 50_000_000),
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        415,
        "a compressed body is not taken",
    ),
}


@pytest.mark.parametrize(("body", "headers", "status", "sentence"), RAW.values(), ids=RAW)
async def test_raw_bodies(client, body, headers, status, sentence):
    async with client.post(ACK, data=body, headers=headers) as answer:
        assert answer.status == status
        assert (await answer.json())["error"]["message"] == sentence


STATE_SENTENCE = (
    "query parameter \"state\" must be one of 'open', 'watching', 'recovered', 'closed', "
    "'merged' or 'all'"
)
NOT_THERE = {
    "no such incident": ("GET", "/api/v1/incidents/99", 404, "there is no incident 99"),
    "act on none": ("POST", "/api/v1/incidents/99/ack", 404, "there is no incident 99"),
    "no such route": ("GET", "/api/v1/nothing", 404, "not found"),
    "huge id": ("GET", f"/api/v1/incidents/{'9' * 30}", 404, "not found"),
    "wrong method": ("DELETE", "/api/v1/incidents/7", 405, "method not allowed"),
    "unknown query": ("GET", "/api/v1/targets?q=1", 400, 'unknown query parameter "q"'),
    "unknown state": (
        "GET",
        "/api/v1/incidents?state=gone",
        400,
        STATE_SENTENCE,
    ),
    "limit of words": (
        "GET",
        "/api/v1/incidents?limit=x",
        400,
        'query parameter "limit" must be a whole number',
    ),
    "limit over": (
        "GET",
        "/api/v1/incidents?limit=501",
        400,
        'query parameter "limit": input should be less than or equal to 500',
    ),
    "given twice": (
        "GET",
        "/api/v1/incidents?limit=1&limit=2",
        400,
        "a query parameter is given twice",
    ),
}


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"), NOT_THERE.values(), ids=NOT_THERE
)
async def test_refusals_are_json(client, method, path, status, sentence):
    async with client.request(
        method, path, json={"by": "张伟"} if method != "GET" else None
    ) as answer:
        assert (answer.status, (await answer.json())["error"]["message"]) == (status, sentence)


async def test_a_bug_is_a_500_without_a_traceback(client, house, caplog):
    house.fails = ZeroDivisionError("secret detail")
    refused = await post(client, ACK, {"by": "张伟"}, 500)
    assert refused["error"]["code"] == "internal"
    assert "secret" not in json.dumps(refused)
    assert "secret detail" in caplog.text, "the log has it"


async def test_an_act_that_cannot_be_written_is_a_503_never_a_200(client, house):
    house.fails = StoreError("full")
    refused = await post(client, ACK, {"by": "张伟"}, 503)
    assert refused["error"] == {
        "code": "unavailable",
        "message": "the database cannot do it now; nothing of it was done",
    }
