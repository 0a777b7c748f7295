"""A web server of archives on this machine, with the habits of those on the internet."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from auxseg.download.archives import Archive


@dataclass
class Server:
    """What a server has and how it behaves, and what it was asked for.

    Attributes:
        files: content by name.
        ranges: whether it sends parts of a file.
        drops: bytes after which its next answers are cut off, in order; None = a whole one.
        stalls: it goes silent where it would cut an answer off.
        asked: (name, first byte, bytes sent) of every answer.
    """

    files: dict[str, bytes]
    ranges: bool = True
    drops: list[int | None] = field(default_factory=list)
    stalls: bool = False
    url: str = ""
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def archive(self, name: str, wanted: tuple[str, ...], *mirrors: "Server", **other) -> Archive:
        """A row of the table: a file of this server, which the mirrors have, too."""
        content = self.files[name]
        facts = {
            "urls": tuple(f"{server.url}/{name}" for server in (self, *mirrors)),
            "md5": hashlib.md5(content).hexdigest(),
            "bytes": len(content),
            "unpacked": len(content),
        }
        return Archive(name=name, wanted=wanted, **facts | other)


@contextmanager
def serving(files: dict[str, bytes], **habits) -> Iterator[Server]:
    """Serve files on a free port as long as the context lasts."""
    server = Server(files, **habits)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, server)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            http.shutdown()
            thread.join()


def _answer(request: BaseHTTPRequestHandler, server: Server) -> None:
    name = request.path.removeprefix("/")
    if name not in server.files:
        server.asked.append((name, 0, 0))
        request.send_error(404)
        return
    content, start = server.files[name], 0
    if server.ranges and (asked := request.headers["Range"]):
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    else:
        request.send_response(200)
    request.send_header("Content-Length", str(len(content) - start))
    request.end_headers()
    most = server.drops.pop(0) if server.drops else None
    sent = content[start:] if most is None else content[start : start + most]
    server.asked.append((name, start, len(sent)))
    request.wfile.write(sent)
    if server.stalls and most is not None:
        server.closing.wait()
