"""Photographs whose things were outlined by hand, a COCO JSON a set: scenes with many things in them.

Only the sets with several things a picture are scenes; single cut-outs and renders are outlines alone
(see ``data/outlines.py``). What a set does not annotate is unlabeled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from smartmask.data.outlines import SETS, object_jobs
from smartmask.data.record import Job, Record, reader
from smartmask.scene import Layer, Scene
from smartmask.scene.categories import is_thing
from smartmask.scene.outlines import NamedOutline, Picture
from smartmask.text.labels import Namer

SCENE_SETS = (
    *("coco_more", "facades", "road", "taco", "kitchen", "animals", "cats", "small_pig", "small_bottles"),
    *("small_plants", "small_straw", "small_mixed"),
)
MAX_SIDE = 1024  # pixels of the longer side; litter is photographed at twelve megapixels
_COCO_NAME = re.compile(r"^(?:COCO_\w+_)?\d{12}\b|^\d{12}_jpg")

# What a scene may say that is no object of its own: surfaces, and things without a name in the vocabulary.
_SCENE_NAMES = {
    "facade": "building",
    "street": "road",
    "vegetation": "tree",
    "traffic-infrastructure": "traffic sign",
    "non-building-infrastructure": "bridge",
    "balcony-fence": "balcony",
    "obstacle": "roadside object",
    "unlabeled litter": "garbage",
}
_STUFF = {"building", "road", "tree", "bridge", "fence", "window", "balcony", "vehicle area"}


@reader("objects", "hand-outlined things in photographs (a folder of COCO JSONs whose images carry 'source')")
def read_objects(path: Path) -> Iterator[Job]:
    """One job a picture of the sets that are scenes. path: the folder of the JSONs, or one of them."""
    files = [path] if path.is_file() else [path / f"{name}.json" for name in SCENE_SETS]
    files = [file for file in files if file.is_file()]
    if not files or any(file.stem not in SETS for file in files):
        raise ValueError(f"{path} is no folder with JSONs such as coco_more.json or facades.json.")
    namer = Namer()
    for file in files:
        for job in object_jobs(file, file.stem, namer, sized=True):
            yield partial(_record, job)


def _record(job: Callable[[], Picture]) -> Record:
    """Layers from large to small, so that windows lie on facades.

    COCO's photographs are of the source "coco_instances" where all their things are annotated, else of "coco_more".
    """
    picture = job()
    scale = min(1.0, MAX_SIDE / max(picture.height, picture.width))
    height, width = max(1, round(picture.height * scale)), max(1, round(picture.width * scale))
    layers = []
    for outline in sorted(picture.outlines, key=lambda o: -np.count_nonzero(o.mask)):
        if outline.crowd:
            continue
        name = _SCENE_NAMES.get(outline.label) or outline.name or outline.label
        mask = _placed(outline, picture, height, width)
        if mask.any():
            layers.append(Layer(name, mask, is_thing(name) and name not in _STUFF))
    coco = picture.set == "coco_more" or _COCO_NAME.match(picture.file) is not None
    source = ("coco_instances" if picture.complete else "coco_more") if coco else picture.set
    name = f"{int(picture.source):012d}" if coco else f"{picture.set}/{picture.source}"
    return Record(picture.source, source, Scene(height, width, tuple(layers)), name=name)


def _placed(outline: NamedOutline, picture: Picture, height: int, width: int) -> np.ndarray:
    """``(height, width)`` bool: the outline in a picture of that size, by nearest pixel."""
    x0, y0, x1, y1 = outline.box
    rows = ((np.arange(height) + 0.5) * picture.height / height).astype(int)
    cols = ((np.arange(width) + 0.5) * picture.width / width).astype(int)
    down, across = np.flatnonzero((rows >= y0) & (rows < y1)), np.flatnonzero((cols >= x0) & (cols < x1))
    mask = np.zeros((height, width), dtype=bool)
    if down.size and across.size:
        mask[np.ix_(down, across)] = outline.mask[np.ix_(rows[down] - y0, cols[across] - x0)]
    return mask
