"""Real photographs with real objects to insert again: which objects, and what a mask maker may see of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.discover import Source, discover
from smartmask.data.record import Record
from smartmask.data.registry import read
from smartmask.data.splits import SPLITS, split_of
from smartmask.data.targets import Protocol, Target, choose, make_case
from smartmask.geometry import BoxXYXY, mask_box
from smartmask.image.files import load_photo
from smartmask.io.checks import check_num_masks
from smartmask.metrics.insertion import background_of
from smartmask.scene import Scene

SETS = ("coco_panoptic", "coco_instances", "pennfudan", "cocoa")  # photographs with objects; the first wins an image
LEAST_BACKGROUND = 0.02  # of the box: below it a share of background is a matter of a few pixels


@dataclass(frozen=True)
class InsertionProtocol:
    """The rules of a run, written into its report.

    split, limit (None: all), min_area (share of the image) and seed as in the benchmark of masks.
    num_masks: candidates the pipeline draws, of which the best ranked is taken, as ``insert`` does.
    """

    split: str = "test"
    limit: int | None = 100
    min_area: float = 0.01
    num_masks: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"There is no split '{self.split}'; use one of {', '.join(SPLITS)}.")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"The limit is {self.limit} objects; it must be at least 1.")
        if not 0 <= self.min_area < 1:
            raise ValueError(f"The smallest area is {self.min_area} of the image; it must be from 0 to below 1.")
        check_num_masks(self.num_masks)

    @property
    def hiding(self) -> Protocol:
        """The benchmark of masks' protocol, whose hiding rule for exact boxes holds here too."""
        return Protocol(split=self.split, seed=self.seed, guidance=("box",))

    def rules(self) -> list[str]:
        """The protocol in sentences, for reports."""
        limit = "all of them" if self.limit is None else f"at most {self.limit}, in turn from each source, by hash"
        hiding = self.hiding
        return [
            f"Objects: things of the {self.split} split, on a real photograph, that cover at least {self.min_area:.1%} "
            f"of it and leave at least {LEAST_BACKGROUND:.0%} of their box free; {limit} (seed {self.seed}).",
            "The user's box is the real object's tight box; background is that box without the real object. Other "
            "things in the box are background too.",
            "A mask maker sees the layout without the object, cleared inside the box grown by "
            f"{hiding.hide_margin:.0%} of its longer side; no photograph and no caption.",
            f"smartmask: the best ranked of {self.num_masks} masks, as 'insert' takes it.",
            "The same inpainter, seed, crop, working size and feather for every mask. The photograph still shows the "
            "real object: where a mask leaves a part of it, that part stays.",
            "Intervals: 95 % bootstrap over images.",
        ]

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "rules": self.rules()}


@dataclass(frozen=True, eq=False)
class Task:
    """One object to insert again.

    photo: (H, W, 3) uint8 RGB.  scene: what a mask maker may see, of the photo's size.  box: the real object's.
    real, background: (H, W) bool.  seed: of masks and painting.
    """

    target: Target
    photo: np.ndarray
    scene: Scene
    box: BoxXYXY
    real: np.ndarray
    background: np.ndarray
    seed: int

    @property
    def name(self) -> str:
        return self.target.name


def photo_sources(data: str) -> list[Source]:
    """The sets with photographs among those that ``discover`` finds; of FORMAT=PATH that one.

    Raises ValueError if there is none.
    """
    try:
        found = [source for source in discover(data) if source[0] in SETS or not Path(data).exists()]
    except ValueError:
        if not Path(data).is_dir():
            raise
        found = []
    if not found:
        raise ValueError(
            f"'{data}' holds no photographs with objects; give a folder with instances.json or panoptic.json and "
            "images/, or FORMAT=PATH."
        )
    return sorted(found, key=lambda source: (*SETS, source[0]).index(source[0]))


def find_tasks(
    sources: Iterable[Source], protocol: InsertionProtocol, on_error: Callable[[ValueError], None] | None = None
) -> list[tuple[Record, Target]]:
    """The objects to insert, each with its record; no photograph is read.

    An image that occurs in several sets counts once, in the first. on_error: called with the error of each
    bad annotation, whose picture is left out; None raises it. Raises ValueError if no object is admitted.
    """
    records: list[Record] = []
    seen: set[tuple[str, str]] = set()
    targets: list[Target] = []
    for record in _photographed(sources, protocol.split, on_error):
        image = (record.source.split("_")[0], record.name.lstrip("0"))
        if image in seen:
            continue
        seen.add(image)
        targets += _targets(record, len(records), protocol)
        records.append(record)
    chosen = choose(targets, protocol.limit, protocol.seed)
    if not chosen:
        raise ValueError(
            f"No object of the {protocol.split} split covers {protocol.min_area:.1%} of a photograph and leaves "
            "background in its box; check the data folder and the split."
        )
    return [(records[target.record], target) for target in chosen]


def _photographed(
    sources: Iterable[Source], split: str, on_error: Callable[[ValueError], None] | None
) -> Iterator[Record]:
    for name, path in sources:
        for record in read(name, path, on_error=on_error):
            if record.image is not None and split_of(record.key) == split:
                yield record


def _targets(record: Record, position: int, protocol: InsertionProtocol) -> Iterator[Target]:
    pixels = record.scene.height * record.scene.width
    for index, layer in enumerate(record.scene.layers):
        area = int(np.count_nonzero(layer.mask))
        box = mask_box(layer.mask)
        if not layer.thing or box is None or area < protocol.min_area * pixels:
            continue
        free = np.count_nonzero(background_of(layer.mask))
        if free >= LEAST_BACKGROUND * (box[2] - box[0]) * (box[3] - box[1]):
            yield Target(position, index, record.key, record.source, layer.name, area / pixels, box)


def train_shapes(sources: Iterable[Source], protocol: InsertionProtocol) -> Iterator[tuple[str, np.ndarray]]:
    """(name, mask) of the things of the training split that the protocol's smallest area admits, for baselines."""
    for record in _photographed(sources, "train", lambda _: None):
        pixels = record.scene.height * record.scene.width
        for layer in record.scene.layers:
            if layer.thing and np.count_nonzero(layer.mask) >= protocol.min_area * pixels:
                yield layer.name, layer.mask


def make_task(record: Record, target: Target, protocol: InsertionProtocol) -> Task:
    """The task of one object, its photograph read. Raises ValueError if photograph and layout differ in size."""
    if record.image is None:
        raise ValueError(f"The picture '{record.name}' of {record.source} has no photograph; leave it out.")
    photo = load_photo(record.image)
    scene = record.scene
    if photo.shape[:2] != (scene.height, scene.width):
        raise ValueError(
            f"The photo '{record.image}' is {photo.shape[1]}x{photo.shape[0]}, but its layout is "
            f"{scene.width}x{scene.height}; use the pair as published."
        )
    case = make_case(replace(record, scene=replace(scene, photo=None)), target, "box", protocol.hiding)
    real = scene.layers[target.layer].mask
    return Task(target, photo, case.scene, target.box, real, background_of(real), target.number(protocol.seed))
