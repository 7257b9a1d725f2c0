"""SmartBrush's training crops: objects with photographs and masks -> picture, exact mask, coarse mask, text.

Only photographs of the asked split are used (``data/splits.py``). Pictures are read again whenever they are drawn
and never all held, so that a full COCO works as a small one does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.captions import Captions
from smartmask.data.discover import Source, discover
from smartmask.data.pairs import context_of, is_target
from smartmask.data.record import Job, Record
from smartmask.data.registry import formats, jobs
from smartmask.data.splits import split_of
from smartmask.geometry import BoxXYXY, mask_box
from smartmask.image.composition import Window, crop_window, resize, resize_mask
from smartmask.image.files import load_photo
from smartmask.insertion.smartbrush.network import Parts
from smartmask.insertion.smartbrush.precision import LEVELS, coarsen
from smartmask.text.states import Words
from smartmask.train.task import Sample, Samples

SOURCES = ("coco_instances", "pennfudan")
TEXT_TO_IMAGE = 0.2  # share of crops whose mask is everything (the paper's multi-task training)
CAPTIONED = 0.5  # share of texts that carry a caption
DROP_TEXT = 0.1  # share without text, for guidance
EXACT, BOX = 0.2, 0.2  # shares of s = 0 and s = S; the other rungs share the rest, so that the ends are learnt well
REUSE = 4  # crops made of a photograph each time it is read
LANES = 32  # photographs whose crops come side by side
LEAST_AREA, LEAST_SIDE = 0.003, 24  # of the photograph; pixels


@dataclass(frozen=True, eq=False)
class PhotoObjects:
    """One photograph: how to read it, and its objects worth painting: (layer, name, box)."""

    job: Job
    key: str
    source: str
    objects: tuple[tuple[int, str, BoxXYXY], ...]


def photo_sources(data: Path, sources: Sequence[str] = SOURCES) -> list[Source]:
    """The sets to train on: ``data`` is a folder of sets (coco/, pennfudan/, ...) or COCO's own folder or JSON.

    ValueError if there is none of ``sources``.
    """
    unknown = [name for name in sources if name not in formats()]
    if unknown:
        raise ValueError(f"There is no format '{unknown[0]}'; known are {', '.join(formats())}.")
    if data.is_file() or (any(data.glob("**/instances*.json")) and not (data / "coco").is_dir()):
        return [("coco_instances", data)]
    found = [source for source in discover(data) if source[0] in sources]
    if not found:
        raise ValueError(f"{data} holds none of the sets {', '.join(sources)}; name others with --sources.")
    return found


def find_objects(sources: Sequence[Source], split: str, captions: Captions | None = None) -> list[PhotoObjects]:
    """All photographs of a split with an object worth painting; every annotation is read once.

    A thing is worth painting from LEAST_AREA of its photograph and LEAST_SIDE pixels on, if it is mostly one
    part. captions: by a model, added to those of the set. ValueError if there is none.
    """
    found: list[PhotoObjects] = []
    for format, path in sources:
        for job in jobs(format, path):
            job = job if captions is None else partial(captions.of_job, job)
            record = job()
            if split_of(record.key) != split or record.image is None:
                continue
            objects = objects_of(record)
            if objects:
                found.append(PhotoObjects(job, record.key, record.source, objects))
    if not found:
        where = ", ".join(str(path) for _, path in sources)
        raise ValueError(f"{where} has no photograph with a large enough object in the {split} split.")
    return found


def objects_of(record: Record) -> tuple[tuple[int, str, BoxXYXY], ...]:
    """The objects of a photograph that are worth painting: (layer, name, box)."""
    return tuple(_objects(record))


def pixels_of(record: Record) -> np.ndarray | None:
    """``(H, W, 3)`` uint8: a record's photograph, as it is held or from its file; None without one."""
    if record.scene.photo is not None or record.image is None:
        return record.scene.photo
    return load_photo(record.image)


def _objects(record: Record) -> Iterator[tuple[int, str, BoxXYXY]]:
    for index, layer in enumerate(record.scene.layers):
        if is_target(record.scene, index, LEAST_AREA, LEAST_SIDE):
            box = mask_box(layer.mask)
            if box is not None:
                yield index, layer.name, box


def describe(photos: Sequence[PhotoObjects]) -> dict[str, Any]:
    """How many photographs and objects there are, the commonest names, and the objects' sizes in pixels."""
    objects = [item for photo in photos for item in photo.objects]
    sides = np.array([max(x1 - x0, y1 - y0) for _, _, (x0, y0, x1, y1) in objects])
    return {
        "photos": len(photos),
        "objects": len(objects),
        "names": dict(Counter(name for _, name, _ in objects).most_common(10)),
        "different_names": len({name for _, name, _ in objects}),
        "longer_side_quartiles": [int(q) for q in np.percentile(sides, [0, 25, 50, 75, 100])],
        "longer_side_from_128": int((sides >= 128).sum()),
    }


def draw_precision(rng: np.random.Generator) -> float:
    """A rung's precision, s / S: the ends more often than each rung between."""
    chance = rng.random()
    if chance < EXACT + BOX:
        return 0.0 if chance < EXACT else 1.0
    return float(rng.integers(1, LEVELS)) / LEVELS


def object_window(box: BoxXYXY, height: int, width: int, rng: np.random.Generator | None) -> Window:
    """The square round an object; with ``rng`` of a random margin and place that still hold the whole box."""
    if rng is None:
        return crop_window(box, height, width)
    window = crop_window(box, height, width, float(rng.uniform(0.15, 0.8)))
    x0, y0, x1, y1 = (int(edge) for edge in box)

    def shift(low: int, high: int, start: int, end: int, limit: int) -> int:
        least = max(high - end, -start)
        most = min(low - start, limit - end)
        return int(rng.integers(least, most + 1)) if most > least else 0

    dx = shift(x0, x1, window.x0, window.x1, width)
    dy = shift(y0, y1, window.y0, window.y1, height)
    return Window(window.x0 + dx, window.y0 + dy, window.x1 + dx, window.y1 + dy)


def crop_square(image: np.ndarray, mask: np.ndarray, window: Window, side: int) -> tuple[np.ndarray, np.ndarray]:
    """A window of a photo and a mask, scaled so that its longer side fits, and padded to (side, side) by its edge."""
    factor = side / max(window.height, window.width)
    size = min(side, max(1, round(window.height * factor))), min(side, max(1, round(window.width * factor)))
    image = resize(np.ascontiguousarray(image[window.slices]), *size)
    mask = resize_mask(mask[window.slices], *size)
    margin = ((0, side - size[0]), (0, side - size[1]))
    return np.pad(image, (*margin, (0, 0)), mode="edge"), np.pad(mask, margin)


def make_sample(
    record: Record,
    photo: np.ndarray,
    item: tuple[int, str, BoxXYXY],
    side: int,
    words: Words,
    parts: Parts,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """One training crop.

    picture: (3, side, side) uint8; exact, coarse: (1, side, side) bool, all True in a text-to-image crop, whose
    ``single`` is 0 (there is no object to find in it); precision: s / S; tokens: of the text.
    """
    index, name, box = item
    height, width = photo.shape[:2]
    whole = parts.multi_task and rng.random() < TEXT_TO_IMAGE
    caption = _caption(record, rng) if parts.captions and (whole or rng.random() < CAPTIONED) else ""
    own = record.layer_captions[index] if record.layer_captions and caption and not whole else ""
    if own:  # the paper's alternation: the name, or what is said of the segment itself
        name, caption = "", own
    if whole:
        extent = min(height, width)
        left, top = int(rng.integers(width - extent + 1)), int(rng.integers(height - extent + 1))
        window = Window(left, top, left + extent, top + extent)
        name = name if not caption else ""  # the caption alone tells of the whole picture
    else:
        window = object_window(box, height, width, rng)
    picture, exact = crop_square(photo, record.scene.layers[index].mask, window, side)
    if rng.random() < 0.5:
        picture, exact = picture[:, ::-1], exact[:, ::-1]
    precision = 1.0 if whole else draw_precision(rng)
    coarse = np.ones_like(exact) if whole else coarsen(exact, precision)
    said = ("", "") if rng.random() < DROP_TEXT else (name, caption)
    return {
        "picture": np.ascontiguousarray(picture.transpose(2, 0, 1)),
        "exact": np.ones_like(coarse[None]) if whole else np.ascontiguousarray(exact[None]),
        "coarse": np.ascontiguousarray(coarse[None]),
        "precision": np.float32(precision),
        "single": np.float32(not whole),
        "tokens": words.tokens(*said),
    }


def _caption(record: Record, rng: np.random.Generator) -> str:
    """One of the picture's captions, else a sentence made of its names."""
    if record.captions:
        return record.captions[int(rng.integers(len(record.captions)))]
    return context_of(record.scene)


class CropStream(Samples):
    """Batches of training crops: photographs by how many objects they have, names evened out.

    Crops come in LANES lanes side by side, each with one photograph at a time, of which REUSE crops are made: a
    photograph is read once for them, and neighbours in a batch are of different photographs. A crop is a function of
    its number, so of the lane and of the photograph's number in it, whichever process or worker makes it.
    """

    def __init__(
        self, photos: Sequence[PhotoObjects], side: int, words: Words, parts: Parts, batch: int, seed: int = 0,
        workers: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(self._crop, batch, seed, workers)
        self.photos, self.side, self.words, self.parts = photos, side, words, parts
        counts = Counter(name for photo in photos for _, name, _ in photo.objects)
        # rare names more often than their count, common ones less, neither all the way
        self.weights = [np.array([counts[name] ** -0.5 for _, name, _ in photo.objects]) for photo in photos]
        shares = np.array([weights.sum() for weights in self.weights])
        self.ends = np.cumsum(shares / shares.sum())
        self._kept: dict[int, tuple[int, list[Sample]]] = {}  # of each lane: which photograph, its crops

    def _crop(self, _: np.random.Generator, number: int) -> Sample:
        turn, lane = divmod(number, LANES)
        photo, at = divmod(turn, REUSE)
        if self._kept.get(lane, (-1,))[0] != photo:
            self._kept[lane] = photo, self._crops(np.random.default_rng([self.seed, 0, lane, photo]))
        return self._kept[lane][1][at]

    def _crops(self, rng: np.random.Generator) -> list[Sample]:
        """REUSE crops of a photograph drawn by chance."""
        while True:
            number = min(int(np.searchsorted(self.ends, rng.random())), len(self.photos) - 1)
            photo, weights = self.photos[number], self.weights[number]
            record = photo.job()
            if record.image is not None:
                break
        pixels = load_photo(record.image)
        if pixels.shape[:2] != (record.scene.height, record.scene.width):
            height, width = pixels.shape[:2]
            raise ValueError(
                f"The photo {record.image} is {width}x{height}, but its annotation says "
                f"{record.scene.width}x{record.scene.height}."
            )
        crops = []
        for at in rng.choice(len(weights), REUSE, p=weights / weights.sum()):
            item = photo.objects[at]
            made = make_sample(record, pixels, item, self.side, self.words, self.parts, rng)
            crops.append(Sample(f"{photo.key} layer {item[0]}", made))
        return crops
