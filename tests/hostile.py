"""
A web server that answers as badly as it can, one way per path: ``URL/kind``.

It runs in a process of its own, so that what it costs is not counted as ours. Use:

    with hostile.serve() as url:
        url("gzip-bomb")   # http://127.0.0.1:PORT/gzip-bomb
"""

import asyncio
import contextlib
import functools
import gzip
import itertools
import os
import signal
import subprocess
import sys
import zlib

OK = b"HTTP/1.1 200 OK\r\n"
TEXT = b"Content-Type: text/plain; version=0.0.4\r\n"
CHUNKED = OK + TEXT + b"Transfer-Encoding: chunked\r\n\r\n"
FOR_EVER = 3600.0
KB64 = 1 << 16


async def send(w, *parts):
    for part in parts:
        w.write(part)
        await w.drain()


async def drip(w, data, every=0.05):
    for i in itertools.cycle(range(len(data))):
        await send(w, data[i : i + 1])
        await asyncio.sleep(every)


async def endless(w, part):
    while True:
        await send(w, part)


async def silence(r, w):
    await asyncio.sleep(FOR_EVER)


async def close(r, w):
    """Say nothing and hang up."""


async def reset(r, w):
    sock = w.get_extra_info("socket")
    sock.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SOL_SOCKET, SO_LINGER 0: RST instead of FIN


async def drip_status(r, w):
    await drip(w, b"HTTP/1.1 200 OK" + b" " * 4000)


async def drip_headers(r, w):
    await send(w, OK)
    await drip(w, b"X-A: b\r\n")


async def drip_body(r, w):
    await send(w, OK, b"Content-Length: 100000\r\n\r\n")
    await drip(w, b"x")


async def drip_chunks(r, w):
    await send(w, CHUNKED)
    await drip(w, b"1\r\nx\r\n")


async def stall_body(r, w):
    await send(w, OK, b"Content-Length: 1000\r\n\r\n", b"x" * 500)
    await asyncio.sleep(FOR_EVER)


async def endless_body(r, w):
    await send(w, OK, TEXT, b"\r\n")
    await endless(w, b"x" * KB64)


async def endless_chunks(r, w):
    await send(w, CHUNKED)
    await endless(w, b"10000\r\n" + b"x" * KB64 + b"\r\n")


async def tiny_chunks(r, w):
    await send(w, CHUNKED)
    await endless(w, b"1\r\nx\r\n" * 4096)


async def huge_chunk_size(r, w):
    await send(w, CHUNKED, b"F" * 100_000, b"\r\n")


async def endless_chunk_extension(r, w):
    await send(w, CHUNKED, b"1;")
    await endless(w, b"a" * KB64)


async def endless_trailers(r, w):
    await send(w, CHUNKED, b"1\r\nx\r\n0\r\n")
    await endless(w, b"X-Trailer: x\r\n" * 1000)


async def endless_status(r, w):
    await send(w, b"HTTP/1.1 200 ")
    await endless(w, b"O" * KB64)


async def headers_100mb(r, w):
    await send(w, OK)
    for i in range(12_500):
        await send(w, b"X-%d: " % i + b"v" * 8000 + b"\r\n")
    await send(w, b"\r\n")


async def one_header_100mb(r, w):
    await send(w, OK, b"X-A: ")
    for _ in range(1600):
        await send(w, b"v" * KB64)
    await send(w, b"\r\n\r\n")


async def many_headers(r, w):
    await send(w, OK, b"".join(b"X-%d: 1\r\n" % i for i in range(5000)), b"\r\n")


async def folded_headers(r, w):
    await send(w, OK, b"X-A: 1\r\n")
    await endless(w, b" folded\r\n" * 1000)


async def endless_1xx(r, w):
    await endless(w, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


async def switching(r, w):
    await send(w, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    await endless(w, b"x" * KB64)


async def early_close(r, w):
    await send(w, OK, b"Content-Length: 1000\r\n\r\n", b"x" * 10)


async def early_close_chunked(r, w):
    await send(w, CHUNKED, b"64\r\nxxx")


async def long_answer(r, w):
    """More than the Content-Length says."""
    await send(w, OK, b"Content-Length: 2\r\n\r\n", b"ok" + b"HTTP/1.1 500 No\r\n\r\n" * 100)


async def negative_length(r, w):
    await send(w, OK, b"Content-Length: -5\r\n\r\n", b"x" * 100)


async def two_lengths(r, w):
    await send(w, OK, b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", b"x" * 6)


async def huge_length(r, w):
    await send(w, OK, b"Content-Length: " + b"9" * 30 + b"\r\n\r\n")
    await endless(w, b"x" * KB64)


async def length_and_chunked(r, w):
    await send(w, CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n"), b"0\r\n\r\n")


async def garbage(r, w):
    await send(w, bytes(range(256)) * 100)


async def endless_garbage(r, w):
    await endless(w, bytes(range(256)) * 256)


async def nul_headers(r, w):
    await send(w, OK, b"X-\0A: \0\r\n\r\n")


async def control_characters(r, w):
    await send(w, b"HTTP/1.1 500 \x1b[31mred\x07\r\nX: \x1b[2J\r\nContent-Length: 0\r\n\r\n")


async def not_http(r, w):
    await send(w, b"220 mail.example ESMTP\r\n")
    await asyncio.sleep(FOR_EVER)


async def http_0_9(r, w):
    await send(w, b"<html>no header at all</html>")


async def redirect_loop(r, w):
    await send(w, b"HTTP/1.1 302 Found\r\nLocation: /redirect-loop\r\nContent-Length: 0\r\n\r\n")


async def redirect_to(where, r, w):
    await send(w, b"HTTP/1.1 302 Found\r\nLocation: ", where, b"\r\nContent-Length: 0\r\n\r\n")


async def redirect_body(r, w):
    await send(w, b"HTTP/1.1 302 Found\r\nLocation: /redirect-body\r\n\r\n")
    await endless(w, b"x" * KB64)


@functools.lru_cache
def bomb():
    """522 kB that inflate to 512 MB."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1 << 20)
    return b"".join([deflate.compress(block) for _ in range(512)]) + deflate.flush()


async def gzip_bomb(r, w):
    data = bomb()
    head = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(data)
    await send(w, OK, TEXT, head, data)


async def gzip_bomb_twice(r, w):
    data = gzip.compress(bomb(), 1)
    await send(w, OK, b"Content-Encoding: gzip, gzip\r\n\r\n", data)


async def gzip_members(r, w):
    await send(w, OK, b"Content-Encoding: gzip\r\n\r\n")
    await endless(w, gzip.compress(b"x") * 2000)


async def gzip_garbage(r, w):
    await send(w, OK, b"Content-Encoding: gzip\r\n\r\n", b"this is not gzip at all")


async def gzip_cut(r, w):
    await send(w, OK, b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"x" * 1000)[:-12])


async def deflate_bomb(r, w):
    data = zlib.compress(bytes(64 << 20), 9)
    await send(w, OK, b"Content-Encoding: deflate\r\n\r\n", data)


async def br_bomb(r, w):
    await send(w, OK, b"Content-Encoding: br\r\n\r\n", b"\xcb\xff\xff\xff" * 1000)


async def metrics_200mb(r, w):
    """A good exposition, without an end in sight."""
    await send(w, OK, TEXT, b"\r\n")
    for n in range(3200):
        await send(w, b"".join(b'm{a="%d"} 1\n' % (n * 4096 + i) for i in range(4096)))


async def million_labels(r, w):
    """One series with a million labels."""
    await send(w, OK, TEXT, b"\r\n", b"m{")
    for n in range(250):
        await send(w, b"".join(b'l%d="v",' % (n * 4000 + i) for i in range(4000)))
    await send(w, b"} 1\n")


async def long_label(r, w):
    """One label value of 10 MB."""
    await send(w, OK, TEXT, b"\r\n", b'm{a="')
    for _ in range(160):
        await send(w, b"x" * KB64)
    await send(w, b'"} 1\n')


async def bad_exposition(r, w):
    await send(w, OK, TEXT, b"\r\n", b'm{a="b} 1\nm 1 2 3\n{} {}\n' * 1000)


async def ok(r, w):
    """The one that behaves."""
    await send(w, OK, TEXT, b"Content-Length: 5\r\n\r\n", b"up 1\n")


KINDS = {
    "silence": silence,
    "close": close,
    "reset": reset,
    "drip-status": drip_status,
    "drip-headers": drip_headers,
    "drip-body": drip_body,
    "drip-chunks": drip_chunks,
    "stall-body": stall_body,
    "endless-body": endless_body,
    "endless-chunks": endless_chunks,
    "tiny-chunks": tiny_chunks,
    "huge-chunk-size": huge_chunk_size,
    "endless-chunk-extension": endless_chunk_extension,
    "endless-trailers": endless_trailers,
    "endless-status": endless_status,
    "headers-100mb": headers_100mb,
    "one-header-100mb": one_header_100mb,
    "many-headers": many_headers,
    "folded-headers": folded_headers,
    "endless-1xx": endless_1xx,
    "switching": switching,
    "early-close": early_close,
    "early-close-chunked": early_close_chunked,
    "negative-length": negative_length,
    "two-lengths": two_lengths,
    "huge-length": huge_length,
    "length-and-chunked": length_and_chunked,
    "garbage": garbage,
    "endless-garbage": endless_garbage,
    "nul-headers": nul_headers,
    "control-characters": control_characters,
    "not-http": not_http,
    "http-0.9": http_0_9,
    "redirect-loop": redirect_loop,
    "redirect-body": redirect_body,
    "redirect-to-file": functools.partial(redirect_to, b"file:///etc/passwd"),
    "redirect-to-ftp": functools.partial(redirect_to, b"ftp://127.0.0.1/"),
    "redirect-to-nowhere": functools.partial(redirect_to, b"http://[not-an-address/"),
    "gzip-bomb": gzip_bomb,
    "gzip-bomb-twice": gzip_bomb_twice,
    "gzip-members": gzip_members,
    "gzip-garbage": gzip_garbage,
    "gzip-cut": gzip_cut,
    "deflate-bomb": deflate_bomb,
    "br-bomb": br_bomb,
}
"""What every HTTP visit must call a failure."""

TLS = {
    "tls-silence": silence,
    "tls-garbage": garbage,
    "tls-endless-garbage": endless_garbage,
    "tls-close": close,
    "tls-plain-http": ok,
}
"""Instead of a TLS handshake; each on a port of its own, ``https``."""

EXPOSITIONS = {
    "metrics-200mb": metrics_200mb,
    "million-labels": million_labels,
    "long-label": long_label,
    "bad-exposition": bad_exposition,
}
"""HTTP in order, and a body that a scrape must call a failure."""

GOOD = {"ok": ok, "long-answer": long_answer}


@contextlib.contextmanager
def serve():
    """Start the server in its own process; yields ``url(kind)``."""
    server = subprocess.Popen(
        [sys.executable, __file__], stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
    )
    try:
        ports = dict(entry.split("=") for entry in server.stdout.readline().split())

        def url(kind):
            if kind in TLS:
                return f"https://127.0.0.1:{ports[kind]}/"
            assert kind in KINDS | EXPOSITIONS | GOOD, kind
            return f"http://127.0.0.1:{ports['http']}/{kind}"

        yield url
    finally:
        server.stdout.close()
        server.send_signal(signal.SIGKILL)
        server.wait(10)


async def answer(behave, r, w):
    """Behave as badly as asked, until the other side has had enough."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        if behave is None:
            line = await r.readline()
            await r.readuntil(b"\r\n\r\n")
            path = line.split()[1].decode().strip("/")
            behave = (KINDS | EXPOSITIONS | GOOD)[path]
        gone = asyncio.ensure_future(r.read())  # ends when the visitor hangs up
        acting = asyncio.ensure_future(behave(r, w))
        await asyncio.wait({gone, acting}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        acting.cancel()
        await asyncio.wait({gone, acting})
        for task in (gone, acting):
            if not task.cancelled():
                task.exception()
    w.close()


async def main():
    os.nice(19)  # elsewhere it would have a machine of its own
    bomb()
    ports = {}
    for name, behave in [("http", None), *TLS.items()]:
        server = await asyncio.start_server(functools.partial(answer, behave), "127.0.0.1", 0)
        ports[name] = server.sockets[0].getsockname()[1]
    print(*(f"{k}={v}" for k, v in ports.items()), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
