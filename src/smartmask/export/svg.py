"""SVG: the layers' outlines as paths with titles, back to front, over the picture (embedded, linked or left out)."""

from __future__ import annotations

import base64
import io
from typing import BinaryIO
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from smartmask.export.pictures import name_colour
from smartmask.geometry import MaskWindow
from smartmask.geometry.contours import outlines
from smartmask.image.photo import Photo
from smartmask.scene import Scene

ROUNDING = 0.12  # pixels that a curve leaves the corner which it rounds


def write_svg(scene: Scene, picture: Photo | None, handle: BinaryIO, link: str | None = None) -> None:
    """Writes the file. picture: what lies below, embedded (None: nothing). link: an address to point to instead."""
    width, height = scene.width, scene.height
    size = f'width="{width}" height="{height}"'
    handle.write(
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {size} '
        f'viewBox="0 0 {width} {height}">\n'.encode()
    )
    if scene.caption:
        handle.write(f"<title>{escape(scene.caption)}</title>\n".encode())
    if link is not None or picture is not None:
        address = quoteattr(link) if link is not None else f'"{_embedded(picture)}"' if picture else '""'
        handle.write(f'<g id="photo"><image {size} href={address} xlink:href={address}/></g>\n'.encode())
    handle.write(b'<g id="layers" fill-rule="evenodd" fill-opacity="0.4" stroke-width="1">\n')
    for index, layer in enumerate(scene.layers):
        colour = "#{:02x}{:02x}{:02x}".format(*name_colour(layer.name))
        kind = "thing" if layer.thing else "stuff"
        handle.write(
            f'<g id="layer-{index}" class="{kind}"><title>{escape(layer.name)}</title>'
            f'<path fill="{colour}" stroke="{colour}" d="{path_of(layer.window)}"/></g>\n'.encode()
        )
    handle.write(b"</g>\n</svg>\n")


def path_of(window: MaskWindow) -> str:
    """The ``d`` of a path that is filled by the even-odd rule: smooth, and the mask again where it is drawn.

    Corners of ``outlines`` are rounded by quadratic curves that leave them by ROUNDING pixels at most. Empty for an
    empty mask.
    """
    return " ".join(_rounded(line, window.shape) for line in outlines(window))


def _rounded(line: np.ndarray, shape: tuple[int, int]) -> str:
    """A closed line (n, 2) as one part of a path."""
    back, ahead = np.roll(line, 1, axis=0) - line, np.roll(line, -1, axis=0) - line
    bend = np.linalg.norm(back + ahead, axis=1, keepdims=True)
    # the middle of the curve from v + s back to v + s ahead leaves the corner v by s |back + ahead| / 4
    share = np.minimum(0.5, 4 * ROUNDING / np.maximum(bend, 1e-9))
    share[((line == 0) | (line == shape[::-1])).all(axis=1)] = 0  # corners of the picture
    starts, ends = line + share * back, line + share * ahead
    parts = [f"M{_pair(starts[0])}"]
    for at in range(len(line)):
        parts.append(f"Q{_pair(line[at])} {_pair(ends[at])}" if share[at] else f"L{_pair(line[at])}")
        following = (at + 1) % len(line)
        if following and (share[at] < 0.5 or share[following] < 0.5):
            parts.append(f"L{_pair(starts[following])}")
    return "".join(parts) + "Z"


def _pair(point: np.ndarray) -> str:
    x, y = point.tolist()
    return f"{round(x, 2):g},{round(y, 2):g}" if max(x, y) < 9999 else f"{x:.2f},{y:.2f}"


def _embedded(picture: Photo) -> str:
    """The picture as a data: URI: a JPEG, or a PNG where it is transparent."""
    suffix, media = (".png", "png") if picture.has_alpha else (".jpg", "jpeg")
    stream = io.BytesIO()
    picture.write(stream, suffix)
    return f"data:image/{media};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
