"""Options, steps and matching of the http probe; real servers are in tests/integration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exporters import _http_options as opt
from exporters import _placeholders, http
from monitor.probe import Certificate, HttpAnswer, ProbeError

URL = "https://his.lan/app/"


class Io:
    """Answers from a list, and remembers what was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def http(self, request, session=""):
        self.asked.append((request, session))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def answer(body="", status=200, ends=None, **headers):
    certificate = Certificate(ends, 0.0, "CN=x", "CN=y") if ends else None
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, bytes) else body.encode()
    return HttpAnswer(status, names, data, URL, 0, certificate, 0.1, {"processing": 0.1})


async def run(options, *answers):
    io = Io(*answers)
    readings = await http.run(URL, opt.Options.model_validate(options), io)
    return io, {(r.name, *r.labels.values()): r.value for r in readings}


async def test_readings_are_declared():
    _, got = await run({"match": "ok"}, answer("ok", ends=5.0))
    assert {name for name, *_ in got} == http.METRICS.keys()
    assert got["probe_http_content_length",] == -1


MATCHES = {
    "found": ({"match": "状态.正常"}, answer("状态:正常"), ""),
    "not found": ({"match": "UP"}, answer("DOWN"), "nothing that matches 'UP' in the answer"),
    "must not be": ({"not_match": "ORA-"}, answer("ORA-00020"), "something that matches 'ORA-'"),
    "GBK": (
        {"match": "挂号"},
        answer("挂号".encode("gbk"), content_type="text/html; charset=GB2312"),
        "",
    ),
    "no such charset": ({"match": "ok"}, answer("ok", content_type="text/x; charset=nonsense"), ""),
    "bytes that are no text": ({"match": "ok"}, answer(b"\xff\xfe ok"), ""),
}  # fmt: skip


@pytest.mark.parametrize(("options", "said", "wrong"), MATCHES.values(), ids=MATCHES)
async def test_match(options, said, wrong):
    if not wrong:
        _, got = await run(options, said)
        assert got["probe_failed_due_to_regex",] == 0
        return
    with pytest.raises(ProbeError, match=wrong) as caught:
        await run(options, said)
    assert caught.value.reason == "mismatch"
    got = {(r.name, *r.labels.values()): r.value for r in caught.value.readings}
    assert got["probe_failed_due_to_regex",] == 1
    assert got["probe_http_status_code",] == 200


STATUS = {
    "any 2xx": (["2xx"], 204, True),
    "another class": (["2xx"], 302, False),
    "a code": ([401, 403], 403, True),
    "a code or a class": (["2xx", 404], 404, True),
    "not one of them": (["2xx", 404], 500, False),
}


@pytest.mark.parametrize(("expected", "status", "good"), STATUS.values(), ids=STATUS)
def test_accepted(expected, status, good):
    options = opt.Options.model_validate({"status": expected})
    assert opt.accepted(status, options.status) is good


async def test_walk(monkeypatch):
    """
    Captured values and secrets go where they belong, written for the place they go to.
    """
    monkeypatch.setenv("HIS_PW", 'p&w "1')
    steps = [
        {"name": "form", "url": "login", "capture": {"token": 'csrf="([^"]*)"'}},
        {
            "name": "enter", "url": "/do?t={token}", "method": "POST",
            "headers": {"Content-Type": "application/x-www-form-urlencoded", "X-T": "{token}"},
            "body": "password={pw}&t={token}",
        },
        {
            "name": "ask", "url": "https://other.lan/", "method": "POST",
            "headers": {"content-type": "application/json"}, "body": '{"a": {}, "pw": "{pw}"}',
        },
    ]  # fmt: skip
    options = {"steps": steps, "secrets": {"pw": "env:HIS_PW"}, "bearer_token": "env:HIS_PW"}
    io, got = await run(
        options, answer('csrf="a/b&c"', ends=9.0), answer(ends=7.0), answer(status=201, ends=8.0)
    )
    form, enter, ask = [request for request, _ in io.asked]
    assert {session for _, session in io.asked} == {"walk"}
    assert form.url == "https://his.lan/app/login"
    assert enter.url == "https://his.lan/do?t=a/b%26c"
    assert enter.headers["X-T"] == "a/b&c"
    assert enter.body == b"password=p%26w+%221&t=a%2Fb%26c"
    assert ask.body == b'{"a": {}, "pw": "p&w \\"1"}'
    assert "Authorization" in enter.headers
    assert "Authorization" not in ask.headers
    assert got["probe_http_status_code", "ask"] == 201
    assert got["probe_http_duration_seconds", "enter", "processing"] == 0.1
    assert got["probe_ssl_earliest_cert_expiry",] == 7.0


async def test_capture_in_vain():
    steps = [{"name": "form", "capture": {"token": "t=(\\d+)"}}]
    with pytest.raises(ProbeError, match="step form: nothing to capture as token"):
        await run({"steps": steps}, answer("t=x"))


async def test_basic_auth(monkeypatch):
    monkeypatch.setenv("HIS_PW", "Aladdin:open")
    options = {"basic_auth": {"username": "张", "password": "env:HIS_PW"}}
    io, _ = await run(options, answer())
    assert io.asked[0][0].headers["Authorization"] == "Basic 5bygOkFsYWRkaW46b3Blbg=="


@given(st.text(), st.text(max_size=30))
def test_placeholders_cannot_break_out(value, text):
    """
    A value neither ends a query parameter, nor begins a header, nor is looked through again.
    """
    url = _placeholders.in_url("x={a}", {"a": value, "b": "no"})
    assert not set(url[2:]) & set("&=?#/ \r\n{}")
    assert not set(_placeholders.in_header("{a}", {"a": value})) & set("\r\n\0")
    assert _placeholders.in_body("{a}", {"a": "{b}", "b": "no"}, "") == "{b}"
    assert _placeholders.in_body(text, {}, "") == text


BAD = {
    "basic_auth and bearer_token exclude each other": {
        "bearer_token": "env:P", "basic_auth": {"username": "x", "password": "env:P"},
    },
    "with steps, write match in the step it is for": {"steps": [{"name": "a"}], "match": "x"},
    "step b uses {token}, which no earlier step captures": {
        "steps": [{"name": "b", "url": "{token}"}, {"name": "a", "capture": {"token": "(x)"}}],
    },
    "two steps have the same name": {"steps": [{"name": "a"}, {"name": "a"}]},
    "captures nothing or too much": {"steps": [{"name": "a", "capture": {"t": "x"}}]},
    "is no name for a value: 'T-1'": {"steps": [{"name": "a", "capture": {"T-1": "(x)"}}]},
    "has a line break": {"headers": {"X-A": "a\r\nX-B: c"}},
    "is no name of an HTTP header: 'X A'": {"headers": {"X A": "a"}},
    "is no RE2 pattern": {"match": "(?<=x)y"},
    "a secret stands here as itself": {"bearer_token": "abc"},
    "less than or equal to 599": {"status": [600]},
    "at least 1 item": {"status": []},
}  # fmt: skip


@pytest.mark.parametrize(("wrong", "options"), BAD.items(), ids=BAD)
def test_bad_options(monkeypatch, wrong, options):
    monkeypatch.setenv("P", "hidden")
    with pytest.raises(ValidationError) as caught:
        opt.Options.model_validate(options)
    assert wrong in str(caught.value)
    assert "hidden" not in str(caught.value)


ADDRESSES = {
    "https://his.lan/health": "",
    "http://[::1]:8080/": "",
    "his.lan": "is no http or https address",
    "ftp://his.lan": "is no http or https address",
    "https://u:p@his.lan": "holds a user or a password; write basic_auth in the options",
    "http://his.lan:99999/": "is no http or https address",
}


@pytest.mark.parametrize(("address", "wrong"), ADDRESSES.items(), ids=ADDRESSES)
def test_address(address, wrong):
    found = http.PROBE.check_address(address)
    assert wrong in found
    assert bool(wrong) == bool(found)
