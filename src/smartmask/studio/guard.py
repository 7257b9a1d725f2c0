"""What stands before every request: its size, who may ask, from which pages, and what browsers are told."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse

from smartmask.io.limits import MEGABYTE
from smartmask.io.reading import read_text
from smartmask.studio.page import is_of_page
from smartmask.studio.refused import RefusedError
from smartmask.studio.settings import ServeSettings

OPEN_PATHS = ("/healthz", "/readyz")  # need no key: load balancers ask them
SAFE = ("GET", "HEAD", "OPTIONS")
# The page brings all it needs; nothing is fetched from elsewhere.
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; connect-src 'self' blob: data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
}  # fmt: skip


def read_keys(path: Path | None) -> tuple[str, ...]:
    """API keys of a file, one a line. Raises ValueError for a file without any, or with short ones."""
    if path is None:
        return ()
    keys = tuple(line.strip() for line in read_text(path, "file of API keys").splitlines() if line.strip())
    if not keys or min(map(len, keys)) < 16:
        raise ValueError(f"The file of API keys '{path}' needs at least one key, each of 16 characters or more.")
    return keys


class Guard:
    """ASGI middleware in front of the whole service."""

    def __init__(self, app: Any, settings: ServeSettings, keys: Sequence[str]) -> None:
        self.app, self.settings = app, settings
        self.keys = [key.encode() for key in keys]
        self.most = settings.upload_mb * MEGABYTE

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        fault = self._fault(request)
        if fault is not None:
            await JSONResponse(fault.body(), fault.status, {**fault.headers, **HEADERS})(scope, receive, send)
            return
        taken = 0

        async def counted() -> Any:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.most:
                raise self._too_large()
            return message

        async def headed(message: Any) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message["headers"]}
                more = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(pair for pair in more if pair[0] not in known)]
            await send(message)

        await self.app(scope, counted, headed)

    def _fault(self, request: Request) -> RefusedError | None:
        """Why a request is not even read, or None."""
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self.most:
            return self._too_large()
        host = request.headers.get("host", "")
        if self.settings.is_local and not _is_local(host):  # a page elsewhere whose name was made to lead here
            return RefusedError(403, "wrong_host", f"This service is not called '{host[:60]}'; use http://127.0.0.1.")
        origin = request.headers.get("origin")
        if origin is not None and request.method not in SAFE and not self._is_own(origin, host):
            return RefusedError(403, "wrong_origin", f"Pages of {origin[:60]} may not ask; --allow-origin lets them.")
        is_open = request.url.path in OPEN_PATHS or is_of_page(request.url.path) or request.method == "OPTIONS"
        if self.keys and not is_open:
            return self._key_fault(request)
        return None

    def _is_own(self, origin: str, host: str) -> bool:
        return urlsplit(origin).netloc == host or origin in self.settings.allow_origin

    def _key_fault(self, request: Request) -> RefusedError | None:
        given = request.headers.get("x-api-key", "")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = token if scheme.lower() == "bearer" else given
        if any([hmac.compare_digest(given.encode(), key) for key in self.keys]):  # all, so that time tells nothing
            return None
        why = "That API key is not known" if given else "This service needs an API key"
        return RefusedError(401, "no_key", f"{why}; send it as 'Authorization: Bearer KEY'.",
                            {"WWW-Authenticate": "Bearer"})  # fmt: skip

    def _too_large(self) -> RefusedError:
        most = self.settings.upload_mb
        return RefusedError(413, "too_large", f"The request has more than {most:,} MB; send less (--upload-mb).")


def _is_local(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    return name in ("localhost", "::1") or name.startswith("127.")
