"""A server on this machine that speaks the form of OpenAI's chat completions."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class ChatServer:
    """Answers with its replies, one after another; one that begins with RAW is sent as it is; then HTTP 500.

    asked: the bodies of all questions. keys: their Authorization headers. url: where it listens, within ``with``.
    """

    def __init__(self, replies: list[str]) -> None:
        self.replies, self.asked, self.keys = list(replies), list[dict[str, Any]](), list[str]()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                owner.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                owner.keys.append(self.headers.get("Authorization", ""))
                reply = owner.replies.pop(0) if owner.replies else None
                self.send_response(500 if reply is None else 200)
                self.end_headers()
                if reply is not None:
                    said = {"choices": [{"message": {"content": reply}}]}
                    self.wfile.write((reply if reply.startswith("RAW") else json.dumps(said)).encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> ChatServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
