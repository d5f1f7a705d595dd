"""Every route of the API over a real socket: shapes, and the document."""

import gzip
import json
from dataclasses import replace

import aiohttp
import pytest
import web_desk
from web_desk import BEGAN, HAZARD, NOW, incident
from web_served import client, get, house, post, web

from monitor.model.incident import Changes, State
from monitor.model.problem import Problem
from monitor.model.target import Visit
from monitor.store.errors import StoreError
from monitor.store.store import Store
from monitor.web import facts, openapi, routes
from monitor.web.server import Web, WebError, accepts_gzip, application

__all__ = ["client", "house", "web"]


LISTED = {
    "id": 7,
    "number": "4127",
    "title": "3号楼接入交换机失联",
    "fault_class": "class1",
    "class_confirmed": False,
    "scope": "local",
    "severity": "critical",
    "state": "open",
    "drill": False,
    "merged_into": None,
    "root": {
        "instance": "access-switch-3",
        "alertname": "AccessSwitchDown",
        "kind": "rule",
        "title": "3号楼接入交换机失联",
    },
    "impact": [
        {
            "instance": name,
            "alertname": "WebDown" if name == "lis-web" else "",
            "since": "2026-10-01T19:10:04Z" if name == "lis-web" else "2026-10-01T19:10:00Z",
            "state": "down",
        }
        for name in web_desk.CUT
    ],
    "started_at": "2026-10-01T19:10:00Z",
    "opened_at": "2026-10-01T19:10:12Z",
    "acknowledged_by": None,
    "owner": None,
    "eta": None,
    "clock": {
        "elapsed_seconds": 754,
        "next_step": "t30m",
        "next_due_at": "2026-10-01T19:40:00Z",
    },
    "departments": [],
}


async def test_an_incident_is_listed_exactly_as_the_design_says(client):
    found = await get(client, "/api/v1/incidents?state=open")
    assert [one["id"] for one in found["incidents"]] == [8, 7, 6]
    assert found["next_before"] is None
    listed = found["incidents"][1]
    assert listed == LISTED
    assert list(listed) == list(LISTED), "the order of the design"


async def test_one_incident_comes_with_events_steps_and_notices(client):
    whole = await get(client, "/api/v1/incidents/7")
    assert {name: whole[name] for name in LISTED} == LISTED
    assert whole["systems"] == ["emr", "lis", "tijian"]
    assert whole["interrupted_at"] == "2026-10-01T19:10:00Z"
    assert whole["steps"][:2] == [
        {
            "step": "told",
            "due_at": "2026-10-01T19:10:10Z",
            "state": "fired",
            "fired_at": "2026-10-01T19:10:10Z",
        },
        {
            "step": "director",
            "due_at": "2026-10-01T19:15:00Z",
            "state": "fired",
            "fired_at": "2026-10-01T19:15:00Z",
        },
    ]
    assert whole["events"][0] == {
        "at": "2026-10-01T19:10:12Z",
        "who": "zhiban",
        "what": "opened",
        "before": "",
        "after": "open",
        "detail": "access-switch-3",
    }
    assert [(n["person"], n["state"], n["last_error"]) for n in whole["notices"]] == [
        ("王芳", "queued", "errcode 45009: api freq out of limit"),
        ("张伟", "sent", ""),
    ]


STATES = {
    "open means open and watching": ("open", [8, 7, 6]),
    "watching": ("watching", [6]),
    "recovered": ("recovered", [5]),
    "closed": ("closed", [3, 2, 1]),
    "all": ("all", [8, 7, 6, 5, 3, 2, 1]),
}


@pytest.mark.parametrize(("state", "ids"), STATES.values(), ids=STATES)
async def test_incidents_by_state(client, state, ids):
    found = await get(client, f"/api/v1/incidents?state={state}")
    assert [one["id"] for one in found["incidents"]] == ids


@pytest.mark.parametrize("state", ["open", "all"])
async def test_pages_follow_one_another_without_gap_or_repeat(client, state):
    ids, before = [], ""
    while True:
        found = await get(client, f"/api/v1/incidents?state={state}&limit=2{before}")
        ids += [one["id"] for one in found["incidents"]]
        if found["next_before"] is None:
            break
        before = f"&before={found['next_before']}"
    assert ids == STATES["all" if state == "all" else "open means open and watching"][1]


async def test_what_is_open_is_readable_while_the_store_is_not(client, house):
    house.store.broken = StoreError("io")
    assert len((await get(client, "/api/v1/incidents"))["incidents"]) == 3
    refused = await get(client, "/api/v1/incidents?state=all", 503)
    assert refused["error"]["code"] == "unavailable"


async def test_targets_systems_alerts_notices(client):
    targets = {t["name"]: t for t in (await get(client, "/api/v1/targets"))["targets"]}
    assert len(targets) == len(web_desk.TARGETS)
    assert targets["lis-web"] == {
        "name": "lis-web",
        "title": "检验应用",
        "kind": "tcp",
        "address": "10.1.3.7:9100",
        "level": 2,
        "labels": {"role": "web", "system": "lis"},
        "state": "down",
        "since": "2026-10-01T19:10:00Z",
        "reason": "timeout",
        "detail": "no answer within 2 s",
        "visited_at": "2026-10-01T19:22:32Z",
    }
    assert targets["emr-web"]["address"] == "http://10.1.3.9/", "no password leaves"
    systems = {s["name"]: s["state"] for s in (await get(client, "/api/v1/systems"))["systems"]}
    assert systems == {
        "his": "up",
        "emr": "down",
        "lis": "down",
        "pacs": "up",
        "yibao": "up",
        "tijian": "down",
    }
    alerts = (await get(client, "/api/v1/alerts"))["alerts"]
    assert alerts[0]["value"] == "nan"
    assert alerts[0]["labels"]["instance"] == "access-switch-3"
    assert [n["id"] for n in (await get(client, "/api/v1/notices"))["notices"]] == [2, 1]
    assert (await get(client, "/api/v1/notices?incident=99"))["notices"] == []
    assert len((await get(client, "/api/v1/notices?limit=1"))["notices"]) == 1


async def test_a_target_not_visited_for_three_beats_is_unknown(client, house):
    old = NOW - 3 * web_desk.MINUTE
    house.board_values["visits"] = {"his-db": Visit("his-db", old, old, up=True)}
    targets = {t["name"]: t for t in (await get(client, "/api/v1/targets"))["targets"]}
    assert targets["his-db"]["state"] == targets["his-web-1"]["state"] == "unknown"
    systems = {s["name"]: s["state"] for s in (await get(client, "/api/v1/systems"))["systems"]}
    assert systems["his"] == "unknown"


async def test_reload_swaps_or_says_why_not(client, house):
    said = await post(client, "/api/v1/reload", {"by": "张伟"})
    assert said == {"reloaded": True, "problems": []}
    house.problems = (Problem("zhiban.yml", 12, "people[0].name", "is empty", "write a name"),)
    said = await post(client, "/api/v1/reload", {"by": "张伟"}, 422)
    assert said == {
        "reloaded": False,
        "problems": [
            {
                "file": "zhiban.yml",
                "line": 12,
                "key": "people[0].name",
                "wrong": "is empty",
                "right": "write a name",
            }
        ],
    }
    assert house.reloaded_by == ["张伟", "张伟"]


async def test_metrics_are_handed_through_and_packed_when_asked(web, house):
    house.metrics = (b"x_total 1\n" * 1000, "application/openmetrics-text; version=1.0.0")
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{web.port}", auto_decompress=False
    ) as client:
        async with client.get("/metrics", headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert answer.headers["Content-Type"] == house.metrics[1]
            packed = await answer.read()
            assert gzip.decompress(packed) == house.metrics[0]
        async with client.get("/metrics", headers={"Accept-Encoding": "gzip;q=0"}) as answer:
            assert "Content-Encoding" not in answer.headers
            assert await answer.read() == house.metrics[0]


ENCODINGS = {
    "gzip": True,
    "br, gzip;q=0.5": True,
    "GZIP": True,
    "": False,
    "gzip; q=0": False,
    "br": False,
}


@pytest.mark.parametrize(("header", "expected"), ENCODINGS.items(), ids=ENCODINGS)
def test_accepts_gzip(header, expected):
    assert accepts_gzip(header) is expected


async def test_health_and_readiness(client, house):
    async with client.get("/healthz") as answer:
        assert (answer.status, await answer.text()) == (200, "ok\n")
    async with client.get("/readyz") as answer:
        assert (answer.status, await answer.text()) == (200, "ready\n")
    house.why_not = "not every target has been visited yet"
    async with client.get("/readyz") as answer:
        assert (answer.status, await answer.text()) == (503, f"{house.why_not}\n")


def test_the_document_and_the_router_hold_the_same_routes(house):
    """
    Every route that programs use stands in the document, with its methods, and no other.
    """
    app = application(house.desk(), ())
    routed = {
        (route.method, openapi.plain_path(_pattern(route)))
        for route in app.router.routes()
        if route.method != "HEAD"
    }
    programs = {r for r in routed if r[1].startswith("/api/") or r[1] in openapi.PLAIN}
    document = openapi.document("1")
    described = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    assert described == programs
    pages = {path for _, path in routed - programs}
    assert pages == {"/", "/incidents/{id}", "/incidents/{id}/{act}", "/static/{name}"}


def _pattern(route):
    """A route's path as it was written, regular expressions included."""
    written = {routes.PREFIX + r.path for r in routes.API}
    canonical = route.resource.canonical
    return next((w for w in written if openapi.plain_path(w) == canonical), canonical)


async def test_the_document_resolves_and_tells_the_truth(client):
    document = await get(client, "/api/v1/openapi.json")
    assert document["openapi"] == "3.1.0"
    text = json.dumps(document)
    refs = {part.split('"')[0] for part in text.split('"$ref": "')[1:]}
    assert refs
    for ref in refs:
        assert ref.removeprefix("#/components/schemas/") in document["components"]["schemas"], ref
    schemas = document["components"]["schemas"]
    assert set(schemas["IncidentOut"]["properties"]) == set(LISTED)
    assert schemas["AckAsk"]["additionalProperties"] is False
    assert schemas["AckAsk"]["required"] == ["by"]
    assert schemas["IncidentOut"]["properties"]["started_at"]["format"] == "date-time"
    ack = document["paths"]["/api/v1/incidents/{id}/ack"]["post"]
    assert {"200", "400", "404", "409"} <= set(ack["responses"])
    listed = document["paths"]["/api/v1/incidents"]["get"]["parameters"]
    assert [p["name"] for p in listed] == ["state", "limit", "before"]
    operations = [
        o["operationId"]
        for p in document["paths"].values()
        for o in p.values()
        if "operationId" in o
    ]
    assert len(operations) == len(set(operations))


async def test_the_real_store_answers_what_the_desk_asks(client, house, tmp_path):
    """The fake above keeps the same promises as the database that is shipped."""
    rows, events, notices = house.store.rows, house.store.event_rows, house.store.notice_rows
    store = await Store.open(tmp_path / "zhiban.db")
    try:
        await store.save(
            Changes(incidents=tuple(rows.values()), events=tuple(events), notices=tuple(notices))
        )
        fake, house.store = await get(client, "/api/v1/incidents?state=all"), store
        assert await get(client, "/api/v1/incidents?state=all") == fake
        assert (await get(client, "/api/v1/incidents/3"))["state"] == "closed"
        whole = await get(client, "/api/v1/incidents/7")
        assert [e["what"] for e in whole["events"]] == [e.what for e in events]
        assert {n["person"] for n in whole["notices"]} == {"张伟", "王芳"}
        async with client.get("/") as answer:
            assert answer.status == 200
            assert "1 条通知还没有送到（王芳）" in await answer.text()
    finally:
        await store.close()


async def test_a_port_in_use_is_one_clear_line(web, house):
    second = Web(house.desk(), "127.0.0.1", web.port)
    sentence = f"port {web.port} is in use by another program; set web.port in zhiban.yml"
    with pytest.raises(WebError) as caught:
        await second.start()
    assert str(caught.value) == sentence


def test_the_clock_stops_at_the_recovery(house):
    over = incident(state=State.RECOVERED, recovered_at=BEGAN + web_desk.HOUR)
    assert facts.elapsed(over, NOW + web_desk.HOUR * 50) == web_desk.HOUR
    watched = replace(over, watching_since=BEGAN + 50 * web_desk.MINUTE)
    assert facts.elapsed(watched, NOW) == 50 * web_desk.MINUTE, "观察期 is no outage"
    watched = replace(watched, state=State.WATCHING, recovered_at=None)
    assert facts.elapsed(watched, NOW + web_desk.HOUR) == 50 * web_desk.MINUTE
    assert facts.elapsed(HAZARD, NOW) == NOW - HAZARD.started_at
