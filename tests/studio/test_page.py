"""The page as the service gives it: built from the source that lies here, small, strict about scripts, cached well."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import ADDRESS

from smartmask.scene.scene_file import scene_from_dict, scene_to_dict
from smartmask.studio.app import create_app
from smartmask.studio.page import FOLDER
from smartmask.studio.settings import ServeSettings

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
# as in web/vite.config.ts
SOURCE = ("index.html", "package-lock.json", "package.json", "public", "src", "tsconfig.json", "vite.config.ts")
MOST = 500_000  # bytes of the page itself, gzipped; the examples are fetched when they are looked at


def source_hash() -> str:
    """Of all that the page is built from."""
    found = [path for name in SOURCE for path in [WEB / name, *(WEB / name).rglob("*")] if path.is_file()]
    digest = hashlib.sha256()
    for path in sorted(found, key=lambda path: path.relative_to(WEB).as_posix()):
        digest.update(path.relative_to(WEB).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def test_the_built_page_belongs_to_the_source() -> None:
    built = (FOLDER / "source.sha256").read_text(encoding="utf-8").strip()
    assert built == source_hash(), "web/ has changed since the page was built; run 'make page' and commit what it made"


def test_nothing_is_fetched_from_elsewhere_and_scripts_are_files() -> None:
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script\b([^>]*)>(.*?)</script>", page, re.S)
    assert scripts
    assert all("src=" in head and not inside.strip() for head, inside in scripts)
    for reference in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert reference.startswith("/"), reference
        assert (FOLDER / reference[1:]).is_file(), reference
    for path in FOLDER.glob("assets/*"):
        outside = set(re.findall(r"https?://[\w.-]+", path.read_text(encoding="utf-8")))
        assert outside <= {"http://www.w3.org"}, path.name  # names of SVG and MathML, never fetched


def test_the_page_is_small() -> None:
    files = [FOLDER / "index.html", *FOLDER.glob("assets/*")]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < MOST


def test_it_is_given_with_its_headers(service: TestClient) -> None:
    first = service.get("/")
    assert first.status_code == 200
    assert first.headers["content-type"].startswith("text/html")
    assert first.headers["cache-control"] == "no-cache"
    assert "'unsafe-inline'" not in first.headers["content-security-policy"].split("style-src")[0]
    again = service.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert not again.content
    script = re.search(r'src="(/assets/[^"]+)"', first.text)
    assert script
    answer = service.get(script[1])
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "path", ["/assets/none.js", "/assets/..%2findex.html", "/examples/..%2f..%2fapp.py", "/source.sha256"]
)
def test_nothing_else_is_given(service: TestClient, path: str) -> None:
    answer = service.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_the_page_needs_no_key_but_what_it_asks_does(tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("0123456789abcdef\n", encoding="utf-8")
    with TestClient(create_app(ServeSettings(keys=keys)), base_url=ADDRESS) as client:
        assert client.get("/").status_code == 200
        assert client.get("/v1/models").status_code == 401


@pytest.mark.parametrize("name", ["room", "street"])
def test_examples_are_those_of_the_project(name: str) -> None:
    spec = importlib.util.spec_from_file_location("for_page", ROOT / "examples" / "for_page.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    offered = json.loads((FOLDER / "examples" / f"{name}.json").read_text(encoding="utf-8"))
    assert scene_to_dict(scene_from_dict(offered)[0]) == scene_to_dict(module.scene_of(name))
    assert (FOLDER / "examples" / f"{name}.png").read_bytes() == (ROOT / "examples" / f"{name}.png").read_bytes()
