"""The benchmark of insertions: every maker's mask on every task, painted alike, and measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from smartmask.data.targets import Target
from smartmask.evaluate.tasks.insertion.makers import Made, MaskMaker, Painter
from smartmask.evaluate.tasks.insertion.objects import Task
from smartmask.geometry import mask_iou, rle_encode
from smartmask.image.composition import crop_window
from smartmask.metrics.insertion import changed_outside, normalised_l2, seam_error, share

Keep = Callable[[Task, str, np.ndarray], None]


@dataclass(frozen=True, eq=False)
class InsertionRow:
    """What one maker scored on one task.

    background, object: shares of the two that its mask covers.  iou: with the real object.  area: share of the
    box.  spill: pixels of the mask outside the box, as a share of the box.  pixels: (covered, all) of the
    background.  mask: as RLE.  seconds: of making the mask.
    painted: None without an inpainter, else l2_background, seam (see metrics/insertion.py), clip (or None),
    outside (pixels changed outside the mask) and seconds.
    """

    target: Target
    maker: str
    background: float
    object: float
    iou: float
    area: float
    spill: float
    pixels: tuple[int, int]
    mask: dict[str, Any]
    seconds: float
    painted: dict[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class Judges:
    """Pretrained judges, each optional: features (pictures -> (n, D)), clip (pictures, names -> (n,))."""

    features: Any = None
    clip: Any = None


@dataclass
class Gallery:
    """Features of the pictures so far, by maker; "real" are the photographs. whole: of pictures, local: of crops."""

    whole: dict[str, list[np.ndarray]]
    local: dict[str, list[np.ndarray]]


def local_crop(picture: np.ndarray, task: Task) -> np.ndarray:
    """The crop round the user's box that ``insert`` works on, the same for every maker: (h, w, 3) uint8."""
    return picture[crop_window(task.box, *picture.shape[:2]).slices]


def run(
    tasks: Iterable[Task], makers: Sequence[MaskMaker], painter: Painter | None = None, judges: Judges | None = None,
    keep: Keep | None = None,
) -> tuple[list[InsertionRow], Gallery]:  # fmt: skip
    """Asks every maker every task, paints its mask if there is a painter, and measures both.

    keep: called as (task, maker, picture) with every finished picture, and with the photo as "real".
    Raises ValueError for a mask of another size than the photo's.
    """
    judges = judges or Judges()
    rows: list[InsertionRow] = []
    gallery = Gallery({}, {})
    for task in tasks:
        made: dict[str, Made] = {}
        pictures: dict[str, np.ndarray] = {}
        for maker in makers:
            start = time.perf_counter()
            answer = made[maker.name] = maker(task, made)
            seconds = time.perf_counter() - start
            row = measure_mask(task, maker.name, answer.mask, seconds)
            if painter is not None:
                start = time.perf_counter()
                after = answer.after if answer.after is not None else painter(task, answer.mask, maker.precision)
                pictures[maker.name] = after
                painted = measure_picture(task, answer.mask, after) | {"seconds": time.perf_counter() - start}
                row = replace(row, painted=painted)
            rows.append(row)
        if pictures:
            _judge(task, pictures, rows[-len(makers) :], judges, gallery)
            for name, picture in {"real": task.photo, **pictures}.items():
                if keep is not None:
                    keep(task, name, picture)
    return rows, gallery


def measure_mask(task: Task, maker: str, mask: np.ndarray, seconds: float = 0.0) -> InsertionRow:
    """The figures that need no inpainter."""
    if mask.shape != task.real.shape or mask.dtype != np.bool_:
        raise ValueError(
            f"The maker '{maker}' answered {mask.dtype} of shape {mask.shape}; bool of shape {task.real.shape} "
            "was asked for."
        )
    box = task.background | task.real
    return InsertionRow(
        target=task.target,
        maker=maker,
        background=share(mask, task.background),
        object=share(mask, task.real),
        iou=mask_iou(mask, task.real),
        area=share(mask, box),
        spill=float(np.count_nonzero(mask & ~box) / np.count_nonzero(box)),
        pixels=(int(np.count_nonzero(mask & task.background)), int(np.count_nonzero(task.background))),
        mask=rle_encode(mask),
        seconds=seconds,
    )


def measure_picture(task: Task, mask: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    """The figures of a finished picture that need no pretrained judge."""
    return {
        "l2_background": normalised_l2(task.photo, after, task.background),
        "seam": seam_error(task.photo, after, mask),
        "outside": changed_outside(task.photo, after, mask),
        "clip": None,
    }


def _judge(
    task: Task, pictures: dict[str, np.ndarray], rows: Sequence[InsertionRow], judges: Judges, gallery: Gallery
) -> None:
    """CLIP scores into the rows, features into the gallery; the photo itself is judged as "real"."""
    crops = {name: local_crop(picture, task) for name, picture in pictures.items()}
    if judges.clip is not None:
        scores = judges.clip(list(crops.values()), [task.name] * len(crops))
        for row, score in zip(rows, scores, strict=True):
            if row.painted is not None:
                row.painted["clip"] = float(score)
    if judges.features is not None:
        whole = {"real": task.photo, **pictures}
        local = {"real": local_crop(task.photo, task), **crops}
        for kept, shown in ((gallery.whole, whole), (gallery.local, local)):
            for name, vector in zip(shown, judges.features(list(shown.values())), strict=True):
                kept.setdefault(name, []).append(vector)
