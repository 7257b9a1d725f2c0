"""A fixed set of development objects painted by SmartBrush: figures for the log, and a picture to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smartmask.data.pairs import context_of
from smartmask.geometry import BoxXYXY, mask_box
from smartmask.image.files import save_png
from smartmask.insertion.smartbrush.pipeline import SmartBrushPipeline
from smartmask.insertion.smartbrush.precision import coarsen
from smartmask.io.publish import output_folder
from smartmask.train.tasks.inpaint_data import PhotoObjects, crop_square, object_window, pixels_of

SHOWN = 8
STEPS = 12


class DevCrops:
    """Up to ``count`` objects of held-out photographs, one a photograph, in the crops that ``insert`` would make.

    pictures: (n, 3, side, side) uint8; exact: (n, 1, side, side) bool; texts: (name, caption).
    """

    def __init__(self, photos: Sequence[PhotoObjects], side: int, count: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        pictures, masks = [], []
        self.texts: list[tuple[str, str]] = []
        self.seeds: list[int] = []
        for number in rng.permutation(len(photos))[:count]:
            photo = photos[number]
            record = photo.job()
            pixels = pixels_of(record)
            if pixels is None:
                continue
            index, name, box = _largest(photo)
            window = object_window(box, record.scene.height, record.scene.width, None)
            picture, mask = crop_square(pixels, record.scene.layers[index].mask, window, side)
            pictures.append(picture)
            masks.append(mask)
            self.seeds.append(len(self.seeds))
            self.texts.append((name, record.captions[0] if record.captions else context_of(record.scene)))
        self.pictures = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
        self.exact = torch.from_numpy(np.stack(masks))[:, None]

    def __len__(self) -> int:
        return len(self.texts)

    def chunks(self, size: int) -> Iterator[DevCrops]:
        """The crops in groups of at most ``size``; seeds stay with their crops."""
        for low in range(0, len(self), size):
            part = copy(self)
            rows = slice(low, low + size)
            part.pictures, part.exact = self.pictures[rows], self.exact[rows]
            part.texts, part.seeds = self.texts[rows], self.seeds[rows]
            yield part

    def first(self, count: int) -> DevCrops:
        """The first ``count`` crops."""
        return next(self.chunks(count))

    def coarse(self, precision: float) -> torch.Tensor:
        """``(n, 1, side, side)`` bool: the masks at a precision."""
        return torch.from_numpy(np.stack([coarsen(mask[0], precision) for mask in self.exact.numpy()]))[:, None]


def _largest(photo: PhotoObjects) -> tuple[int, str, BoxXYXY]:
    """The object whose box is the largest: at a network's small side the others have no detail."""
    return max(photo.objects, key=lambda item: (item[2][2] - item[2][0]) * (item[2][3] - item[2][1]))


def mask_ious(predicted: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """``(n,)`` IoU of (n, ...) bool masks."""
    inter = (predicted & exact).reshape(len(exact), -1).sum(1)
    union = (predicted | exact).reshape(len(exact), -1).sum(1)
    return inter / np.maximum(union, 1)


def paint_crops(pipeline: SmartBrushPipeline, crops: DevCrops, precision: float, steps: int | None = None) -> Any:
    """``draw`` for all crops at one precision, each with a seed of its own: pictures and object probabilities."""
    return pipeline.draw(
        crops.pictures, crops.coarse(precision), [precision] * len(crops), crops.texts, crops.seeds, steps=steps
    )


class InpaintSheet:
    """Paints SHOWN development objects now and then, into their exact masks and into their boxes."""

    def __init__(self, photos: Sequence[PhotoObjects], pipeline: SmartBrushPipeline, folder: Path) -> None:
        self.crops = DevCrops(photos, pipeline.settings.side, SHOWN)
        self.pipeline, self.folder = pipeline, folder

    def draw(self, network: Any, step: int) -> dict[str, float]:
        """Writes ``step_N.png``, a row an object: photograph, painted in the exact mask, in the box, and the object
        that was predicted in the box. Returns the mean IoU of that prediction, beside the box's own."""
        p = self.pipeline
        network.eval()
        pipeline = SmartBrushPipeline(network, p.codec, p.words, p.path, replace(p.settings))
        crops = self.crops
        fine, _ = paint_crops(pipeline, crops, 0.0, STEPS)
        loose, probable = paint_crops(pipeline, crops, 1.0, STEPS)
        box = crops.coarse(1.0).numpy()
        exact = crops.exact.numpy()
        save_png(sheet_picture(crops, fine, loose, probable), output_folder(self.folder) / f"step_{step:06d}.png")
        return {
            "dev_mask_iou": float(mask_ious(probable.numpy() > 0.5, exact).mean()),
            "dev_box_iou": float(mask_ious(box, exact).mean()),
        }


def sheet_picture(crops: DevCrops, fine: torch.Tensor, loose: torch.Tensor, probable: torch.Tensor) -> np.ndarray:
    """``(rows, 5 crops, 3)`` uint8: photograph with the box drawn, hidden, fine, loose, prediction."""
    rows = []
    box = crops.coarse(1.0)
    for i in range(len(crops)):
        photo = crops.pictures[i].permute(1, 2, 0).numpy()
        grey = np.where(crops.exact[i].permute(1, 2, 0).numpy(), 128, photo).astype(np.uint8)
        found = mask_box(box[i, 0].numpy())
        framed = photo.copy()
        if found is not None:
            x0, y0, x1, y1 = (int(edge) for edge in found)
            framed[[y0, y1 - 1], x0:x1] = (255, 0, 0)
            framed[y0:y1, [x0, x1 - 1]] = (255, 0, 0)
        guess = np.repeat((probable[i, 0].numpy() * 255).astype(np.uint8)[..., None], 3, axis=2)
        pictures = (framed, grey, fine[i].permute(1, 2, 0).numpy(), loose[i].permute(1, 2, 0).numpy(), guess)
        rows.append(np.hstack(pictures))
    return np.vstack(rows)
