"""One random insert: a photo's file, a scene, what is asked, what is pasted, and what of the photo it changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from smartmask.evaluate.tasks.exactness.photos import PHOTOS, SIZES, picture, pixels_of
from smartmask.geometry import box_mask, mask_box
from smartmask.guides import Blob, Box, Guide, MaskGuide, Point, Polygon, Scribble
from smartmask.insertion.inpainter import Inpainter, Painting, PaintRequest
from smartmask.insertion.lay import ObjectRequest
from smartmask.insertion.paint import InsertResult
from smartmask.insertion.pipeline import insert
from smartmask.insertion.settings import PaintOptions
from smartmask.masks.pipeline import SmartMaskPipeline
from smartmask.scene import Scene

NAMES = ("dog", "cat", "person", "car", "chair", "cup", "bird", "lamp", "kite", "bench")
TRIES = 20  # requests drawn for one photo before it is given up: some have no object that would be seen


class Careless:
    """An inserter that paints noise over the whole crop, whatever its mask, and at another size than asked."""

    name = "careless"

    def __init__(self, rng: np.random.Generator) -> None:
        self.side = None if rng.random() < 0.5 else int(rng.integers(8, 200))
        self.soft = rng.random() < 0.5

    def __call__(self, request: PaintRequest) -> Painting:
        rng = np.random.default_rng(request.seed)
        size = request.mask.shape
        image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        return Painting(image, rng.uniform(0, 1, size).astype(np.float32) if self.soft else None)


@dataclass(frozen=True)
class Trial:
    """What was tried and what came of it. photo, size, mask, inserter, saved: its kinds. pixels: of the photo.

    changed: pixels that differ. outside: those of them where nothing may differ. refused: requests that were errors.
    """

    photo: str
    size: str
    mask: str
    inserter: str
    saved: str
    pixels: int
    changed: int
    outside: int
    refused: int


# --- what is asked -----------------------------------------------------------------------------------


def _finished(how: Callable[[np.random.Generator, int, int], np.ndarray]) -> Any:
    def ask(rng: np.random.Generator, height: int, width: int) -> list[ObjectRequest]:
        return [ObjectRequest(str(rng.choice(NAMES)), mask=how(rng, height, width))]

    return ask


def _guided(*guides: Callable[[np.random.Generator, int, int], Guide | None]) -> Any:
    def ask(rng: np.random.Generator, height: int, width: int) -> list[ObjectRequest]:
        return [ObjectRequest(str(rng.choice(NAMES)), guide(rng, height, width)) for guide in guides]

    return ask


def _lumps(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        centre = int(rng.integers(-5, width + 5)), int(rng.integers(-5, height + 5))
        axes = int(rng.integers(1, width // 2 + 2)), int(rng.integers(1, height // 2 + 2))
        cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    return mask.astype(bool)


def _specks(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A pixel or a few, anywhere."""
    mask = np.zeros((height, width), bool)
    count = int(rng.integers(1, 4))
    mask[rng.integers(0, height, count), rng.integers(0, width, count)] = True
    return mask


def _at_border(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Along one side."""
    thick = int(rng.integers(1, max(min(height, width) // 3, 1) + 1))
    mask = np.zeros((height, width), bool)
    mask[[slice(0, thick), slice(height - thick, None)][int(rng.integers(2))]] = True
    return mask if rng.random() < 0.5 else np.ascontiguousarray(np.resize(mask.T, (width, height)).T)


def _box(rng: np.random.Generator, height: int, width: int) -> Box:
    """Often across the border."""
    x0, y0 = rng.uniform(-0.2, 0.7) * width, rng.uniform(-0.2, 0.7) * height
    return Box(x0, y0, x0 + rng.uniform(0.3, 0.9) * width + 1, y0 + rng.uniform(0.3, 0.9) * height + 1)


def _points(rng: np.random.Generator, height: int, width: int, count: int) -> list[tuple[float, float]]:
    return [(float(rng.uniform(0, width)), float(rng.uniform(0, height))) for _ in range(count)]


MASKS: dict[str, Callable[[np.random.Generator, int, int], list[ObjectRequest]]] = {
    "none": _guided(lambda *_: None),
    "box": _guided(_box),
    "point": _guided(lambda rng, h, w: Point(*_points(rng, h, w, 1)[0])),
    "blob": _guided(lambda rng, h, w: Blob(*_points(rng, h, w, 1)[0], *(rng.uniform(0.1, 0.4, 2) * (w, h)))),
    "scribble": _guided(lambda rng, h, w: Scribble(_points(rng, h, w, int(rng.integers(1, 5))))),
    "polygon": _guided(lambda rng, h, w: Polygon([(0, 0), (w, h * rng.uniform(0, 1)), (w * rng.uniform(0, 1), h)])),
    "painted": _guided(lambda rng, h, w: MaskGuide(_lumps(rng, h, w) | _specks(rng, h, w))),
    "two boxes": _guided(_box, _box),
    "finished": _finished(lambda rng, h, w: _lumps(rng, h, w) | _specks(rng, h, w)),
    "finished: specks": _finished(_specks),
    "finished: noise": _finished(lambda rng, h, w: (rng.random((h, w)) < 0.3) | _specks(rng, h, w)),
    "finished: at the border": _finished(_at_border),
    "finished: everything": _finished(lambda rng, h, w: np.ones((h, w), bool)),
}  # fmt: skip


def _scene(rng: np.random.Generator, height: int, width: int) -> Scene:
    scene = Scene.empty(height, width)
    for index in range(int(rng.integers(0, 4))):
        scene = scene.insert(_lumps(rng, height, width), str(rng.choice(NAMES)), thing=index > 0)
    return scene


def _cutout(rng: np.random.Generator) -> dict[str, Any]:
    """A cut-out with an alpha of its own or a mask, of 8 or 16 bits."""
    height, width = (int(side) for side in rng.integers(1, 120, 2))
    deep = rng.random() < 0.3
    shape = _lumps(rng, height, width) | _specks(rng, height, width)
    if rng.random() < 0.4:
        return {"cutout": picture(rng, height, width, 3, deep), "cutout_mask": shape}
    pixels = picture(rng, height, width, 4, deep)
    pixels[..., 3] = np.where(shape, np.maximum(pixels[..., 3], np.iinfo(pixels.dtype).max // 2), 0)
    return {"cutout": pixels}


def _options(rng: np.random.Generator) -> PaintOptions:
    return PaintOptions.of(
        feather=rng.choice([0, 0.5, 1, 2, 5, 30]), color_match=rng.random() < 0.3, precision=rng.choice([0, 0.4, 1]),
        shadow=str(rng.choice(["none", "layer", "paint"])),
    )  # fmt: skip


def _inserter(rng: np.random.Generator) -> tuple[str, str | Inpainter, dict[str, Any]]:
    """(kind, inserter, options of its loader)."""
    if rng.random() < 0.4:
        return "careless", Careless(rng), {}
    fit = str(rng.choice(["keep", "stretch"]))
    more = {"mirror": [None, True, False][int(rng.integers(3))], "defringe": [None, 0.0, 3.0][int(rng.integers(3))]}
    return f"paste, {fit}", "paste", {"fit": fit, **more, **_cutout(rng)}


# --- one trial ---------------------------------------------------------------------------------------


def tried(number: int, seed: int, pipeline: SmartMaskPipeline, folder: Path) -> Trial:
    """Trial ``number``: kinds of photos take turns, all else is chance. Raises RuntimeError if nothing was inserted."""
    rng = np.random.default_rng([seed, number])
    photo, mask = list(PHOTOS)[number % len(PHOTOS)], str(rng.choice(list(MASKS)))
    size = str(rng.choice(list(SIZES), p=(0.4, 0.25, 0.15, 0.1, 0.1)))
    path = PHOTOS[photo](rng, *SIZES[size](rng), folder / f"photo_{number}")
    before = pixels_of(path)
    height, width = before.shape[:2]
    for refused in range(TRIES):
        scene, requests, options = _scene(rng, height, width), MASKS[mask](rng, height, width), _options(rng)
        kind, inpainter, loader = _inserter(rng)
        try:
            result = insert(
                path, requests, scene=scene, inpainter=inpainter, generator=int(rng.integers(1000)), num_masks=2,
                pipeline=pipeline, options=options, **loader,
            )  # fmt: skip
        except ValueError:  # nothing of the object would be seen
            continue
        suffix = str(rng.choice([".png", ".png", ".jpg", ".webp"]))
        after = _written(result, folder / f"result_{number}", suffix)
        changed = (before != after).any(axis=-1) if before.shape == after.shape else np.ones((height, width), bool)
        outside = changed & ~_allowed(result, scene, kind)
        counts = int(changed.sum()), int(outside.sum())
        return Trial(photo, size, mask, kind, suffix[1:], height * width, *counts, refused)
    raise RuntimeError(f"Trial {number} of seed {seed} ({photo}, {size}, {mask}) found nothing to insert.")


def _written(result: InsertResult, stem: Path, suffix: str) -> np.ndarray:
    """The finished picture as a file holds it; of a lossy one the pixels that its encoder was handed."""
    photo = result.photo
    if suffix != ".png" and not (suffix == ".jpg" and photo.has_alpha):
        photo.save(stem.with_suffix(suffix))
        return photo.pixels
    photo.save(stem.with_suffix(".png"))
    return pixels_of(stem.with_suffix(".png"))


def _allowed(result: InsertResult, scene: Scene, inserter: str) -> np.ndarray:
    """``(H, W)`` bool where pixels may differ: what the result says it has painted, and of that no more than the
    finished masks that were given (for a cut-out their boxes), what stands in front left out, and shadows."""
    allowed = np.zeros((scene.height, scene.width), bool)
    for laid in result.plan.objects:
        given = laid.request.mask
        if given is None:
            allowed |= laid.mask
        elif inserter.startswith("paste"):
            allowed |= box_mask(mask_box(given) or (0, 0, 0, 0), scene.height, scene.width) & laid.mask
        else:
            allowed |= given
    if len(result.plan.objects) == 1:
        allowed &= ~scene.covered(result.plan.objects[0].order)
    for layer in result.layers:
        if layer.kind == "shadow" and layer.applied:
            allowed[layer.window.slices] |= layer.touched
    return allowed & result.mask
