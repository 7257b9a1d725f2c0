"""The formats that a scene, its photo and what was painted are exported in, a line each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, cast

from smartmask.export.archive import Archive
from smartmask.export.coco import coco_instances, coco_panoptic
from smartmask.export.openraster import write_openraster
from smartmask.export.psd import write_psd
from smartmask.export.stack import Drawn, check, merged, stack_of
from smartmask.export.svg import write_svg
from smartmask.image.mask_png import mask_png
from smartmask.image.photo import Photo
from smartmask.io.checks import MAX_LAYERS
from smartmask.io.sentences import slug
from smartmask.scene import Scene
from smartmask.scene.scene_file import scene_to_dict

FormatName = Literal["png", "jpg", "webp", "masks", "coco", "panoptic", "ora", "psd", "svg", "scene"]
PhotoInSvg = Literal["embed", "link", "none"]


@dataclass(frozen=True, eq=False)
class Export:
    """What is exported. drawn: back to front. photo_name: the photo's file, as records and links name it.

    photo_in_svg: the finished picture embedded, the photo linked by its name, or neither. history: of the scene.
    """

    scene: Scene
    photo: Photo | None = None
    drawn: tuple[Drawn, ...] = ()
    history: Sequence[Mapping[str, Any]] = ()
    photo_name: str = "photo.png"
    photo_in_svg: PhotoInSvg = "embed"

    def __post_init__(self) -> None:
        check(self.scene, self.photo, self.drawn)
        count = len(self.scene.layers) + len(self.drawn)
        if count > MAX_LAYERS:
            raise ValueError(f"There are {count:,} layers to export; at most {MAX_LAYERS:,} go into a file.")


@dataclass(frozen=True)
class Format:
    """A file's suffix, what it is, and how it is written into an open, seekable file."""

    suffix: str
    about: str
    write: Callable[[Export, BinaryIO], None]


def export(given: Export, name: FormatName, handle: BinaryIO) -> list[str]:
    """Writes the file of a format; notes on what it does not hold.

    Raises ValueError of one sentence for what the format cannot hold.
    """
    FORMATS[name].write(given, handle)
    notes = []
    photo = given.photo
    if photo is None and name in ("png", "jpg", "webp", "ora", "psd"):
        notes.append("There is no photo; the layers' colours stand for it.")
    if photo is not None and photo.bits == 16 and name in ("jpg", "webp"):
        notes.append(f"The photo has 16 bits a channel, a {name} holds 8.")
    hidden = [layer.name for i, layer in enumerate(given.scene.layers) if not given.scene.seen(i).any()]
    if hidden and name in ("coco", "panoptic"):
        notes.append(f"Wholly hidden layers have no record: {', '.join(hidden[:5])}{', ...' * (len(hidden) > 5)}.")
    return notes


def _picture(suffix: str) -> Callable[[Export, BinaryIO], None]:
    def write(given: Export, handle: BinaryIO) -> None:
        picture = merged(given.scene, given.photo, given.drawn)
        if suffix == ".jpg" and picture.has_alpha:
            raise ValueError("A JPEG has no transparency as the picture does; export it as png or webp.")
        picture.write(handle, suffix)

    return write


def _masks(given: Export, handle: BinaryIO) -> None:
    """``whole/00_dog.png``, ``visible/00_dog.png``, ...: back to front, white on black."""
    scene = given.scene
    with Archive(handle) as archive:
        for index, layer in enumerate(scene.layers):
            file = f"{index:02d}_{slug(layer.name)}.png"
            archive.add(f"whole/{file}", mask_png(layer.window))
            archive.add(f"visible/{file}", mask_png(scene.seen(index)))


def _panoptic(given: Export, handle: BinaryIO) -> None:
    """``panoptic.png`` and ``panoptic.json``."""
    rgb, record = coco_panoptic(given.scene, given.photo_name, "panoptic.png")
    with Archive(handle) as archive:
        archive.add("panoptic.json", _json(record), press=True)
        with archive.entry("panoptic.png") as stream:
            Photo(rgb).write(cast(BinaryIO, stream), ".png")


def _svg(given: Export, handle: BinaryIO) -> None:
    how, photo = given.photo_in_svg, given.photo
    link = given.photo_name if how == "link" and photo is not None else None
    below = merged(given.scene, photo, given.drawn) if how == "embed" and photo is not None else None
    write_svg(given.scene, below, handle, link)


def _json(record: Any) -> bytes:
    return (json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def _coco(given: Export, handle: BinaryIO) -> None:
    handle.write(_json(coco_instances(given.scene, given.photo_name)))


def _scene(given: Export, handle: BinaryIO) -> None:
    handle.write(_json(scene_to_dict(given.scene, given.history)))


def _openraster(given: Export, handle: BinaryIO) -> None:
    write_openraster(stack_of(given.scene, given.photo, given.drawn), handle)


def _psd(given: Export, handle: BinaryIO) -> None:
    write_psd(stack_of(given.scene, given.photo, given.drawn), handle)


FORMATS: dict[FormatName, Format] = {
    "png": Format(".png", "the picture, every value as it is", _picture(".png")),
    "jpg": Format(".jpg", "the picture", _picture(".jpg")),
    "webp": Format(".webp", "the picture", _picture(".webp")),
    "masks": Format(".zip", "whole and visible masks as PNGs", _masks),
    "coco": Format(".json", "COCO's instances", _coco),
    "panoptic": Format(".zip", "COCO's panoptic map and JSON", _panoptic),
    "ora": Format(".ora", "layers for GIMP, Krita and MyPaint", _openraster),
    "psd": Format(".psd", "layers for Photoshop and others", _psd),
    "svg": Format(".svg", "outlines", _svg),
    "scene": Format(".json", "the scene file", _scene),
}
