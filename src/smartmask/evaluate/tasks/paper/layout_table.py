"""Layouts for segmentation-to-image: SmartMask's beside scribbled ones (the paper's section on layout control).

Each test photograph's layout is drawn again thing by thing from back to front: by SmartMask in each thing's box, by a
person's rough hand (``guides/hand.py``), and as plain boxes and ellipses; the real layout is the bound. A picture model
with a segmentation ControlNet paints each, and the pictures are judged beside the photographs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from smartmask.data.record import Record
from smartmask.data.targets import Target
from smartmask.evaluate.report import interval_text, table
from smartmask.evaluate.tasks.insertion.makers import centred_shape
from smartmask.evaluate.tasks.insertion.report import fid_text, kid_text
from smartmask.evaluate.tasks.paper.cache import digest_of
from smartmask.evaluate.tasks.paper.cells import LazySystem
from smartmask.evaluate.tasks.paper.models import Model
from smartmask.evaluate.tasks.paper.published import NOT_AT_HAND, SMARTMASK
from smartmask.evaluate.tasks.paper.run import FID, Run, Table
from smartmask.export.pictures import scene_colours
from smartmask.geometry import BoxXYXY, box_mask, mask_box, mask_iou, rle_decode, rle_encode
from smartmask.guides import Box
from smartmask.guides.hand import roughen
from smartmask.image.files import load_photo
from smartmask.image.sheets import contact_sheet
from smartmask.io.bars import watched
from smartmask.metrics.galleries import gallery_distances
from smartmask.metrics.intervals import mean_interval
from smartmask.scene import Scene

MOST = 12  # things of a scene that are drawn again, the largest; the others are left out of every layout
DrawMask = Callable[[Scene, str, np.ndarray, BoxXYXY, int], np.ndarray]
NOTES = (
    "Every layout has the same stuff, the same things in one order, and each thing in its own box; the sentence is the "
    "photograph's first caption, else its names.",
    "IoU of things: visible parts against the real layout's. Scribbled: the real mask grown and lumpy, as a hand "
    "paints it, so it knows the shape, which SmartMask does not.",
    "CLIP score: whole picture and sentence.",
)


def layout_table(run: Run) -> Table:
    """Layouts by SmartMask, by a rough hand, and plain, painted by segmentation-to-image."""
    scenes = _scenes(run)
    drawers: dict[str, DrawMask] = {"real layout": lambda scene, name, real, box, seed: real}
    for model in run.roster.of("masks"):
        drawers[run.named(model)] = _by_model(run, model)
    drawers["scribbled"] = _scribbled
    drawers["ellipses"] = lambda scene, name, real, box, seed: centred_shape(
        box, round(np.pi / 4 * _room(box)), real.shape
    )
    drawers["boxes"] = lambda scene, name, real, box, seed: box_mask(box, *real.shape)
    layouts = {
        name: [_redrawn(item, draw) for item in watched(f"layouts, {name}", scenes)] for name, draw in drawers.items()
    }
    rows: dict[str, dict[str, Any]] = {}
    tiles = {number: [load_photo(item.photo), *(scene_colours(layouts[name][number]) for name in drawers)]
             for number, item in enumerate(scenes[: run.shown])}  # fmt: skip
    for name, drawn in layouts.items():
        rows[name] = _overlap(scenes, drawn)
    painted: dict[str, dict[str, Any]] = {}
    for model in run.roster.of("pictures"):
        painter = _Painter(run, model)
        for name, drawn in layouts.items():
            pictures = [
                painter(item, scene) for item, scene in zip(watched(f"pictures, {name}", scenes), drawn, strict=True)
            ]
            painted[f"{run.named(model)}, {name}"] = _judged(run, scenes, pictures)
            for number, some in tiles.items():
                some.append(pictures[number])
    captions = ["photograph", *drawers, *(name for name in painted)]
    page = contact_sheet([t for some in tiles.values() for t in some], captions * len(tiles), columns=len(captions))
    notes = [NOT_AT_HAND.format(paper=SMARTMASK), *NOTES, *([FID] if painted else [])]
    data = {"layouts": rows, "pictures": painted}
    return Table(_lines(rows, painted), data, notes, {"layouts": page})


class _Item:
    """One photograph's layout: scene (its MOST largest things and all stuff), sentence, photo's path, seed."""

    def __init__(self, record: Record, target: Target, seed: int) -> None:
        things = [i for i, layer in enumerate(record.scene.layers) if layer.thing]
        sizes = {i: int(np.count_nonzero(record.scene.layers[i].mask)) for i in things}
        kept = set(sorted(things, key=lambda i: (-sizes[i], i))[:MOST])
        layers = tuple(layer for i, layer in enumerate(record.scene.layers) if not layer.thing or i in kept)
        self.scene = Scene(record.scene.height, record.scene.width, layers)
        names = dict.fromkeys(layer.name for layer in reversed(layers))
        self.sentence = record.captions[0] if record.captions else "a photo of " + ", ".join(names)
        assert record.image is not None
        self.photo, self.code = record.image, f"{target.source}/{target.key}"
        self.seed = replace(target, name="layout").number(seed)


def _scenes(run: Run) -> list[_Item]:
    firsts: dict[str, tuple[Record, Target]] = {}
    for record, target in run.found:
        firsts.setdefault(f"{target.source}/{target.key}", (record, target))
    return [_Item(record, target, run.protocol.seed) for record, target in firsts.values()]


def _room(box: BoxXYXY) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


# --- who draws -------------------------------------------------------------------------------------


def _redrawn(item: _Item, draw: DrawMask) -> Scene:
    """The layout with its stuff as it is and each thing drawn anew, from back to front, onto what is there by then."""
    scene = Scene(item.scene.height, item.scene.width, tuple(x for x in item.scene.layers if not x.thing))
    for number, layer in enumerate(item.scene.layers):
        box = mask_box(layer.mask) if layer.thing else None
        if box is not None:
            scene = scene.insert(draw(scene, layer.name, layer.mask, box, item.seed + number), layer.name, None)
    return scene


def _by_model(run: Run, model: Model) -> DrawMask:
    system = LazySystem(model)

    def draw(scene: Scene, name: str, real: np.ndarray, box: BoxXYXY, seed: int) -> np.ndarray:
        parts = ["layout mask", model.identity, _digest(scene), name, list(box), seed, run.protocol.num_masks]

        def suggested() -> dict[str, Any]:
            answer = system(scene, name, Box(*box), run.protocol.num_masks, seed)
            return {"mask": rle_encode(np.asarray(answer.masks[0], dtype=bool))}

        return rle_decode(run.cache.record(parts, suggested)["mask"])

    return draw


def _scribbled(scene: Scene, name: str, real: np.ndarray, box: BoxXYXY, seed: int) -> np.ndarray:
    return roughen(real, np.random.default_rng(seed)) > 0


def _digest(scene: Scene) -> str:
    return digest_of(scene.top()) + "/" + "/".join(layer.name for layer in scene.layers)


class _Painter:
    """A segmentation-to-image model whose pictures are looked up; loaded when one is missing."""

    def __init__(self, run: Run, model: Model) -> None:
        self.run, self.model = run, model
        self.options = {"device": run.device, "dtype": run.dtype, **model.options}
        self.asked = {
            "steps": self.options.pop("steps", run.steps),
            "guidance_scale": self.options.pop("guidance_scale", run.guidance_scale),
        }

    @cached_property
    def painter(self) -> Any:
        from smartmask.insertion.stable_diffusion.picture import LayoutPainter

        return LayoutPainter.from_pretrained(self.model.path, **self.options)

    def __call__(self, item: _Item, scene: Scene) -> np.ndarray:
        """``(H, W, 3)`` uint8 of the scene's size."""
        parts = ["picture", self.model.identity, _digest(scene), item.sentence, item.seed, self.asked]
        seed = item.seed % 2**32

        def painted() -> np.ndarray:
            return np.asarray(self.painter(scene, item.sentence, generator=seed, **self.asked).image)

        return self.run.cache.picture(parts, painted)


# --- figures ---------------------------------------------------------------------------------------


def _overlap(scenes: Sequence[_Item], drawn: Sequence[Scene]) -> dict[str, Any]:
    values, images = [], []
    for item, scene in zip(scenes, drawn, strict=True):
        real = [i for i, layer in enumerate(item.scene.layers) if layer.thing]
        made = [i for i, layer in enumerate(scene.layers) if layer.thing]
        pairs = zip(real, made, strict=True)
        ious = [mask_iou(item.scene.visible(a), scene.visible(b)) for a, b in pairs if item.scene.visible(a).any()]
        values += ious
        images += [item.code] * len(ious)
    return {"scenes": len(scenes), "things": len(values), "iou": mean_interval(values, np.array(images))}


def _judged(run: Run, scenes: Sequence[_Item], pictures: Sequence[np.ndarray]) -> dict[str, Any]:
    images = np.array([item.code for item in scenes])
    found: dict[str, Any] = {"scenes": len(scenes), "clip": None}
    if run.judges.clip is not None:
        scores = run.judges.clip.of_texts(pictures, [item.sentence for item in scenes])
        found["clip"] = mean_interval(scores.tolist(), images)
    if run.judges.features is not None and len(scenes) > 1:
        photos = [load_photo(item.photo) for item in scenes]
        found["fid"] = gallery_distances(run.judges.features(photos), run.judges.features(pictures), images)
    return found


def _lines(rows: Mapping[str, Mapping[str, Any]], painted: Mapping[str, Mapping[str, Any]]) -> list[str]:
    cells = [[name, str(r["scenes"]), str(r["things"]), interval_text(r["iou"])] for name, r in rows.items()]
    lines = table(["layout", "scenes", "things", "IoU of things"], cells)
    if not painted:
        return [*lines, "", "No picture model with a segmentation ControlNet is among the models: nothing was painted."]
    pictures = []
    for name, r in painted.items():
        figures = [fid_text(r.get("fid")), kid_text(r.get("fid")), interval_text(r["clip"])]
        pictures.append([name, str(r["scenes"]), *figures])
    return [*lines, "", *table(["picture", "scenes", "FID", "KID x 1000", "CLIP score"], pictures)]
