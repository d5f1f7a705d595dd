"""The console as people and browsers without a script get it."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
import web_desk
from web_desk import BEGAN, HAZARD, NOW, RECOVERED, WATCHED, incident, notice
from web_pages import client, house, page

from exporters.snmp import PROBE
from monitor.model.incident import Event, NoticeState, Root, RootKind
from monitor.model.target import Visit
from monitor.store.errors import StoreError

__all__ = ["client", "house"]


async def test_the_card_says_what_is_needed_at_three_in_the_morning(client):
    got = await page(client)
    for words in (
        "值班员 张伟",
        "拟一类故障",
        "#4127",
        "3号楼接入交换机失联",
        "紧急事件",
        "影响范围：局部",
        "距30分钟 17:26",
        "已中断 12:34",
        "起 03:10:00",
        "未接报",
        "影响 3 个系统：电子病历、检验(LIS)、体检",
        "受影响科室 2 个：检验科、急诊医生",
        "先查： 到弱电间看电源、上联光口。",
        "受影响的监控对象 6 个",
        "接报 #4127",
        "03:40:00 满30分钟",
    ):
        assert words in got.text
    assert {"data-until": "2026-10-01T19:40:00.000Z"} in got.all("time")
    assert {"data-since": "2026-10-01T19:10:00.000Z"} in got.all("time")


async def test_worst_first_and_counted_by_class(client):
    got = await page(client)
    assert re.findall(r"#(41\d\d) (?:故障中|观察期|未消除)", got.text) == ["4127", "4126", "4128"]
    assert "一类故障 1 二类故障 0 三类故障 0 其它故障 1 隐患 1" in got.text


async def test_watching_is_never_called_recovered(client, house):
    house.live = {6: WATCHED}
    got = await page(client)
    card = got.text.partition("医保中心端不通")[0]
    assert "观察期" in card
    assert "已恢复" not in card
    assert "观察期还剩 06:50" in got.text
    assert "尚未确认恢复" in got.text


async def test_a_redundant_pair_is_named_as_people_name_it(client, house):
    pair = Root("core-switch-1+core-switch-2", "CoreSwitchDown", RootKind.RULE, "核心交换机失联")
    house.live = {7: incident(root=pair)}
    house.store.event_rows.append(
        Event(7, NOW, "zhiban", "reparented", "his-db", "core-switch-1+core-switch-2")
    )
    text = (await page(client)).text
    assert "故障点 核心交换机1、核心交换机2" in text
    assert "HIS数据库 → 核心交换机1、核心交换机2" in text
    assert "core-switch-1+" not in text


async def test_the_page_of_an_incident_asks_before_it_lists(client):
    """On a phone the button stands above the long lists, which repeat nothing."""
    got = await page(client, "/incidents/7")
    assert got.text.index("接报 #4127") < got.text.index("受影响的监控对象")
    assert got.text.count("检验应用打不开。") == 1, "in the timeline"
    assert "3号楼接入交换机失联，下联设备全部不通。" in got.text


async def test_only_what_is_cut_has_a_big_figure(client, house):
    house.live = {8: HAZARD}
    assert not (await page(client)).all("div", class_="figure big")
    house.live = {6: WATCHED}
    assert (await page(client)).all("div", class_="figure big")


async def test_what_is_over_is_told_calmly(client, house):
    over = replace(RECOVERED, acknowledged_by="", impact=("his-web-1",))
    house.live = house.store.rows = {5: over}
    got = await page(client, "/incidents/5")
    assert [a["class"] for a in got.all("article")] == ["card over recovered"]
    assert not got.all("b", class_="unack")
    assert "先查" not in got.text
    assert "无人接报" in got.text
    assert "停机时段(断点)" not in got.text, "not known without an end"


async def test_the_outage_is_said_as_the_phone_says_it(client, house):
    """The 断点 ends where 观察期 began; when it was called recovered is another instant."""
    over = replace(
        RECOVERED,
        interrupted_at=NOW - timedelta(minutes=12),
        watching_since=NOW - timedelta(minutes=10),
        recovered_at=NOW,
    )
    house.live = {5: over}
    text = (await page(client)).text
    assert "停机时段(断点) 03:10:34—03:12:34" in text
    assert "共中断 02:00" in text
    assert "判定恢复 03:22:34" in text
    house.live = {5: replace(over, state=WATCHED.state, recovered_at=None)}
    assert "停机时段(断点)" not in (await page(client)).text, "it may not be over yet"


async def test_deliveries_are_told_in_the_channels_words(client):
    text = (await page(client)).text
    assert "王芳 上报主任 被拒绝，将重发" in text
    assert "渠道应答：errcode 45009: api freq out of limit" in text
    assert "张伟 首次通知 已送达" in text
    assert "1 条通知还没有送到（王芳）" in text


TROUBLES = {
    "on its way": ({}, 5, ""),
    "in the sender's hands": ({"state": NoticeState.SENDING, "attempts": 1}, 30, ""),
    "waits too long": ({}, 61, "1 条通知还没有送到，正在重发，请电话联系"),
    "refused at once": (
        {"attempts": 1, "last_error": "errcode 93000"},
        1,
        "1 条通知还没有送到（张伟），正在重发，请电话联系。渠道应答：errcode 93000",
    ),
    "there": ({"state": NoticeState.SENT, "attempts": 4, "last_error": "was down"}, 300, ""),
}


@pytest.mark.parametrize(("changes", "age", "said"), TROUBLES.values(), ids=TROUBLES)
async def test_what_people_have_not_heard_is_shouted_and_nothing_else(
    client, house, changes, age, said
):
    made = NOW - timedelta(seconds=age)
    house.store.notice_rows = [notice(1, created_at=made, **changes)]
    got = await page(client)
    alarms = [a for a in got.all("p") if a.get("class") == "alarm soft"]
    assert len(alarms) == bool(said)
    assert said in got.text


async def test_targets_stand_under_their_system_with_the_reason_in_chinese(client):
    text = (await page(client)).text
    assert re.search(r"检验\(LIS\) 不通 03:10:00 起 2 不通 检验\(LIS\) 检验应用 lis-web 不通", text)
    assert "超时无应答" in text
    assert re.search(r"核心交换机 1 正常 · 1 不通", text)
    assert text.index("电子病历应用 emr-web") < text.index("接入交换机 2 正常")


async def test_targets_read_without_encryption_are_marked(client, house):
    assert "SNMP未加密" not in (await page(client)).text
    switch = web_desk.TARGETS["core-switch-1"]
    options = PROBE.options(version="2c", community="env:PATH", insecure=True, modules=["if_mib"])
    house.site.targets = {**web_desk.TARGETS, switch.name: replace(switch, options=options)}
    assert "核心交换机1 core-switch-1 · 一级设备 · SNMP未加密" in (await page(client)).text


async def test_nothing_wrong_is_said_with_the_time_of_the_last_check(client, house):
    house.live = {}
    text = (await page(client)).text
    assert "现在没有未恢复的故障" in text
    assert "最近一次检查 03:22:32" in text
    assert "监控数据已停止更新" not in text


STALE = {
    "two grids": (timedelta(seconds=30), False),
    "three grids": (timedelta(seconds=45), False),
    "over three grids": (timedelta(seconds=46), True),
    "never": (None, True),
}


@pytest.mark.parametrize(("age", "stale"), STALE.values(), ids=STALE)
async def test_old_data_is_never_passed_off_as_now(client, house, age, stale):
    house.board_values["now"] = NOW - age if age else None
    text = (await page(client)).text
    assert ("监控数据已停止更新" in text) is stale
    if age is None:
        assert "启动后尚未完成第一次检查" in text


async def test_a_quiet_page_over_old_data_does_not_claim_quiet(client, house):
    house.live, house.board_values["now"] = {}, NOW - timedelta(minutes=9)
    assert "但监控数据不是最新的，请看上方红条" in (await page(client)).text


async def test_trouble_of_the_daemon_is_shown(client, house):
    house.trouble = ("配置没有换上：zhiban.yml 有 2 处错误",)
    assert "配置没有换上：zhiban.yml 有 2 处错误" in (await page(client)).text


async def test_cards_stay_when_the_store_cannot_be_read(client, house):
    house.store.broken = StoreError("io")
    text = (await page(client)).text
    assert "3号楼接入交换机失联" in text
    assert "历史记录暂时读不出，当前故障不受影响" in text


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "{{ 7*7 }}{% raw %}",
    "</title><svg/onload=alert(1)>",
    "]]><!--",
    "javascript:alert(1)",
)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("path", ["/", "/incidents/7"])
async def test_hostile_text_is_shown_as_text(client, house, text, path):
    """From a title, a reason, a note, a notice or a provider, nothing becomes markup."""
    bad = incident(root=Root(text, text, RootKind.RULE, text), impact=(text,), systems=(text,))
    house.live = {7: replace(bad, parts=(replace(bad.parts[0], summary=text),))}
    house.store.event_rows = [Event(7, BEGAN, text, text, text, text, text)]
    house.store.notice_rows = [
        notice(1, title=text, text=text, person=text, channel=text, last_error=text, attempts=1)
    ]
    house.board_values["visits"] = {
        "lis-web": Visit("lis-web", NOW, NOW, up=False, reason=text, detail=text)
    }
    house.trouble = (text,)
    got = await page(client, path, Cookie=f"zhiban_me={'%3Cscript%3E'}")
    scripts = [a["src"].partition("?")[0] for a in got.all("script")]
    assert scripts == ["/static/htmx.min.js", "/static/console.js"]
    assert not got.all("img")
    assert not got.all("svg")
    for _, attributes in got.elements:
        assert not [name for name in attributes if name.startswith(("on", "hx-on"))]
        assert not (attributes.get("href") or "").startswith("javascript")
        assert "style" not in attributes
    assert re.sub(r"\s+", " ", text) in got.text


async def test_no_inline_script_or_style_anywhere(client):
    for path in ("/", "/incidents/7", "/incidents/5"):
        got = await page(client, path)
        assert all("src" in a for a in got.all("script"))
        assert not got.all("style")


async def test_the_page_of_one_has_everything_for_paper(client):
    text = (await page(client, "/incidents/7")).text
    for words in (
        "3号楼接入交换机失联，下联设备全部不通。",
        "满6小时 09:10:00 未到",
        "首次通知 03:10:10 已到 03:10:10",
        "【拟一类】03:10 3号楼接入交换机失联",
        "发现故障 3号楼接入交换机",
        "影响范围变更 单点 → 局部",
        "记录 已出发，预计三分钟到3号楼弱电间 张伟",
        "值班员签字",
    ):
        assert words in text


async def test_an_incident_that_is_over_is_found_in_the_store(client):
    text = (await page(client, "/incidents/3")).text
    assert "检验服务器磁盘将满" in text
    assert "已关闭" in text
    assert "王芳" in text
    async with client.get("/incidents/99") as answer:
        assert answer.status == 404


async def test_a_storm_stays_readable(client, house):
    """Two hundred incidents: the worst as cards, a hundred lines, the rest a number."""
    house.live = {
        n: incident(n, started_at=BEGAN + timedelta(seconds=n), impact=web_desk.CUT * 50)
        for n in range(1, 201)
    }
    got = await page(client)
    cards = [a for a in got.all("article") if a["class"].startswith("card")]
    assert len(cards) == 20
    assert "另有 180 起" in got.text
    assert len([a for a in got.all("li") if a.get("id", "").startswith("rest-")]) == 100
    assert "受影响的监控对象 300 个" in got.text
    assert "另有 200 个，未列出" in got.text


async def test_many_targets_stay_readable(client, house):
    site = web_desk.Site()
    site.targets = {f"t{n}": web_desk.target(f"t{n}", f"终端{n}", "terminal") for n in range(300)}
    site.systems = {}
    house.site, house.live = site, {}
    up = {n: Visit(n, NOW, NOW, up=n != "t299", reason="refused") for n in site.targets}
    house.board_values |= {"visits": up, "systems_down": frozenset()}
    got = await page(client)
    assert "299 正常 · 1 不通" in got.text
    assert "另有 260 正常，未列出" in got.text
    assert "终端299 t299 不通" in got.text, "the broken one is listed"


async def test_a_fragment_is_the_live_part_alone(client):
    got = await page(client, **{"HX-Request": "true"})
    assert got.elements[0][1]["id"] == "live"
    assert not got.all("script")


async def test_recovered_waits_for_a_person_to_close_it(client, house):
    house.live = {5: RECOVERED}
    got = await page(client)
    assert "已恢复，待关闭" in got.text
    assert "现在没有未恢复的故障" in got.text
    assert [a["action"] for a in got.all("form") if "close" in a["action"]] == [
        "/incidents/5/close"
    ]


async def test_statics_are_named_and_lasting(client):
    got = await page(client)
    for address in [a["src"] for a in got.all("script")] + [a["href"] for a in got.all("link")]:
        async with client.get(address) as answer:
            assert answer.status == 200
            assert "immutable" in answer.headers["Cache-Control"]
    for name in ("..%2fwords.py", "nothing.js", "htmx.min.js%00", "templates"):
        async with client.get(f"/static/{name}") as answer:
            assert answer.status == 404, name
