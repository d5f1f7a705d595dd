"""The console's pages as a browser without a script reads them."""

import html.parser
import re

import aiohttp
import pytest
from fakes import FakeClock
from web_desk import NOW, House

from monitor.web.server import Web

VOID = {"meta", "link", "input", "br", "img"}


class Markup(html.parser.HTMLParser):
    """A page as a strict reader sees it: balanced, each id once, its elements."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []
        ids = [a["id"] for _, a in self.elements if "id" in a]
        assert len(ids) == len(set(ids))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag, **wanted):
        return [
            a
            for t, a in self.elements
            if t == tag and all(a.get(k.rstrip("_")) == v for k, v in wanted.items())
        ]


@pytest.fixture
def house():
    return House(FakeClock(NOW))


@pytest.fixture
async def client(house):
    server = Web(house.desk(), "127.0.0.1", 0)
    await server.start()
    origin = f"http://127.0.0.1:{server.port}"
    jar = aiohttp.CookieJar(unsafe=True)  # "unsafe" is aiohttp's word for plain addresses
    async with aiohttp.ClientSession(origin, headers={"Origin": origin}, cookie_jar=jar) as session:
        yield session
    await server.stop()


async def page(client, path="/", status=200, **headers):
    async with client.get(path, headers=headers) as answer:
        assert answer.status == status
        assert answer.content_type == "text/html"
        return Markup(await answer.text())
