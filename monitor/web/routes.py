"""
Every route of the API, in one table: the router and the OpenAPI document are made of it.

Nothing is served under /api that does not stand here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from pydantic import BaseModel, ValidationError

from monitor.web import api, shapes
from monitor.web.desk import Desk
from monitor.web.door import HEAD_SECONDS
from monitor.web.guard import Refusal

PREFIX = "/api/v1"
BODY_MOST = 1 << 20  # bytes
ID = r"{id:[0-9]{1,18}}"  # fits a 64-bit integer

Answer = Callable[[Desk, api.Call], Awaitable[BaseModel]]


@dataclass(frozen=True)
class Route:
    """One method of one path: what it takes, what it answers, how it may refuse."""

    method: str
    path: str
    answer: Answer
    gives: type[BaseModel]
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    refusals: tuple[int, ...] = ()


# What pydantic's kinds of error say here.
SENTENCES = {
    "extra_forbidden": "unknown {noun} {name}; known: {known}",
    "missing": "{noun} {name} is missing",
    "json_invalid": "the body is not JSON",
    "model_type": "the body must be a JSON object",
    "model_attributes_type": "the body must be a JSON object",
    "string_type": "{noun} {name} must be a string",
    "string_too_long": "{noun} {name} is longer than {max_length} characters",
    "string_too_short": "{noun} {name} must not be empty",
    "literal_error": "{noun} {name} must be one of {expected}",
    "int_parsing": "{noun} {name} must be a whole number",
}
ACTED = (400, 404, 409, 413, 415, 503)

API = (
    Route("GET", "/incidents", api.incidents, shapes.IncidentsOut, query=api.IncidentsQuery),
    Route("GET", f"/incidents/{ID}", api.incident, shapes.IncidentWhole, refusals=(404,)),
    Route(
        "POST",
        f"/incidents/{ID}/ack",
        api.acknowledge,
        shapes.IncidentOut,
        body=shapes.AckAsk,
        refusals=ACTED,
    ),
    Route(
        "POST",
        f"/incidents/{ID}/note",
        api.note,
        shapes.IncidentOut,
        body=shapes.NoteAsk,
        refusals=ACTED,
    ),
    Route(
        "POST",
        f"/incidents/{ID}/close",
        api.close,
        shapes.IncidentOut,
        body=shapes.NoteAsk,
        refusals=ACTED,
    ),
    Route("GET", "/targets", api.targets, shapes.TargetsOut),
    Route("GET", "/systems", api.systems, shapes.SystemsOut),
    Route("GET", "/alerts", api.alerts, shapes.AlertsOut),
    Route("GET", "/notices", api.notices, shapes.NoticesOut, query=api.NoticesQuery),
    Route(
        "POST",
        "/reload",
        api.reload,
        shapes.ReloadOut,
        body=shapes.ReloadAsk,
        refusals=(400, 413, 415, 422),
    ),
)


def add(app: web.Application, desk: Desk) -> None:
    """Put the whole table into a router."""
    for route in API:
        app.router.add_route(route.method, PREFIX + route.path, _handler(route, desk))


def _handler(route: Route, desk: Desk) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        call = api.Call(
            id=int(request.match_info.get("id", 0)),
            query=_query(request, route.query),
            body=await _body(request, route.body) if route.body else None,
        )
        answer = await route.answer(desk, call)
        refused = isinstance(answer, shapes.ReloadOut) and not answer.reloaded
        return web.json_response(text=answer.model_dump_json(), status=422 if refused else 200)

    return handle


def _query(request: web.Request, model: type[BaseModel] | None) -> BaseModel | None:
    sent = dict(request.query)
    if len(sent) != len(request.query):
        raise Refusal(400, "a query parameter is given twice")
    if model is None:
        if sent:
            raise Refusal(400, f"unknown query parameter {_quoted(next(iter(sent)))}")
        return None
    try:
        return model.model_validate(sent)
    except ValidationError as e:
        raise Refusal(400, sentence(e, model, "query parameter")) from None


async def _body(request: web.Request, model: type[BaseModel]) -> BaseModel:
    if request.content_type != "application/json":
        raise Refusal(415, "send application/json")
    try:
        return model.model_validate_json(await read(request))
    except ValidationError as e:
        raise Refusal(400, sentence(e, model, "field")) from None


async def read(request: web.Request) -> bytes:
    """Read a whole body of at most 1 MiB, uncompressed, within the head's deadline."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Refusal(415, "a compressed body is not taken")
    try:
        async with asyncio.timeout(HEAD_SECONDS):
            return await request.read()
    except TimeoutError:
        raise Refusal(408, f"the body did not come within {HEAD_SECONDS:.0f} s") from None


def sentence(e: ValidationError, model: type[BaseModel], noun: str) -> str:
    """Say what the first thing wrong is, and what would be right."""
    first = e.errors(include_url=False, include_input=False)[0]
    name = _quoted(".".join(str(step) for step in first["loc"]))
    said = SENTENCES.get(first["type"])
    if said is None:
        return f"{noun} {name}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    known = ", ".join(model.model_fields)
    return said.format(noun=noun, name=name, known=known, **first.get("ctx", {}))


def _quoted(name: str) -> str:
    kept = "".join(c for c in name if c.isprintable())[:64]
    return f'"{kept}"'
