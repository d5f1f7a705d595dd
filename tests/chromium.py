"""A headless Chromium driven over its DevTools protocol: a true 360 px, real clicks."""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import signal

import aiohttp

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
    "--lang=zh-CN",
)


class Page:
    """One tab."""

    def __init__(self, socket):
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting = {}
        self.messages = []  # console errors and refused resources
        self._reader = asyncio.ensure_future(self._read())

    async def _read(self):
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" in said:
                self._waiting.pop(said["id"]).set_result(said)
            elif said["method"] == "Log.entryAdded":
                self.messages.append(said["params"]["entry"]["text"])
            elif said["method"] == "Runtime.exceptionThrown":
                self.messages.append(str(said["params"]["exceptionDetails"]))

    async def call(self, method, **params):
        number = next(self._ids)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        said = await asyncio.wait_for(answer, 20)
        if "error" in said:
            raise AssertionError(f"{method}: {said['error']}")
        return said["result"]

    async def run(self, script):
        """Evaluate an expression (a promise is awaited) and return its value."""
        said = await self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    async def open(self, url, width=1440, height=1000, *, scripts=True):
        await self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def until(self, script, seconds=10):
        """Wait until an expression is true."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not await self.run(script):
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"never true: {script}")
            await asyncio.sleep(0.05)

    async def press(self, selector):
        """Click the middle of an element as a mouse does."""
        box = await self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=box[0],
                y=box[1],
                button="left",
                clickCount=1,
            )

    async def type(self, text):
        await self.call("Input.insertText", text=text)

    async def shot(self, path):
        """The whole page as a PNG."""
        said = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(said["data"]))


@contextlib.asynccontextmanager
async def page(program, profile):
    """A browser with one tab; ended by its own process group."""
    process = await asyncio.create_subprocess_exec(
        program,
        *FLAGS,
        f"--user-data-dir={profile}",
        "about:blank",
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(30):
            port = await _port(process.stderr)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                tab = next(t for t in await answer.json() if t["type"] == "page")
            url = tab["webSocketDebuggerUrl"]
            async with session.ws_connect(url, max_msg_size=0) as socket:
                one = Page(socket)
                for domain in ("Page", "Runtime", "Log"):
                    await one.call(f"{domain}.enable")
                yield one
                one._reader.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        process._transport.close()


async def _port(stderr):
    async for line in stderr:
        if b"DevTools listening on" in line:
            return int(line.split(b":")[-1].split(b"/")[0])
    raise AssertionError("chromium did not start")
