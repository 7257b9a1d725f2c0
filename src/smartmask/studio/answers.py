"""What requests are answered with: masks as run lengths or PNGs, pictures as files of the session or inline."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from PIL import Image

from smartmask.geometry import MaskWindow, rle_of_window
from smartmask.image.photo import Photo, to_8_bit
from smartmask.masks.model import MaskOutput
from smartmask.scene import Scene
from smartmask.scene.neighbours import neighbours
from smartmask.studio.sessions import Session, StoredFile

MEDIA = {
    ".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp", ".gif": "image/gif", ".json": "application/json",
    ".svg": "image/svg+xml", ".ora": "image/openraster", ".psd": "image/vnd.adobe.photoshop", ".zip": "application/zip",
}  # fmt: skip


def mask_json(window: MaskWindow, form: Literal["rle", "png"] = "rle") -> Any:
    """A mask as COCO's compressed run lengths, or as a PNG in base64."""
    return rle_of_window(window) if form == "rle" else png_text(window.dense())


def png_text(array: np.ndarray) -> str:
    """A picture, (H, W) bool or uint8 or (H, W, 3) uint8, as a PNG in base64."""
    array = array.astype(np.uint8) * 255 if array.dtype == bool else array
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG", compress_level=1)
    return base64.b64encode(stream.getvalue()).decode("ascii")


def suggestions(output: MaskOutput, scene: Scene, form: Literal["rle", "png"]) -> list[dict[str, Any]]:
    """The masks of an output, best first; the fields of ``masks/records.py`` with the masks themselves."""
    found = []
    for index, (mask, seen) in enumerate(zip(output.windows, output.seen, strict=True)):
        order = int(output.orders[index])
        in_front_of, behind = neighbours(scene, mask, order)
        found.append(
            {
                "mask": mask_json(mask, form), "visible": mask_json(seen, form), "box": mask.bounds,
                "area": mask.area, "visible_area": seen.area, "score": round(float(output.scores[index]), 6),
                "order": order, "in_front_of": in_front_of, "behind": behind, "seed": int(output.seeds[index]),
                "why": output.why[index],
            }
        )  # fmt: skip
    return found


class Shelf:
    """Where an answer's pictures go: files of the session, or inline in the answer itself."""

    def __init__(self, session: Session, inline: bool) -> None:
        self.session, self.inline = session, inline

    def photo(self, photo: Photo, name: str) -> Any:
        """A picture; the name's suffix tells its format."""
        about = {"width": photo.width, "height": photo.height}
        return self.put(name, lambda handle: photo.write(handle, Path(name).suffix), about)

    def put(self, name: str, write: Callable[[BinaryIO], Any], about: dict[str, Any] | None = None) -> Any:
        """What ``write`` writes into an open file: its description, or its data: URI."""
        media = MEDIA.get(Path(name).suffix, "application/octet-stream")
        if self.inline:
            stream = io.BytesIO()
            write(stream)
            return f"data:{media};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
        with self.session.writing(Path(name).suffix) as (path, handle):
            write(handle)
        return self.session.keep(path, name, media, about).described()


def view(stored: StoredFile, side: int) -> tuple[str, bytes]:
    """``(media type, bytes)`` of a picture of the session, upright, its longer side at most ``side`` pixels."""
    pixels = Photo.load(stored.path, "picture").pixels
    image = Image.fromarray(to_8_bit(pixels)[..., 0] if pixels.shape[2] == 1 else to_8_bit(pixels))
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    stream = io.BytesIO()
    if image.mode in ("LA", "RGBA"):
        image.save(stream, "PNG", compress_level=1)
        return "image/png", stream.getvalue()
    image.save(stream, "JPEG", quality=90)
    return "image/jpeg", stream.getvalue()
