"""Do the layouts of the bundled reader help? Places without a guide beside those in an unlabeled and the true scene.

The object itself is in the photo that the reader sees. So all that the protocol hides of the true layout is hidden of
the reader's too; ``painted`` also paints those pixels over before it reads, so that nothing of the object is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smartmask.data.discover import Source
from smartmask.data.photo_labels import ANYTHING, CLASSES, labels_of
from smartmask.data.registry import Record, read
from smartmask.data.splits import split_of
from smartmask.evaluate.metrics import bootstrap_interval
from smartmask.evaluate.targets import Case, Protocol, Target, hide, make_case
from smartmask.geometry import BoxXYXY, box_iou, mask_box
from smartmask.photo_reader import FOLDER, class_shares, read_photo
from smartmask.scene import Scene

HIT = 0.5  # box IoU of a hit
SYSTEMS = ("unlabeled", "reader", "reader, painted", "true")
FIGURES = ("hit", "best_iou", "iou", "log_height_off")

Places = Callable[[Scene, str, Sequence[int]], list[BoxXYXY]]  # scene, name, seeds -> a box a seed


@dataclass(frozen=True)
class ReaderProtocol:
    """splits: of the photos.  rounds: sets of ``num_masks`` places an object; figures are their mean, so that
    chance in the places does not hide what the scene does."""

    splits: tuple[str, ...] = ("dev", "test")
    sources: tuple[str, ...] = ("coco_panoptic",)
    num_masks: int = 8
    rounds: int = 8
    min_area: float = 0.01
    seed: int = 0


def photos(sources: Sequence[Source], protocol: ReaderProtocol) -> list[Record]:
    """The records with photographs of the protocol's splits; an image of two sources counts once, as of the first."""
    found: dict[str, Record] = {}
    for name, path in sources:
        for record in read(name, path, load_photos=True):
            wanted = split_of(record.key) in protocol.splits and record.scene.photo is not None
            if wanted and record.key not in found:
                found[record.key] = record
    return list(found.values())


def cases(records: Sequence[Record], protocol: ReaderProtocol) -> Iterator[tuple[Record, Case]]:
    """Each thing of at least ``min_area`` of its photo, as the benchmark without a guide asks for it."""
    rules = Protocol(sources=("coco",), limit=None, guidance=("none",), seed=protocol.seed)
    for position, record in enumerate(records):
        scene = record.scene
        for index, layer in enumerate(scene.layers):
            share = np.count_nonzero(layer.mask) / layer.mask.size
            box = mask_box(layer.mask)
            if not layer.thing or share < protocol.min_area or box is None:
                continue
            target = Target(position, index, record.key, record.source, layer.name, share, box)
            yield record, make_case(record, target, "none", rules)


def scenes_of(record: Record, case: Case, folder: Path = FOLDER) -> dict[str, Scene]:
    """The scenes that are compared, none with a photograph."""
    photo = record.scene.photo
    assert photo is not None
    painted = photo.copy()
    painted[case.hidden] = photo[~case.hidden].mean(axis=0) if not case.hidden.all() else 128
    return {
        "unlabeled": Scene.empty(*photo.shape[:2]),
        "reader": hide(read_photo(photo, folder), case.hidden),
        "reader, painted": hide(read_photo(painted, folder), case.hidden),
        "true": replace(case.scene, caption=None),
    }


def judge(
    asked: Iterator[tuple[Record, Case]], places: Places, protocol: ReaderProtocol, folder: Path = FOLDER
) -> list[dict[str, Any]]:
    """One row an object and system: image, name, and the FIGURES, means over the rounds."""
    rows = []
    for record, case in asked:
        start = case.target.number(protocol.seed)
        seeds = [start + i for i in range(protocol.num_masks * protocol.rounds)]
        for system, scene in scenes_of(record, case, folder).items():
            boxes = places(scene, case.target.name, seeds)
            row = {"system": system, "image": record.key, "source": record.source, "object": case.target.name}
            rows.append(row | figures(boxes, case.target.box, protocol.num_masks))
    return rows


def figures(boxes: Sequence[BoxXYXY], true: BoxXYXY, num_masks: int) -> dict[str, float]:
    """The FIGURES of places for an object with the box ``true``, in rounds of ``num_masks``.

    hit: share of rounds with a box of at least HIT IoU.  best_iou: mean best IoU of a round.  iou: of one box.
    log_height_off: how far the mean log height is from the real one.
    """
    overlap = np.array([box_iou(box, true) for box in boxes]).reshape(-1, num_masks)
    heights = np.log(np.maximum([box[3] - box[1] for box in boxes], 1e-3)) - np.log(true[3] - true[1])
    best = overlap.max(axis=1)
    return {
        "hit": float((best >= HIT).mean()), "best_iou": float(best.mean()), "iou": float(overlap.mean()),
        "log_height_off": float(abs(heights.mean())),
    }  # fmt: skip


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Each system's figures, and their difference to the unlabeled scene's, with intervals by image."""
    own = {system: [row for row in rows if row["system"] == system] for system in SYSTEMS}
    images = np.array([row["image"] for row in own["unlabeled"]])
    values = {s: {f: np.array([row[f] for row in some]) for f in FIGURES} for s, some in own.items()}
    found: dict[str, Any] = {"objects": len(images), "images": len(set(images.tolist()))}
    for system in SYSTEMS:
        found[system] = {figure: _interval(values[system][figure], images) for figure in FIGURES}
        if system != "unlabeled":
            found[f"{system} - unlabeled"] = {
                f: _interval(values[system][f] - values["unlabeled"][f], images) for f in FIGURES
            }
    return found


def _interval(values: np.ndarray, images: np.ndarray) -> list[float]:
    return [round(float(v), 4) for v in bootstrap_interval(values.astype(np.float64), images)]


def accuracy(records: Sequence[Record], network: Any) -> dict[str, Any]:
    """How well pixels are named where the annotation names one class: per class IoU and pixel share; all pixels.

    network: a ReaderNetwork. Every pixel counts, also those that it is not sure of; ``sure``: share that it names,
    ``right``: of these, share that is right.
    """
    count = len(CLASSES)
    confusion, sure = np.zeros((count, count), dtype=np.int64), np.zeros(2, dtype=np.int64)
    for record in records:
        photo = record.scene.photo
        assert photo is not None
        shares = torch.from_numpy(class_shares(network, photo))[None]
        full = torch.nn.functional.interpolate(shares, photo.shape[:2], mode="bilinear", align_corners=False)[0]
        highest, named = (found.numpy() for found in full.max(dim=0))
        labels = labels_of(record)
        single = (labels & (labels - np.uint32(1)) == 0) & (labels != ANYTHING)
        true = np.log2(labels[single].astype(np.float64)).astype(np.int64)
        confusion += np.bincount(true * count + named[single], minlength=count * count).reshape(count, count)
        certain = highest[single] >= network.config.sure
        sure += (int(certain.sum()), int((named[single][certain] == true[certain]).sum()))
    right, present = confusion.diagonal(), confusion.sum(axis=1)
    iou = right / np.maximum(present + confusion.sum(axis=0) - right, 1)
    total = max(int(confusion.sum()), 1)
    return {
        "photos": len(records), "accuracy": float(right.sum() / total), "sure": float(sure[0] / total),
        "right_where_sure": float(sure[1] / max(sure[0], 1)),
        "mean_iou": float(iou[present > 0].mean()) if present.any() else 0.0,
        "classes": {n: {"iou": float(v), "share": float(p / total)}
                    for n, v, p in zip(CLASSES, iou, present, strict=True) if p},
    }  # fmt: skip
