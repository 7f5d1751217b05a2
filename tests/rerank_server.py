"""A chat endpoint on the loopback for tests: a real HTTP server that answers, stalls, fails and cuts off."""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PASSAGE = re.compile(r"^\[(\d+)\] (.*)$", re.MULTILINE)
_GRADE = re.compile(r"grade (\d+)")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the server sends; ``cut`` sends only so many bytes of a body that is announced whole."""

    body: bytes
    status: int = 200
    kind: str = "application/json"
    headers: dict = field(default_factory=dict)
    stall_s: float = 0.0
    cut: int | None = None

    def always(self, _request, _number):
        """Be the answer to everything."""
        return self


@dataclass
class Seen:
    """What the server was asked."""

    requests: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    most_at_once: int = 0
    now: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def passages_of(request):
    """Return the passages of a ranking prompt as ``(identifier, text)``."""
    return [(int(number), text) for number, text in _PASSAGE.findall(request["messages"][-1]["content"])]


def by_grade(request):
    """Return identifiers by the number after the word "grade", highest first."""
    graded = [(int(_GRADE.search(text)[1]), number) for number, text in passages_of(request)]
    return [number for _, number in sorted(graded, key=lambda pair: (-pair[0], pair[1]))]


def chat(text, *, finish="stop", usage=True, **message):
    """Wrap ``text`` as a chat completion."""
    body = {
        "choices": [{"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}]
    }
    if usage:
        body["usage"] = {"prompt_tokens": 100, "completion_tokens": 10}
    return Reply(body=json.dumps(body).encode())


def chain(ids):
    return " > ".join(f"[{number}]" for number in ids)


def right(request, _number):
    """Answer as a perfect model would."""
    words = len(request["messages"][-1]["content"].split())
    ids = by_grade(request)
    body = {
        "choices": [{"message": {"content": chain(ids)}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": words, "completion_tokens": len(ids)},
    }
    return Reply(body=json.dumps(body).encode())


def script(*replies, then=right):
    """Answer the first requests with ``replies``, functions or values, and the others with ``then``."""

    def behave(request, number):
        chosen = replies[number] if number < len(replies) else then
        return chosen(request, number) if callable(chosen) else chosen

    return behave


@contextmanager
def chat_server(behave):
    """Serve ``behave(request, number)`` and yield the address and what was seen."""
    seen = Seen()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with seen.lock:
                number = len(seen.requests)
                seen.requests.append(request)
                seen.headers.append(dict(self.headers))
                seen.now += 1
                seen.most_at_once = max(seen.most_at_once, seen.now)
            try:
                self._send(behave(request, number))
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client gave up, which some tests want
            finally:
                with seen.lock:
                    seen.now -= 1

        def _send(self, reply):
            if stopping.wait(reply.stall_s) if reply.stall_s else False:
                self.close_connection = True
                return
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", str(len(reply.body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
            self.close_connection = reply.cut is not None

        def log_message(self, *_):
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):
            """A client that hangs up is what some tests want."""

    stopping = threading.Event()
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", seen
    finally:
        stopping.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def slowly(seconds, then=right):
    """Answer after a while."""

    def behave(request, number):
        time.sleep(seconds)
        return then(request, number)

    return behave
