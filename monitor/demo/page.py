"""
The switchboard: one page with the network and the phones, and the phones' webhook.

Loopback only. Host and Origin are checked as in the console: a page of another site can
neither read this one under a name of its own nor press its buttons.
"""

import asyncio
import contextlib
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import jinja2
from aiohttp import web

from monitor.clock import Clock
from monitor.demo.agents import AgentsError
from monitor.demo.hospital import Hospital, Standing, UnknownDeviceError
from monitor.demo.network import Break, Condition
from monitor.demo.phone import MODE_TITLES, MalformedMessageError, Message, Mode, Phones
from monitor.demo.postgres import PostgresError

HERE = Path(__file__).parent
HTMX = HERE.parent / "web" / "static" / "htmx.min.js"  # one copy, read as a file
SHANGHAI = ZoneInfo("Asia/Shanghai")
MAX_BODY = 64 * 1024
SILENCE_SECONDS = 600  # longer than any sender waits; nobody holds a socket for ever
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
CONDITION_TITLES = {Condition.WELL: "正常", Condition.ISOLATED: "受影响"}
BREAK_TITLES = {
    Break.CUT: "断开",
    Break.ERROR: "出错",
    Break.STOP: "停止",
    Break.MAINS: "断市电",
    Break.PORT: "断开",
    Break.NOISE: "接触不良",
    Break.WORN: "老化",
    Break.HEAT: "升温",
}


@dataclass(frozen=True, slots=True)
class Daemon:
    """What the page says of the daemon, and how it is started again."""

    console: str  # URL
    standing: Callable[[], str]  # one Chinese line
    is_down: Callable[[], bool]
    restart: Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything the switchboard shows and does."""

    hospital: Hospital
    phones: Phones
    people: tuple[tuple[str, str, str], ...]  # name, phone, role's Chinese title
    daemon: Daemon
    clock: Clock


def application(desk: Desk) -> web.Application:
    """The page, its fragment, the JSON of it, and POST /phone for the daemon."""
    app = web.Application(middlewares=[_guard], client_max_size=MAX_BODY)
    board = _Board(desk)
    app.add_routes(
        [
            web.get("/", board.page),
            web.get("/board", board.fragment),
            web.post("/press/{act}", board.press),
            web.get("/api/hospital", board.hospital_json),
            web.get("/api/phone", board.phone_json),
            web.post("/api/{act:break|mend|phone-mode}", board.act_json),
            web.post("/phone", board.receive),
            web.get("/static/htmx.min.js", _htmx),
            web.static("/static", HERE / "static"),
        ]
    )
    return app


class _Board:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._pages = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.filters["local"] = _local

    async def page(self, _: web.Request) -> web.Response:
        return self._render("switchboard.html")

    async def fragment(self, _: web.Request) -> web.Response:
        return self._render("board.html")

    async def press(self, request: web.Request) -> web.Response:
        """Act on a button: the fragment for htmx, a redirect for a browser without scripts."""
        form = await request.post()
        await self._act(request.match_info["act"], {k: str(v) for k, v in form.items()})
        if request.headers.get("HX-Request"):
            return self._render("board.html")
        raise web.HTTPSeeOther("/")

    async def act_json(self, request: web.Request) -> web.Response:
        body = await _json(request)
        if not isinstance(body, dict):
            raise _refusal(400, "the body is one JSON object")
        words = {str(k): str(v) for k, v in body.items()}
        return web.json_response(await self._act(request.match_info["act"], words))

    async def hospital_json(self, _: web.Request) -> web.Response:
        rows = [standing_json(s) for s in self._desk.hospital.standings()]
        return web.json_response({"devices": rows})

    async def phone_json(self, _: web.Request) -> web.Response:
        return web.json_response(phones_json(self._desk.phones))

    async def receive(self, request: web.Request) -> web.Response:
        """Take a message, refuse it, or say nothing, as the mode has it."""
        phones = self._desk.phones
        body = await _json(request)
        if phones.mode is not Mode.NORMAL:
            phones.turn_away()
        if phones.mode is Mode.REFUSE:
            return web.json_response({"errcode": 93000, "errmsg": "the demo's phones refuse"})
        if phones.mode is Mode.SILENT:
            await asyncio.sleep(SILENCE_SECONDS)  # the sender gives up long before
            return web.Response(status=504)
        try:
            phones.take(body, self._desk.clock.now())
        except MalformedMessageError as e:
            return web.json_response({"errcode": 40008, "errmsg": str(e)}, status=400)
        return web.json_response({"errcode": 0, "errmsg": "ok"})

    async def _act(self, act: str, words: Mapping[str, str]) -> dict[str, object]:
        desk = self._desk
        match act:
            case "break" | "mend":
                change = desk.hospital.break_ if act == "break" else desk.hospital.mend
                try:
                    touched = await change(words.get("name", ""))
                except UnknownDeviceError as e:
                    raise _refusal(404, str(e)) from e
                except (PostgresError, AgentsError) as e:
                    raise _refusal(503, str(e)) from e
                return {"name": words["name"], "also": list(touched)}
            case "phone-mode":
                try:
                    desk.phones.mode = Mode(words.get("mode", ""))
                except ValueError as e:
                    raise _refusal(400, f"mode is one of {', '.join(Mode)}") from e
                return {"mode": desk.phones.mode}
            case "restart-daemon":
                await desk.daemon.restart()
                return {}
            case _:
                raise _refusal(404, "no such act")

    def _render(self, template: str) -> web.Response:
        desk = self._desk
        text = self._pages.get_template(template).render(
            rows=desk.hospital.standings(),
            broken=len(desk.hospital.broken),
            isolated=sum(s.condition is Condition.ISOLATED for s in desk.hospital.standings()),
            watched=sum(not s.device.is_part for s in desk.hospital.standings()),
            phones=_per_person(desk),
            mode=desk.phones.mode,
            modes=MODE_TITLES,
            turned_away={MODE_TITLES[Mode(m)]: n for m, n in desk.phones.turned_away.items()},
            daemon=desk.daemon,
            conditions=CONDITION_TITLES,
            breaks=BREAK_TITLES,
            now=desk.clock.now(),
        )
        return web.Response(text=text, content_type="text/html")


def _per_person(desk: Desk) -> list[tuple[str, str, str, list[Message]]]:
    """Name, phone, role and messages; somebody who is not of the demo's people comes last."""
    rows: dict[str, tuple[str, str, str, list[Message]]] = {
        name: (name, phone, role, []) for name, phone, role in desk.people
    }
    for message in desk.phones.messages:
        row = rows.setdefault(message.person, (message.person, message.phone, "", []))
        row[3].append(message)
    return list(rows.values())


def standing_json(standing: Standing) -> dict[str, object]:
    """One device, for the API and the control socket."""
    device = standing.device
    return {
        "name": device.name,
        "title": device.title,
        "role": device.role,
        "depth": standing.depth,
        "condition": standing.condition,
        "by": list(standing.by),
        "address": standing.address,
    }


def phones_json(phones: Phones) -> dict[str, object]:
    """Messages newest first, for the API and the control socket."""
    messages = [
        {name: getattr(m, name) for name in Message.__dataclass_fields__} for m in phones.messages
    ]
    return {"mode": phones.mode, "turned_away": dict(phones.turned_away), "messages": messages}


def _local(value: datetime | str) -> str:
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at.astimezone(SHANGHAI).strftime("%H:%M:%S")


async def _json(request: web.Request) -> object:
    try:
        body: object = await request.json()
    except ValueError as e:
        raise _refusal(400, "the body is not JSON") from e
    return body


async def _htmx(_: web.Request) -> web.FileResponse:
    return web.FileResponse(HTMX)


def _refusal(status: int, message: str) -> web.HTTPException:
    kinds = {
        400: web.HTTPBadRequest,
        403: web.HTTPForbidden,
        404: web.HTTPNotFound,
        503: web.HTTPServiceUnavailable,
    }
    return kinds[status](text=message)


@web.middleware
async def _guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    answer: web.StreamResponse
    try:
        _check_source(request)
        answer = await handler(request)
    except web.HTTPException as e:
        answer = web.Response(status=e.status, text=e.text)
        if isinstance(e, web.HTTPSeeOther):
            answer.headers["Location"] = str(e.location)
    answer.headers.update(HEADERS)
    return answer


def _check_source(request: web.Request) -> None:
    """Only loopback names (DNS rebinding); a browser's POST only from our own page."""
    if not _is_loopback(urlsplit(f"//{request.host}").hostname or ""):
        raise _refusal(403, "the demo answers to loopback names only")
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin and urlsplit(origin).netloc != request.host:
        raise _refusal(403, "this button belongs to another site")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False
