"""The page: files that are built from ``web/`` and come with the package."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from smartmask.studio.refused import RefusedError

FOLDER = Path(__file__).parent / "page"
_MEDIA = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml", ".png": "image/png", ".json": "application/json",
}  # fmt: skip
# names of assets hold a hash of their content; the others are asked for again, and answered with 304 if unchanged
_FOREVER, _ASK_AGAIN = "public, max-age=31536000, immutable", "no-cache"


def files() -> dict[str, Path]:
    """{path in the address: file}; nothing else can be asked for."""
    found = [path for path in sorted(FOLDER.rglob("*")) if path.suffix in _MEDIA]
    known = {f"/{path.relative_to(FOLDER).as_posix()}": path for path in found}
    if "/index.html" in known:
        known["/"] = known.pop("/index.html")
    return known


def is_of_page(path: str) -> bool:
    """Whether an address is one of the page's files, which hold nothing secret."""
    return path in _KNOWN


_KNOWN = files()


def add(app: FastAPI) -> None:
    """The routes of the page."""
    for path in ("/", "/icon.svg", "/assets/{name}", "/examples/{name}"):
        app.add_api_route(path, page, methods=["GET", "HEAD"], include_in_schema=False)


async def page(request: Request) -> Response:
    """One file of the page."""
    path = request.url.path
    found = _KNOWN.get(path)
    if found is None:
        raise RefusedError(404, "not_found", f"There is nothing at {path[:100]}; the page is at /.")
    kept = _FOREVER if path.startswith("/assets/") else _ASK_AGAIN
    answer = FileResponse(found, media_type=_MEDIA[found.suffix], headers={"Cache-Control": kept})
    answer.set_stat_headers(found.stat())
    if request.headers.get("if-none-match") == answer.headers["etag"]:
        headers = {name: answer.headers[name] for name in ("etag", "cache-control")}
        return Response(status_code=304, headers=headers)
    return answer
