"""
Style, script and htmx, read once at the start.

An index of names, not a path join: what is not in the index does not exist.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from aiohttp import hdrs, web

TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".txt": "text/plain",
    ".svg": "image/svg+xml",
}
YEAR = 31_536_000  # seconds; the address holds a digest, so that a new file has a new one


@dataclass(frozen=True)
class Static:
    """One file: its bytes, its type, and a digest for its address."""

    body: bytes
    content_type: str
    digest: str


@cache
def index() -> dict[str, Static]:
    """Read every file of the folder ``static``."""
    found = {}
    for entry in files("monitor.web").joinpath("static").iterdir():
        suffix = f".{entry.name.rpartition('.')[2]}"
        if suffix in TYPES:
            body = entry.read_bytes()
            digest = hashlib.sha256(body).hexdigest()[:12]
            found[entry.name] = Static(body, TYPES[suffix], digest)
    return found


def add(app: web.Application) -> None:
    """Serve the index under /static/."""
    assets = index()

    async def serve(request: web.Request) -> web.Response:
        static = assets.get(request.match_info["name"])
        if static is None:
            raise web.HTTPNotFound
        lasting = request.query.get("v") == static.digest
        cache = f"public, max-age={YEAR}, immutable" if lasting else "no-cache"
        return web.Response(
            body=static.body,
            content_type=static.content_type,
            charset="utf-8",
            headers={hdrs.CACHE_CONTROL: cache},
        )

    app.router.add_get("/static/{name}", serve)
