"""
The console's pages and forms, rendered on the server.

Every page works without a script: it is then refreshed whole, and a form answers with a
redirect. With htmx the part called *live* is fetched anew and merged into the page.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from urllib.parse import quote, unquote

from aiohttp import hdrs, web
from jinja2 import Environment, PackageLoader, StrictUndefined

from monitor.model.act import Act, ActKind, IllegalActError
from monitor.model.incident import Event, Incident, Notice, State
from monitor.store.errors import StoreError
from monitor.web import api, assets, cards, facts, routes, shapes, view, words
from monitor.web.desk import Desk
from monitor.web.grouped import groups
from monitor.web.guard import Refusal

log = logging.getLogger(__name__)

COOKIE = "zhiban_me"
COOKIE_SECONDS = 400 * 86_400  # browsers keep no cookie longer (RFC 6265bis 5.5)
CARDS_MOST = 20  # whole cards; in a storm the rest is one line each
LINES_MOST = 100
RECENT_MOST = 10
NOTICES_MOST = 200
ACTS = {"ack": ActKind.ACK, "note": ActKind.NOTE, "close": ActKind.CLOSE}
SAID = {"ack": "已接报", "note": "已记录", "close": "已关闭"}


@dataclass(frozen=True, slots=True)
class Said:
    """What the page says about the act that was just done, or refused."""

    text: str = ""
    bad: bool = False


@cache
def _environment() -> Environment:
    """Compile templates once a process: they come with the program and never change."""
    environment = Environment(
        loader=PackageLoader("monitor.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    digests = {name: static.digest for name, static in assets.index().items()}
    environment.globals["static"] = lambda name: f"/static/{name}?v={digests[name]}"
    return environment


class Pages:
    """Renders pages of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._environment = _environment()

    async def console(self, request: web.Request, said: Said | None = None) -> web.Response:
        """``/``: what is wrong now."""
        scene = self._scene()
        live, over = _sorted(scene.board.incidents)
        shown = live[:CARDS_MOST]
        whole = [await self._card(scene, one) for one in shown]
        recent = await self._recent({one.id for one in (*live, *over)})
        return await self._page(
            "console.html",
            request,
            scene,
            said,
            cards=whole,
            rest=[cards.card(scene, one) for one in live[CARDS_MOST : CARDS_MOST + LINES_MOST]],
            rest_count=max(0, len(live) - CARDS_MOST),
            over=[cards.card(scene, one) for one in over[:CARDS_MOST]],
            recent=[cards.card(scene, one) for one in recent],
            groups=groups(scene),
        )

    async def incident(
        self, request: web.Request, incident_id: int, said: Said | None = None
    ) -> web.Response:
        """``/incidents/{id}``: everything about one, also for paper."""
        scene = self._scene()
        one = await api.find(self._desk, incident_id)
        card = await self._card(scene, one)
        return await self._page("incident.html", request, scene, said, card=card)

    def _scene(self) -> view.Scene:
        return view.Scene(self._desk.site(), self._desk.board(), self._desk.clock.now())

    async def _card(self, scene: view.Scene, one: Incident) -> cards.Card:
        return cards.card(scene, one, *await self._story(one.id))

    async def _story(self, incident_id: int) -> tuple[Sequence[Event], Sequence[Notice]]:
        try:
            store = self._desk.store
            return await store.events(incident_id), await store.notices(incident_id, NOTICES_MOST)
        except StoreError as e:
            # A card without its history is worth more at night than no card.
            log.warning("history unreadable: %s", e)
            return (), ()

    async def _recent(self, shown: set[int]) -> list[Incident]:
        try:
            states = (State.RECOVERED, State.CLOSED)
            found = await self._desk.store.incidents(states, RECENT_MOST + len(shown), None)
        except StoreError as e:
            log.warning("history unreadable: %s", e)
            return []
        return [one for one in found if one.id not in shown][:RECENT_MOST]

    async def _trouble(self, now: datetime) -> tuple[str, ...]:
        try:
            store = self._desk.store
            queues = await store.queues()
            notices = await store.notices(None, NOTICES_MOST) if queues else ()
        except StoreError as e:
            log.warning("notices unreadable: %s", e)
            return (*self._desk.trouble(), "历史记录暂时读不出，当前故障不受影响")
        return (*self._desk.trouble(), *view.undelivered(queues, notices, now))

    async def _page(
        self,
        template: str,
        request: web.Request,
        scene: view.Scene,
        said: Said | None,
        **values: object,
    ) -> web.Response:
        trouble = await self._trouble(scene.now)
        text = self._environment.get_template(template).render(
            top=view.top(scene, trouble, self._desk.speed),
            me=me(request),
            said=said or Said(),
            whole="HX-Request" not in request.headers,
            here=request.path if request.method == "GET" else _back(request),
            **values,
        )
        return web.Response(text=text, content_type="text/html", headers={hdrs.VARY: "HX-Request"})

    async def act(self, request: web.Request) -> web.Response:
        """Do what a form asks, and show the page it stood on."""
        fields = await _fields(request)
        incident_id, kind = int(request.match_info["id"]), request.match_info["act"]
        said = await self._do(incident_id, kind, fields)
        if not said.bad and "HX-Request" not in request.headers:
            answer = web.Response(status=303, headers={hdrs.LOCATION: _back(request)})
        else:
            answer = await self._after(request, incident_id, said)
        if not said.bad:
            _remember(answer, fields["by"])
        return answer

    async def _after(self, request: web.Request, incident_id: int, said: Said) -> web.Response:
        if _back(request) == "/":
            answer = await self.console(request, said)
        else:
            answer = await self.incident(request, incident_id, said)
        if said.bad and "HX-Request" not in request.headers:
            answer.set_status(409)
        return answer

    async def _do(self, incident_id: int, kind: str, fields: dict[str, str]) -> Said:
        shape = shapes.AckAsk if kind == "ack" else shapes.NoteAsk
        try:
            given = shape.model_validate({"by": fields["by"], "text": fields["text"]})
        except ValueError:
            return Said("请先选择姓名" if not fields["by"] else "请写一句话，最多500字", bad=True)
        if given.by not in [p.name for p in self._desk.site().people]:
            return Said("这个姓名不在人员名单里", bad=True)
        try:
            act = Act(ACTS[kind], incident_id, given.by, given.text)
            changed = await api.submit(self._desk, act)
        except IllegalActError as e:
            return Said(str(e), bad=True)
        except StoreError as e:
            log.warning("an act could not be written: %s", e)
            return Said("没有写入：数据库暂时不能写，请稍后再按", bad=True)
        return Said(f"#{facts.number(changed)} {SAID[kind]}")


def _sorted(incidents: Sequence[Incident]) -> tuple[list[Incident], list[Incident]]:
    """Split into what is not over (worst class first, then oldest) and what is."""
    rank = {fault_class: i for i, fault_class in enumerate(words.CLASSES)}
    live = [i for i in incidents if i.state in facts.LIVE]
    over = [i for i in incidents if i.state is State.RECOVERED]
    live.sort(key=lambda i: (rank[i.fault_class], i.state is State.WATCHING, i.started_at))
    return live, sorted(over, key=lambda i: -i.id)


def me(request: web.Request) -> str:
    """Who this browser said it is last time: only what the picker shows first."""
    return unquote(request.cookies.get(COOKIE, ""))[:64]


def _remember(answer: web.Response, name: str) -> None:
    answer.set_cookie(
        COOKIE, quote(name), max_age=COOKIE_SECONDS, httponly=True, samesite="Strict", path="/"
    )


def _back(request: web.Request) -> str:
    """Tell which page the form stood on: never an address out of the request."""
    incident_id = request.match_info.get("id")
    return f"/incidents/{incident_id}" if request.query.get("on") == "page" else "/"


async def _fields(request: web.Request) -> dict[str, str]:
    """Read a form's two fields; anything else in it is refused."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refusal(415, "send a form")
    await routes.read(request)  # bounded in time; post() below takes it from memory
    sent = await request.post()
    unknown = set(sent) - {"by", "text"}
    if unknown or len(sent) != len(set(sent)):
        raise Refusal(400, "unknown or repeated form field")
    return {name: str(sent.get(name, "")) for name in ("by", "text")}


def add(app: web.Application, desk: Desk) -> None:
    """Serve the pages."""
    pages = Pages(desk)

    async def console(request: web.Request) -> web.Response:
        return await pages.console(request)

    async def incident(request: web.Request) -> web.Response:
        return await pages.incident(request, int(request.match_info["id"]))

    table: tuple[tuple[str, str, Callable[[web.Request], Awaitable[web.Response]]], ...] = (
        ("GET", "/", console),
        ("GET", f"/incidents/{routes.ID}", incident),
        ("POST", f"/incidents/{routes.ID}/{{act:ack|note|close}}", pages.act),
    )
    for method, path, answer in table:
        app.router.add_route(method, path, answer)
