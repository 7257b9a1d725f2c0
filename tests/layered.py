"""What tests of layered files share: a scene with painted layers, a reader of OpenRaster, and paths filled again."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from smartmask.export.stack import Drawn
from smartmask.image.composition import PaintedLayer, Window
from smartmask.image.photo import Photo
from smartmask.scene import Layer, Scene

HEIGHT, WIDTH = 60, 90


def disc(cx: float, cy: float, radius: float, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """(height, width) bool."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.hypot(x - cx, y - cy) < radius


def a_scene() -> Scene:
    """Sky, grass, a dog, and a ball in front of it."""
    sky = np.zeros((HEIGHT, WIDTH), bool)
    sky[:30] = True
    layers = [Layer("sky", sky, False), Layer("grass", ~sky, False), Layer("dog <1>", disc(40, 35, 18)),
              Layer("b\u00e4ll \u2728", disc(52, 40, 9))]  # fmt: skip
    return Scene(HEIGHT, WIDTH, tuple(layers), caption="a dog & a ball")


def a_photo(bits: int = 8, channels: int = 3) -> Photo:
    """Noise, with an alpha that is nowhere nothing."""
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 1 << bits, (HEIGHT, WIDTH, channels), dtype=np.uint16 if bits == 16 else np.uint8)
    if channels in (2, 4):
        pixels[..., -1] |= 1 << bits - 1
    return Photo(pixels, dpi=(300.0, 300.0))


def painted() -> tuple[Drawn, ...]:
    """A hidden shadow, and the ball's pixels with a soft edge."""
    window = Window(40, 28, 64, 52)
    rgba = np.random.default_rng(4).integers(0, 256, (24, 24, 4), dtype=np.uint8)
    rgba[~disc(52, 40, 9)[window.slices]] = 0
    shadow = np.zeros((10, 30, 4), np.uint8)
    shadow[..., 3] = 90
    return (
        Drawn(PaintedLayer("shadow", "shadow", Window(38, 45, 68, 55), shadow, applied=False)),
        Drawn(PaintedLayer("b\u00e4ll \u2728", "object", window, rgba), 3),
    )


# --- OpenRaster ----------------------------------------------------------------------------------


@dataclass
class Entry:
    """A layer or a group of an OpenRaster file."""

    name: str
    x: int
    y: int
    visible: bool
    pixels: np.ndarray | None
    members: list[Entry]


def read_openraster(data: bytes) -> tuple[dict[str, str], list[Entry], np.ndarray]:
    """``(attributes of the image, entries bottom to top, merged picture)``."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert archive.read("mimetype") == b"image/openraster"
        root = ElementTree.fromstring(archive.read("stack.xml"))

        def entry(node: Any) -> Entry:
            picture = None if node.tag == "stack" else np.asarray(_rgba(archive.read(node.get("src"))))
            members = [entry(child) for child in reversed(node)]
            shown = node.get("visibility") == "visible"
            return Entry(node.get("name"), int(node.get("x", 0)), int(node.get("y", 0)), shown, picture, members)

        return dict(root.attrib), [entry(node) for node in reversed(root[0])], _rgba(archive.read("mergedimage.png"))


def _rgba(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def flattened(entries: list[Entry], height: int, width: int) -> np.ndarray:
    """(height, width, 4) uint8: all visible layers one over another (Porter and Duff's "over")."""
    canvas = np.zeros((height, width, 4), np.float64)
    for one in entries:
        if not one.visible:
            continue
        if one.pixels is None:
            part, x, y = flattened(one.members, height, width), 0, 0
        else:
            part, x, y = one.pixels, one.x, one.y
        below = canvas[y : y + part.shape[0], x : x + part.shape[1]]
        weight, under = part[..., 3:] / 255, below[..., 3:] / 255 * (1 - part[..., 3:] / 255)
        alpha = weight + under
        below[..., :3] = (part[..., :3] * weight + below[..., :3] * under) / np.maximum(alpha, 1e-9)
        below[..., 3:] = alpha * 255
    return np.rint(canvas).astype(np.uint8)


# --- paths ---------------------------------------------------------------------------------------


def fill_path(text: str, height: int, width: int) -> np.ndarray:
    """(height, width) bool: pixels whose centres an SVG path of M, L, Q and Z fills by the even-odd rule."""
    crossings = np.zeros((height, width + 1), np.int64)
    for part in re.findall(r"M[^Z]*Z", text):
        line = _flat(part)
        for (xa, ya), (xb, yb) in zip(line, np.roll(line, -1, axis=0), strict=True):
            low, high = sorted((ya, yb))
            rows = np.arange(max(int(np.ceil(low - 0.5)), 0), min(int(np.ceil(high - 0.5)), height))
            if rows.size:
                x = xa + (rows + 0.5 - ya) * (xb - xa) / (yb - ya)
                np.add.at(crossings, (rows, np.clip(np.ceil(x - 0.5), 0, width).astype(int)), 1)
    return np.cumsum(crossings, axis=1)[:, :width] % 2 == 1


def _flat(part: str) -> np.ndarray:
    """(n, 2) corners of one closed part, curves as eight chords."""
    points: list[np.ndarray] = []
    for kind, numbers in re.findall(r"([MLQ])([^MLQZ]+)", part):
        given = np.array([float(n) for n in re.split(r"[ ,]+", numbers.strip())]).reshape(-1, 2)
        if kind == "Q":
            t = np.linspace(0, 1, 9)[1:, None]
            points.extend((1 - t) ** 2 * points[-1] + 2 * t * (1 - t) * given[0] + t**2 * given[1])
        else:
            points.append(given[0])
    return np.array(points)
