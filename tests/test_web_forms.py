"""The console's forms, with a script and without."""

import aiohttp
import pytest
from web_pages import Markup, client, house, page

from monitor.model.act import Act, ActKind
from monitor.store.errors import StoreError

__all__ = ["client", "house"]


async def send(client, path, fields, **headers):
    async with client.post(path, data=fields, headers=headers, allow_redirects=False) as answer:
        return answer.status, dict(answer.headers), await answer.text()


async def test_a_form_without_a_script_answers_with_a_redirect(client, house):
    status, headers, _ = await send(client, "/incidents/7/ack", {"by": "张伟"})
    assert (status, headers["Location"]) == (303, "/")
    status, headers, _ = await send(
        client, "/incidents/7/note?on=page", {"by": "张伟", "text": "到场"}
    )
    assert (status, headers["Location"]) == (303, "/incidents/7")
    assert house.acts == [Act(ActKind.ACK, 7, "张伟"), Act(ActKind.NOTE, 7, "张伟", "到场")]
    got = await page(client)
    assert "接报 张伟 03:22:34" in got.text
    chosen = [a["value"] for a in got.all("option") if "selected" in a]
    assert set(chosen) == {"张伟"}, "the browser remembers who it is"


async def test_the_cookie_is_only_ours(client):
    _, headers, _ = await send(client, "/incidents/7/ack", {"by": "张伟"})
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


async def test_with_htmx_a_form_answers_with_the_page_merged(client):
    status, _, text = await send(
        client, "/incidents/7/ack", {"by": "张伟"}, **{"HX-Request": "true"}
    )
    assert status == 200
    got = Markup(text)
    assert got.all("div", id="live")
    assert "hx-swap-oob" in got.all("p", id="said")[0]
    assert "#4127 已接报" in got.text
    assert not got.all("html")


REFUSED = {
    "nobody": ("/incidents/7/ack", {"by": ""}, "请先选择姓名"),
    "a stranger": ("/incidents/7/ack", {"by": "赵六"}, "这个姓名不在人员名单里"),
    "an empty note": ("/incidents/7/note", {"by": "张伟", "text": " "}, "请写一句话，最多500字"),
    "answered already": ("/incidents/8/ack", {"by": "王芳"}, "#4128 已由张伟接报"),
    "not recovered": (
        "/incidents/7/close",
        {"by": "王芳", "text": "好"},
        "#4127 还没有恢复,不能关闭",
    ),
}


@pytest.mark.parametrize(("path", "fields", "sentence"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("script", [True, False], ids=["htmx", "plain"])
async def test_a_refused_form_says_why(client, house, path, fields, sentence, script):
    headers = {"HX-Request": "true"} if script else {}
    status, _, text = await send(client, path, fields, **headers)
    assert status == (200 if script else 409)
    got = Markup(text)
    assert sentence in got.text
    assert "said bad" in [a.get("class") for a in got.all("p")]
    assert house.acts == []


async def test_an_act_that_cannot_be_written_says_so(client, house):
    house.fails = StoreError("full")
    status, _, text = await send(client, "/incidents/7/ack", {"by": "张伟"})
    assert status == 409
    assert "没有写入" in text


FORMS = {
    "unknown field": ({"by": "张伟", "eta": "1"}, 400),
    "twice": ([("by", "张伟"), ("by", "王芳")], 400),
    "no such incident": ({"by": "张伟"}, 404),
}


@pytest.mark.parametrize(("fields", "status"), FORMS.values(), ids=FORMS)
async def test_bad_forms(client, house, fields, status):
    path = "/incidents/99/ack" if status == 404 else "/incidents/7/ack"
    got, _, _ = await send(client, path, fields)
    assert got == status
    assert house.acts == []


async def test_a_file_is_not_taken(client):
    form = aiohttp.FormData({"by": "张伟"})
    form.add_field("text", b"x", filename="x.txt")
    status, _, _ = await send(client, "/incidents/7/note", form)
    assert status == 415
