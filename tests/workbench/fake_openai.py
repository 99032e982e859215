"""A server that speaks the chat-completions protocol over real sockets, and misbehaves on request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class FakeServer:
    """`mode` says how it answers: ok, 500, timeout, malformed, 429-then-ok, not-json, no-format, refusal, redirect.

    foreign, foreign-error, foreign-json and foreign-banner are services that are no model, with a secret to tell.
    """

    mode: str = "ok"
    content: str = '{"species": "setosa"}'
    delay: float = 0.0
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    busy: int = 0
    most_busy: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def calls(self) -> int:
        return len(self.requests)


FOREIGN = {
    "foreign": (200, "text/html; charset=utf-8", b"<b>secret page</b>"),
    "foreign-error": (418, "text/plain", b"secret words of another service"),
    "foreign-json": (200, "application/json", b'{"choices": "secret", "usage": "secret"}'),
    "foreign-message": (404, "application/json", b'{"error": {"message": "secret"}}'),
}


def completion(content: str, model: str, refusal: str | None = None) -> dict[str, Any]:
    message = {"role": "assistant", "content": None if refusal else content, "refusal": refusal}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16},
    }


def _handler(server: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            if self.path != "/v1/models":
                return self.send(404, {"error": {"message": "no such path", "type": "invalid_request_error"}})
            return self.send(200, {"object": "list", "data": [{"id": "small", "object": "model"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with server.lock:
                server.requests.append(body)
                server.keys.append(self.headers.get("Authorization", ""))
                server.busy += 1
                server.most_busy = max(server.most_busy, server.busy)
                number = len(server.requests)
            try:
                time.sleep(server.delay)
                self.answer(body, number)
            finally:
                with server.lock:
                    server.busy -= 1

        def answer(self, body: dict[str, Any], number: int) -> None:
            mode = server.mode
            if self.path != "/v1/chat/completions":
                return self.send(404, {"error": {"message": f"no such path {self.path}"}})
            if mode == "500":
                return self.send(500, {"error": {"message": "boom", "type": "server_error"}})
            if mode == "timeout":
                time.sleep(3)
            if mode == "foreign-banner":
                self.wfile.write(b"SSH-2.0-secret-banner\r\n")
                self.close_connection = True
                return None
            if mode in FOREIGN:
                status, kind, content = FOREIGN[mode]
                return self.raw(status, content, {"Content-Type": kind})
            if mode == "malformed":
                return self.raw(200, b'{"id": "chatcmpl-1", "choices": [')
            if mode == "429-then-ok" and number == 1:
                return self.send(429, {"error": {"message": "slow down"}}, {"Retry-After": "1"})
            if mode == "no-format" and "response_format" in body:
                error = {"message": "Unknown parameter: 'response_format'.", "type": "invalid_request_error"}
                return self.send(400, {"error": error})
            if mode == "bad-request":
                return self.send(400, {"error": {"message": "The model `small` does not exist."}})
            if mode == "redirect":
                return self.send(307, {}, {"Location": f"{server.url}/elsewhere"})
            if mode == "refusal":
                return self.send(200, completion("", body["model"], refusal="I will not."))
            content = "not json at all" if mode == "not-json" else server.content
            return self.send(200, completion(content, body["model"]))

        def send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
            self.raw(status, json.dumps(body).encode(), headers)

        def raw(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            try:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    return Handler


@contextmanager
def running(mode: str = "ok", **values: Any) -> Iterator[FakeServer]:
    """A server on a free port of this machine; `url` is its base URL."""
    server = FakeServer(mode=mode, **values)
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
