"""A real browser for tests: Chromium without a window, driven through the pipes of its DevTools protocol."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 60.0  # seconds that anything may take on a busy machine


def find_browser() -> str | None:
    """The browser's program, or None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """One page in a browser of its own. Downloads go to ``downloads``; errors of scripts are kept in ``errors``."""

    def __init__(self, program: str, folder: Path) -> None:
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        self.errors: list[str] = []
        self.number, self.received, self.session = 0, b"", None
        reads, self.writing = os.pipe()
        self.reading, writes = os.pipe()

        def connect() -> None:
            # Chromium reads commands from descriptor 3 and answers on 4, each message ended by a zero byte.
            ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (reads, writes)]
            for number, end in zip((3, 4), ends, strict=True):
                os.dup2(end, number)
                os.close(end)

        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"]
        options += [f"--user-data-dir={folder / 'profile'}", "--window-size=1200,1000", "about:blank"]
        with open(folder / "log.txt", "wb") as log:
            self.process = subprocess.Popen(
                [program, *options], preexec_fn=connect, close_fds=False, stderr=log, stdout=log
            )
        os.close(reads)
        os.close(writes)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.call("Browser.close", session=False)
            self.process.wait(timeout=10)
        except (OSError, AssertionError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.writing)
        os.close(self.reading)

    def call(self, method: str, session: bool = True, **parameters: Any) -> dict[str, Any]:
        """Sends one command and waits for its answer."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": parameters}
        if session and self.session:
            message["sessionId"] = self.session
        os.write(self.writing, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.number:
            self._note(answer)
        assert "error" not in answer, (method, answer["error"])
        return dict(answer["result"])

    def open(self, page: Path | str) -> None:
        """Shows a local page, or that of an address, and keeps what its scripts complain of."""
        target = self.call("Target.createTarget", session=False, url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", session=False, targetId=target, flatten=True)
        self.session = attached["sessionId"]
        self.call(
            "Browser.setDownloadBehavior", session=False, behavior="allow", downloadPath=str(self.downloads)
        )  # fmt: skip
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        self.wait("document.readyState === 'complete'")

    def reload(self) -> None:
        self.value("window.former = true")
        self.call("Page.reload")
        self.wait("document.readyState === 'complete' && !window.former")

    def value(self, script: str) -> Any:
        """The JSON value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, (script, answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait(self, script: str) -> None:
        """Until an expression holds in the page."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                if self.value(script):
                    return
            except AssertionError:  # the page is just being replaced
                pass
            assert time.monotonic() < until, script
            time.sleep(0.05)

    def click(self, selector: str) -> None:
        """Moves the mouse to the middle of an element and clicks."""
        self.value(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})")
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON()"
        at = self.value(box)
        assert at["width"] > 0, f"{selector} is not to be seen"
        place = {"x": at["x"] + at["width"] / 2, "y": at["y"] + at["height"] / 2}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def resize(self, width: int, height: int, touch: bool = False, dark: bool = False) -> None:
        """A screen of this size, in pixels of the page."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch
        )  # fmt: skip
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def drag(self, *points: tuple[float, float]) -> None:
        """Presses the mouse at the first point, moves it through the others in small steps, releases it."""
        self._mouse("mouseMoved", *points[0])
        self._mouse("mousePressed", *points[0])
        for (x0, y0), (x1, y1) in pairwise(points):
            for step in range(1, 7):
                self._mouse("mouseMoved", x0 + (x1 - x0) * step / 6, y0 + (y1 - y0) * step / 6)
        self._mouse("mouseReleased", *points[-1])

    def _mouse(self, kind: str, x: float, y: float) -> None:
        held = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **held)

    def touch(self, *frames: list[tuple[float, float]]) -> None:
        """Fingers that come down at the points of the first frame, move to those of the others, and leave."""
        for number, points in enumerate([*frames, []]):
            kind = "touchStart" if number == 0 else "touchMove" if points else "touchEnd"
            fingers = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(points)]
            self.call("Input.dispatchTouchEvent", type=kind, touchPoints=fingers)

    def give(self, selector: str, *files: Path) -> None:
        """Chooses files in a file input."""
        found = self.call("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")
        node = found["result"]["objectId"]
        self.call("DOM.setFileInputFiles", files=[str(file) for file in files], objectId=node)

    def type(self, selector: str, text: str) -> None:
        """Writes a text into a field, in place of what was there."""
        self.value(f"document.querySelector({json.dumps(selector)}).focus()")
        self.value(f"document.querySelector({json.dumps(selector)}).select()")
        self.call("Input.insertText", text=text)

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, text=key if kind == "keyDown" and len(key) == 1 else ""
            )

    def downloaded(self, name: str) -> Path:
        """A file of this name once it has arrived whole."""
        until = time.monotonic() + PATIENCE
        while not (self.downloads / name).is_file() or list(self.downloads.glob("*.crdownload")):
            assert time.monotonic() < until, f"{name} was not downloaded"
            time.sleep(0.05)
        return self.downloads / name

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while b"\0" not in self.received:
            ready, _, _ = select.select([self.reading], [], [], max(0.0, until - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self.reading, 1 << 16)
            assert piece, "the browser has ended"
            self.received += piece
        message, _, self.received = self.received.partition(b"\0")
        return dict(json.loads(message))

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(event["params"]["exceptionDetails"]))
        if event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
            self.errors.append(str(event["params"]["entry"]["text"]))
