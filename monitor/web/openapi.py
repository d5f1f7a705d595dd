"""
The OpenAPI 3.1 document, made of the route table and the shapes.

Pure. ``PLAIN`` lists the routes beside /api that programs use; a test walks the router
and finds every one of them here.
"""

import re
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from monitor.web.guard import CODES
from monitor.web.routes import API, PREFIX, Route
from monitor.web.shapes import ErrorOut

PLAIN = {
    "/metrics": ("Prometheus text or OpenMetrics, by Accept; gzip when accepted", (200,)),
    "/healthz": ("Whether the process answers", (200,)),
    "/readyz": ("Whether the daemon watches: 503 with the reason while it does not", (200, 503)),
    f"{PREFIX}/openapi.json": ("This document", (200,)),
}


@cache
def document(version: str) -> dict[str, Any]:
    """Make the whole document; the same for the whole process, not to be changed."""
    models = _models()
    _, schemas = models_json_schema(
        [(model, "serialization" if gives else "validation") for model, gives in models],
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, Any] = {}
    for route in API:
        path = paths.setdefault(PREFIX + plain_path(route.path), {})
        path[route.method.lower()] = _operation(route)
    for plain, (summary, statuses) in PLAIN.items():
        paths[plain] = {"get": _plain(summary, statuses)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Zhiban 值班", "version": version},
        "paths": paths,
        "components": {"schemas": schemas.get("$defs", {})},
    }


def plain_path(path: str) -> str:
    """Drop the router's regular expressions: what matters here is ``{id}``."""
    return re.sub(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}", r"{\1}", path)


def _models() -> list[tuple[type[BaseModel], bool]]:
    gives = {(route.gives, True) for route in API} | {(ErrorOut, True)}
    takes = {(route.body, False) for route in API if route.body}
    return sorted(gives | takes, key=lambda pair: pair[0].__name__)


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.answer.__name__,
        "summary": (route.answer.__doc__ or "").strip().splitlines()[0],
        "responses": {"200": _json("The answer", route.gives)},
    }
    refusals = {*route.refusals, 421, 500}
    if route.query:
        refusals.add(400)
    if route.method == "POST":
        refusals.add(403)
    for status in sorted(refusals):
        gives = route.gives if status == 422 else ErrorOut  # noqa: PLR2004  # reload's answer
        operation["responses"][str(status)] = _json(CODES.get(status, "refused"), gives)
    parameters = _parameters(route)
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        operation["requestBody"] = {"required": True, "content": _content(route.body)}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    found = []
    if "{id" in route.path:
        schema = {"type": "integer", "minimum": 0}
        found.append({"name": "id", "in": "path", "required": True, "schema": schema})
    if route.query:
        properties = route.query.model_json_schema()["properties"]
        found += [{"name": n, "in": "query", "schema": s} for n, s in properties.items()]
    return found


def _plain(summary: str, statuses: tuple[int, ...]) -> dict[str, Any]:
    return {"summary": summary, "responses": {str(s): {"description": summary} for s in statuses}}


def _content(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}


def _json(description: str, model: type[BaseModel]) -> dict[str, Any]:
    return {"description": description, "content": _content(model)}
