"""Instruction data for a vision-language planner: layout so far and text -> next object, in LLaVA's own JSON.

As in SmartMask (arXiv 2312.05039, section 3.3) a sample is a layout picture, a caption and the objects so far; the
wording, and that a box is part of the answer, are ours. The pictures are coloured layouts, no photographs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from smartmask.data.pairs import context_of
from smartmask.data.record import Record
from smartmask.export.pictures import scene_colours
from smartmask.geometry import mask_box
from smartmask.image.files import save_png
from smartmask.io.publish import save_json, staging
from smartmask.io.settings import Settings, argument, option, required
from smartmask.plan.language.phrases import Request, Wanted
from smartmask.plan.planners.answers import INSTRUCTION, question
from smartmask.plan.planners.interface import PlanState
from smartmask.scene import Layer, Scene
from smartmask.scene.categories import clean_name

SIDE = 336  # longer side of the pictures: what LLaVA-1.5's vision tower sees
STEPS = 4  # samples of a scene
LEAST = 0.001  # share of the picture below which a layer is left out


class InstructJob(Settings):
    """Instruction data of packed scenes, into a folder."""

    pack: Path = argument("Packed layouts ('smartmask data pack').", metavar="PACK")
    out: Path = required("Folder for llava.json and images/.", metavar="DIR")
    split: str = option("train", "train, dev or test.")
    sources: str = option("coco_panoptic,coco_instances", "Whose scenes, separated by commas.")
    limit: int = option(0, "Scenes at most; 0: all.", ge=0)
    seed: int = option(0, "Of the steps that are shown.", ge=0)

    def run(self) -> dict[str, int]:
        """Numbers of scenes and samples. Raises ValueError where the pack has no such scene."""
        from smartmask.data.pack import Pack  # needs pyarrow

        packed, wanted = Pack(self.pack), {name.strip() for name in self.sources.split(",")}
        meta = packed.meta
        chosen = [i for i in range(len(packed)) if meta.splits[i] == self.split and meta.sources[i] in wanted]
        if not chosen:
            raise ValueError(
                f"{self.pack} has no scene of {self.sources} in its split '{self.split}'; give other --sources or "
                "--split."
            )
        with staging(self.out) as folder:
            return write_instructions((packed[i] for i in chosen[: self.limit or None]), folder, self.seed)


def write_instructions(
    records: Iterable[Record], folder: Path, seed: int = 0, advance: Callable[[], None] = lambda: None
) -> dict[str, int]:
    """``llava.json`` and ``images/`` into a folder; returns numbers of scenes and samples.

    llava.json: a list of {"id", "image", "conversations": [{"from": "human", "value"}, {"from": "gpt", "value"}]}.
    Raises ValueError if no scene has two layers.
    """
    rng = np.random.default_rng(seed)
    samples: list[dict[str, Any]] = []
    scenes = 0
    for record in records:
        found = _samples_of(record, scenes, folder, rng)
        scenes += bool(found)
        samples += found
        advance()
    if not samples:
        raise ValueError("There is no scene with two layers to make instructions of; give other data.")
    save_json(samples, folder / "llava.json")
    return {"scenes": scenes, "samples": len(samples)}


def _samples_of(record: Record, number: int, folder: Path, rng: np.random.Generator) -> list[dict[str, Any]]:
    scene = ordered(record.scene)
    count = len(scene.layers)
    if count < 2:
        return []
    steps = sorted(int(step) for step in rng.choice(count + 1, size=min(STEPS, count + 1), replace=False))
    caption = str(rng.choice(record.captions)) if record.captions else context_of(scene)
    samples = []
    for step in steps:
        name = f"images/{number:06d}_{step:02d}.png"
        so_far = scene.stack(step)
        picture = scene_colours(so_far)
        factor = SIDE / max(picture.shape[:2])
        size = max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor))
        save_png(cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST), folder / name)
        rest = scene.layers[step:] if rng.random() < 0.5 else ()  # half the time the text names what is missing
        asked = f"<image>\n{INSTRUCTION}\n\n{question(PlanState(so_far, _request(caption, rest)))}"
        samples.append(
            {
                "id": f"{number:06d}_{step:02d}", "image": name,
                "conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": answer(scene, step)}],
            }
        )  # fmt: skip
    return samples


def ordered(scene: Scene) -> Scene:
    """The scene's layers that are large enough: stuff first, then things by their lower edge."""
    rows: list[tuple[bool, float, int, Layer]] = []
    for index, layer in enumerate(scene.layers):
        box = mask_box(layer.mask)
        if box is not None and layer.mask.mean() >= LEAST:
            rows.append((layer.thing, box[3] if layer.thing else -float(layer.mask.sum()), index, layer))
    return replace(scene, layers=tuple(row[3] for row in sorted(rows, key=lambda row: row[:3])))


def _request(caption: str, rest: Sequence[Layer]) -> Request:
    things = [clean_name(layer.name) for layer in rest if layer.thing]
    return Request(caption, tuple(Wanted(name, f"{name} {i}") for i, name in enumerate(things)))


def answer(scene: Scene, step: int) -> str:
    """What the planner should say when the first ``step`` layers are drawn."""
    if step == len(scene.layers):
        return json.dumps({"object": "none"})
    layer = scene.layers[step]
    x0, y0, x1, y1 = mask_box(layer.mask) or (0.0, 0.0, 0.0, 0.0)
    shares = [round(v, 2) for v in (x0 / scene.width, y0 / scene.height, x1 / scene.width, y1 / scene.height)]
    kind = "stands in the scene" if layer.thing else "is part of the background"
    name = clean_name(layer.name)
    return json.dumps({"object": name, "why": f"The {name} {kind}.", "box": shares, "relation": None})
