"""From what a request holds to what the calls take: pictures, masks, guides and scenes of a session."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.geometry import WindowTooLargeError, window_of_rle
from smartmask.guides import Guide, as_guides
from smartmask.guides.table import guide_from_json
from smartmask.image.files import header_of, load_guide_mask, load_label_map, load_panoptic_png, open_picture
from smartmask.image.photo import Photo
from smartmask.io.checks import MAX_PIXELS
from smartmask.io.sentences import short_repr
from smartmask.scene import Scene
from smartmask.scene.read import names_of, segments_of
from smartmask.scene.scene_file import scene_from_dict
from smartmask.studio.bodies import Mask, SceneBody
from smartmask.studio.sessions import Session, StoredFile

SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "MPO": ".jpg", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp", "GIF": ".gif"}
MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg", "WEBP": "image/webp", "TIFF": "image/tiff",
         "BMP": "image/bmp", "GIF": "image/gif"}  # fmt: skip
_PHOTO = "photo"  # under which a session keeps the photo it used last


@dataclass
class Inputs:
    """The files that a request may speak of: those of its session, and the parts of its own form."""

    session: Session
    parts: dict[str, StoredFile] = field(default_factory=dict)

    # --- pictures and masks -----------------------------------------------------------------------

    def picture(self, reference: str, what: str) -> StoredFile:
        """The file of a reference. Raises RefusedError or ValueError, in one sentence, for what is none."""
        if reference.startswith("data:"):
            return store_picture(self.session, _decoded(reference, what), what)
        if reference.startswith("part:"):
            found = self.parts.get(reference.removeprefix("part:"))
            if found is None:
                raise ValueError(f"The {what} is {short_repr(reference)}, but the form has no such part.")
        else:
            found = self.session.file(reference)
        if "width" not in found.about:
            raise ValueError(f"The {what} '{found.name}' is not a picture; give the id of one.")
        return found

    def photo(self, reference: str) -> Photo:
        """The photo of a reference, as its file holds it; the one used last is kept."""
        stored = self.picture(reference, "photo")
        kept = self.session.kept.get(_PHOTO)
        if kept is None or kept[0] != stored.id:
            kept = stored.id, Photo.load(stored.path)
            self.session.kept[_PHOTO] = kept
        return kept[1]

    def mask(self, given: Mask, size: tuple[int, int], what: str) -> np.ndarray:
        """``(H, W)`` bool of a mask of ``size`` (height, width)."""
        if isinstance(given, str):
            mask = load_guide_mask(self.picture(given, what).path) > 0.5
            if mask.shape != size:
                raise ValueError(f"The {what} is {_times(mask.shape)}, but the scene is {_times(size)}.")
            return mask
        if given.get("size") != list(size) or not isinstance(given.get("counts"), str):
            raise ValueError(
                f"The {what} is {short_repr(given, 60)}; give counts and size [{size[0]}, {size[1]}] (rows, columns)."
            )
        try:
            return window_of_rle({"size": list(size), "counts": given["counts"]}, MAX_PIXELS).dense()
        except (ValueError, OverflowError, WindowTooLargeError) as error:
            raise ValueError(f"The {what} has counts that are no run lengths of {_times(size)} pixels.") from error

    def named(self, sentence: str) -> str:
        """The sentence with the names that people gave their files, in place of where the service keeps them."""
        for stored in [*self.session.files.values(), *self.parts.values()]:
            sentence = sentence.replace(str(stored.path), stored.name)
        return sentence

    # --- scenes -----------------------------------------------------------------------------------

    def size(self, body: SceneBody) -> tuple[int, int]:
        """(height, width) of what a body speaks of, without decoding a photo."""
        if body.photo is not None:
            about = self.picture(body.photo, "photo").about
            return about["height"], about["width"]
        if body.size is not None:
            width, height = body.size
            empty = Scene.empty(height, width)
            return empty.height, empty.width
        if body.scene is not None and all(isinstance(body.scene.get(side), int) for side in ("width", "height")):
            return body.scene["height"], body.scene["width"]
        raise ValueError("There is neither a photo nor a size nor a scene; give one.")

    def scene(self, body: SceneBody, pixels: bool = False) -> Scene:
        """The scene of a body; with the photo's ``pixels`` where they are needed."""
        height, width = self.size(body)
        scene = self._layers(body, height, width)
        if (scene.height, scene.width) != (height, width):
            raise ValueError(
                f"The {'photo' if body.photo else 'canvas'} is {width}x{height}, but the layers are of "
                f"{scene.width}x{scene.height}; both must have one size."
            )
        return replace(scene, photo=self.photo(body.photo).rgb()) if pixels and body.photo is not None else scene

    def _layers(self, body: SceneBody, height: int, width: int) -> Scene:
        if body.scene is not None:
            return scene_from_dict(body.scene)[0]
        if body.layout is None:
            return Scene.empty(height, width)
        path = self.picture(body.layout, "layout").path
        if body.names is not None:
            return Scene.from_label_map(load_label_map(path), names_of(body.names, "The names"))
        segments, categories = segments_of(body.panoptic, "The panoptic JSON")
        return Scene.from_panoptic(load_panoptic_png(path), segments, categories)


def guides_of(given: Sequence[Mapping[str, Any]], size: tuple[int, int]) -> tuple[Guide, ...]:
    """The guides of their JSON, checked against a scene of ``size`` (height, width)."""
    return as_guides([guide_from_json(dict(one)) for one in given], *size)


def store_picture(session: Session, data: bytes, name: str) -> StoredFile:
    """Keeps a picture's bytes as a file of the session."""
    with session.writing("") as (path, handle):
        handle.write(data)
    return keep_picture(session, path, name)


def keep_picture(session: Session, path: Path, name: str) -> StoredFile:
    """Makes a written file one of the session, told by its content whether it is a picture, which is not decoded yet.

    Raises ValueError for a picture of more pixels than are accepted.
    """
    name = check_name(name)
    with open_picture(path) as handle:
        kind, height, width = header_of(handle, f"The picture '{name}'")
    about = {"width": width, "height": height, "format": kind.lower()}
    return session.keep(path, name, MEDIA.get(kind, "application/octet-stream"), about)


def check_name(name: str) -> str:
    """A file's name for people: without folders, controls or more than 200 characters."""
    kept = "".join(letter for letter in name.replace("\\", "/").rsplit("/", 1)[-1] if letter.isprintable())
    return kept[:200].strip() or "file"


def _decoded(uri: str, what: str) -> bytes:
    """The bytes of a data: URI in base64."""
    head, comma, text = uri.partition(",")
    if not comma or not head.endswith(";base64"):
        raise ValueError(f"The {what} is {short_repr(uri, 40)}; a data: URI has ';base64,' before its content.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"The {what} is a data: URI whose content is not base64; encode it again.") from None


def _times(size: Sequence[int]) -> str:
    return f"{size[1]}x{size[0]}"
