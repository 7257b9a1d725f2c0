"""One table of readers: a new annotation format is one new file in ``readers/`` and one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from smartmask.data.readers import (
    ade20k,
    amodal,
    cityscapes,
    coco_instances,
    coco_panoptic,
    cocoa,
    objects,
    open_images,
    packed,
    pennfudan,
    regions,
    semantic,
    shapes,
    shards,
    voc,
)
from smartmask.data.record import Job, Record
from smartmask.image.files import load_photo

FORMATS = {
    known.name: known
    for known in (
        ade20k.read_ade20k,
        ade20k.read_scene_parse150,
        amodal.read_cocoa_cls,
        amodal.read_kins,
        cityscapes.read_cityscapes,
        coco_instances.read_coco_instances,
        coco_instances.read_lvis,
        coco_panoptic.read_coco_panoptic,
        cocoa.read_cocoa,
        objects.read_objects,
        open_images.read_open_images,
        packed.read_pack,
        pennfudan.read_pennfudan,
        regions.read_regions,
        semantic.read_idd_lite,
        semantic.read_camvid,
        semantic.read_semantic,
        shapes.read_shapes,
        shards.read_shards,
        voc.read_voc,
    )
}


def formats() -> dict[str, str]:
    """``{format name: description}`` of all readers, by name."""
    return {name: FORMATS[name].description for name in sorted(FORMATS)}


def read(
    format: str,
    path: str | Path,
    *,
    load_photos: bool = False,
    on_error: Callable[[ValueError], None] | None = None,
) -> Iterator[Record]:
    """The records of ``path``, lazily and always in the same order.

    load_photos: also load each photograph into ``record.scene.photo``, (H, W, 3) uint8 RGB.
    on_error: called with the error of each bad picture, which is then left out; None raises it.
    Raises ValueError for an unknown format, a missing path, or (without ``on_error``) a bad file.
    """
    return _run(jobs(format, path), load_photos, on_error)


def jobs(format: str, path: str | Path) -> Iterator[Job]:
    """The jobs of ``path``, for those who read pictures again and again. Raises ValueError as ``read`` does."""
    known = formats()
    if format not in known:
        raise ValueError(f"There is no format '{format}'; known are {', '.join(known)}.")
    root = Path(path)
    if not root.exists():
        raise ValueError(f"{root} does not exist; give the folder or file of the {format} data.")
    return FORMATS[format](root)


def _run(jobs: Iterator[Job], load_photos: bool, on_error: Callable[[ValueError], None] | None) -> Iterator[Record]:
    for job in jobs:
        try:
            record = job()
            if load_photos and record.image is not None:
                record = _with_photo(record)
        except ValueError as error:
            if on_error is None:
                raise
            on_error(error)
        else:
            yield record


def _with_photo(record: Record) -> Record:
    photo = load_photo(record.image) if record.image else None
    try:
        return replace(record, scene=replace(record.scene, photo=photo))
    except ValueError as error:
        raise ValueError(f"{record.image}: {error}") from None
