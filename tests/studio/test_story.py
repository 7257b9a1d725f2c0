"""The whole story in a real browser, with real drawing: open, ask, edit, insert, reload, save; at both widths."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smartmask.scene.scene_file import load_scene

pytest.importorskip("fcntl", reason="the browser is driven through pipes as only Unix has them")
from browser import Browser, find_browser

PROGRAM = find_browser()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")]
SHOWN = "document.querySelectorAll('.strip .preview').length"
IDLE = "!document.querySelector('.busy')"


class Page:
    """The studio's page in a browser."""

    def __init__(self, browser: Browser, address: str, width: int, height: int) -> None:
        self.browser, self.address = browser, address
        browser.open("about:blank")
        browser.resize(width, height, touch=width < 700)
        browser.call("Page.navigate", url=address)
        browser.wait("!!document.querySelector('dialog .examples')")

    def has(self, selector: str) -> None:
        self.browser.wait(f"!!document.querySelector({json.dumps(selector)})")

    def press_button(self, name: str) -> None:
        """The button that people read as ``name``."""
        one = "b => b.textContent.trim() === {0} || b.getAttribute('aria-label') === {0}".format(json.dumps(name))
        found = f"[...document.querySelectorAll('button')].find({one})"
        self.browser.wait(f"!!{found} && !{found}.disabled")
        self.browser.value(f"{found}.click()")

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point of the stage, of shares of its sides, on the screen."""
        left, top, width, height = self.browser.value(
            "(() => { const r = document.querySelector('#stage').getBoundingClientRect();"
            " return [r.x, r.y, r.width, r.height]; })()"
        )
        return left + width * x, top + height * y

    def ask(self, name: str) -> None:
        self.browser.click("#tab-ask")
        self.has("#object")
        self.browser.type("#object", name)
        self.press_button("Suggest")
        self.browser.wait(f"{IDLE} && {SHOWN} === 8")

    def layers(self) -> list[str]:
        """The names, front first."""
        self.browser.click("#tab-layers")
        self.has(".layers li, .layers + button")
        names = "[...document.querySelectorAll('.layers .name')].map(b => b.textContent.trim())"
        return list(self.browser.value(names))

    def area(self) -> int:
        """Pixels of the selected mask."""
        self.browser.click("#tab-mask")
        self.has("#mask-title ~ p.hint strong")
        text = self.browser.value("document.querySelector('#mask-title ~ p.hint').textContent")
        return int(text.split(", ", 1)[1].split()[0].replace(",", ""))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a service of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "smartmask", "serve", "--port", "0"], env=environment, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    yield next(word for word in process.stdout.readline().split() if word.startswith("http"))
    process.terminate()
    process.wait(30)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    assert PROGRAM is not None
    with Browser(PROGRAM, tmp_path / "browser") as found:
        yield found
        assert found.errors == []


@pytest.fixture
def photo_file(tmp_path: Path) -> Path:
    """A photo of 1200 x 900 with noise, so that a changed pixel would be seen."""
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(60, 190, (900, 1200, 3), np.uint8)).save(tmp_path / "field.png")
    return tmp_path / "field.png"


@pytest.fixture
def ball(tmp_path: Path) -> Path:
    y, x = np.mgrid[:120, :160]
    disc = ((x - 80) / 76) ** 2 + ((y - 60) / 56) ** 2 < 1
    red = np.dstack([np.full((120, 160), 210), np.full((120, 160, 2), 40), disc * 255]).astype(np.uint8)
    Image.fromarray(red).save(tmp_path / "ball.png")
    return tmp_path / "ball.png"


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 800)])
def test_the_whole_story(browser: Browser, address: str, width: int, height: int, photo_file: Path, ball: Path) -> None:
    page = Page(browser, address, width, height)
    browser.give("#photo", photo_file)
    page.has("#stage")
    browser.wait("!document.querySelector('dialog')")
    page.press_button("Box")
    browser.drag(page.at(0.4, 0.4), page.at(0.65, 0.6))
    page.ask("dog")
    browser.click(".strip .preview:nth-child(2)")
    page.has("#mask-title")
    before = page.area()

    browser.press("a")
    browser.drag(page.at(0.42, 0.45), page.at(0.62, 0.58))
    painted = page.area()
    assert painted > before
    browser.press("e")
    browser.drag(page.at(0.42, 0.45), page.at(0.5, 0.5))
    assert page.area() < painted
    for name, less in (("Grow", True), ("Smooth", False), ("Mirror", False), ("Undo", False), ("Undo", False)):
        was = page.area()
        page.press_button(name)
        assert not less or page.area() > was
    page.press_button("Undo")
    edited = page.area()

    browser.reload()
    page.has("#stage")
    assert page.layers() == ["dog"]
    assert page.area() == edited
    page.press_button("Undo")
    assert page.area() == painted

    browser.give("#cutout", ball)
    page.has(".promise")
    assert browser.value("document.querySelector('.promise').textContent") == "Pixels changed outside: 0"
    page.press_button("Next object")
    page.ask("cat")
    browser.click(".strip .preview")
    assert sorted(page.layers()) == ["cat", "dog"]
    page.press_button("Hide cat")
    page.has("[aria-label='Show cat']")

    browser.click("#tab-save")
    page.has("#save-title")
    page.press_button("Picture")
    result = np.array(Image.open(browser.downloaded("field-smartmask.png")))
    page.press_button("Scene")
    scene, _ = load_scene(browser.downloaded("scene.json"))
    photo = np.array(Image.open(photo_file))
    assert [layer.name for layer in scene.layers] == ["dog"]
    assert result.shape == photo.shape
    changed = (result != photo).any(axis=2)
    assert 0 < changed.sum() < photo.shape[0] * photo.shape[1] / 2
    page.press_button("Masks")
    mask = np.array(Image.open(browser.downloaded("mask_00_dog.png")).convert("L"))
    np.testing.assert_array_equal(mask > 127, scene.layers[0].mask)
    assert browser.value("document.documentElement.scrollWidth <= innerWidth")


def test_a_session_that_has_ended_loses_nothing(browser: Browser, address: str, photo_file: Path, ball: Path) -> None:
    page = Page(browser, address, 1280, 800)
    browser.give("#photo", photo_file)
    browser.wait("!!document.querySelector('#stage') && !document.querySelector('dialog')")
    page.ask("ball")
    browser.click(".strip .preview")
    page.has("#cutout")
    browser.value("fetch('/v1/session', {method: 'DELETE'}).then(answer => window.ended = answer.status)")
    browser.wait("window.ended === 204")
    browser.give("#cutout", ball)
    page.has(".promise")
    # the browser notes the answer 404 to the session that had ended
    browser.errors[:] = [error for error in browser.errors if "404" not in error]


def test_wheel_pinch_and_touch(browser: Browser, address: str) -> None:
    page = Page(browser, address, 390, 800)
    browser.click(".examples .preview")
    browser.wait("!!document.querySelector('#stage') && !document.querySelector('dialog')")
    assert len(page.layers()) > 5
    browser.click("#tab-ask")
    page.has("#object")

    def seen() -> str:
        browser.value("window.drawn = 0")
        browser.value("void requestAnimationFrame(() => requestAnimationFrame(() => (window.drawn = 1)))")
        browser.wait("window.drawn === 1")
        return str(browser.value("document.querySelector('#stage').toDataURL()"))

    first = seen()
    (x0, y0), (x1, y1) = page.at(0.4, 0.5), page.at(0.6, 0.5)
    browser.touch([(x0, y0), (x1, y1)], [(x0 - 20, y0), (x1 + 20, y1)], [(x0 - 50, y0), (x1 + 50, y1)])
    near = seen()
    assert near != first
    page.press_button("The whole photo")
    assert seen() == first
    page.press_button("Scribble")
    browser.touch([page.at(0.3, 0.6)], [page.at(0.4, 0.65)], [page.at(0.5, 0.6)])
    page.press_button("Clear")
    page.ask("blorp")
    assert "unknown" in browser.value("document.querySelector('.note').textContent")


def test_a_canvas_of_words_and_faults_where_they_arise(browser: Browser, address: str, tmp_path: Path) -> None:
    page = Page(browser, address, 1280, 800)
    browser.type("#sentence", "a beach with a boat")
    page.press_button("Draw the layout")
    browser.wait("!!document.querySelector('#stage') && !document.querySelector('dialog')")
    assert {"sky", "boat"} <= set(page.layers())
    page.press_button("What could come next?")
    page.has(".ideas li")
    browser.click("#tab-ask")
    page.has("#object")
    page.press_button("Suggest")
    page.has(".panel .fault")
    assert "Type what is to come" in browser.value("document.querySelector('.panel .fault').textContent")
    page.press_button("Open")
    (tmp_path / "no.png").write_bytes(b"nothing of a picture")
    browser.give("#photo", tmp_path / "no.png")
    page.has("dialog .fault")
    page.press_button("Close")
    assert "boat" in page.layers()  # nothing is lost
    browser.errors[:] = [error for error in browser.errors if "status of 4" not in error]
