"""Penn-Fudan pedestrians: instance maps (0 unlabeled, 1..n persons) beside photographs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from smartmask.data.record import Job, Record, reader
from smartmask.image.files import load_label_map
from smartmask.io.reading import files_in, photo_beside
from smartmask.scene import Scene


@reader("pennfudan", "Penn-Fudan pedestrians (instance_masks/*_mask.png with images/)")
def read_pennfudan(path: Path) -> Iterator[Job]:
    """One job a picture. path: the folder with ``instance_masks`` (or the original ``PedMasks``)."""
    masks, photos = path / "instance_masks", path / "images"
    if not masks.is_dir() and (path / "PedMasks").is_dir():
        masks, photos = path / "PedMasks", path / "PNGImages"
    for file in files_in(masks, "*_mask.png", "instance masks"):
        yield partial(_record, file, photos)


def _record(file: Path, photos: Path) -> Record:
    ids = load_label_map(file)
    names = {int(i): "person" for i in np.unique(ids) if i > 0}
    scene = Scene.from_label_map(ids, names, set(names))
    stem = file.name.removesuffix("_mask.png")
    return Record(stem, "pennfudan", scene, image=photo_beside(photos, stem), name=stem)
