"""Instruction data for a vision-language planner: layout so far and text -> next object, in LLaVA's own JSON.

As in SmartMask (arXiv 2312.05039, section 3.3) a sample is a layout picture, a caption and the objects so far; the
wording, and that a box is part of the answer, are ours. The pictures are coloured layouts, no photographs.

An answer is JSON on one line, ``{"object": NAME, "why": SENTENCE, "box": [x0, y0, x1, y1], "relation": null}``. The
place is the box of the whole layer in shares of the picture, x to the right, y from the top, x1 and y1 exclusive, to
PLACES decimals: ``[0.10, 0.40, 0.60, 0.80]`` begins a tenth from the left and two fifths from the top. After the last
object the answer is ``{"object": "none"}``. ``plan/planners/answers.py`` reads it back.

What is to come must show in nothing but the answer: not in the words (``captions.py``), nor as holes in what is drawn
(``seen_so_far``). ``smartmask eval questions`` measures the first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import field_validator

from smartmask.data.pairs import context_of
from smartmask.data.record import Record
from smartmask.export.pictures import scene_colours
from smartmask.geometry import mask_box
from smartmask.image.files import save_png
from smartmask.io.package import BUNDLED_TEXT
from smartmask.io.publish import save_json, staging
from smartmask.io.sentences import short_repr
from smartmask.io.settings import Settings, argument, option, required
from smartmask.plan.language.phrases import Request, Wanted
from smartmask.plan.planners.answers import INSTRUCTION, question
from smartmask.plan.planners.interface import PlanState
from smartmask.scene import Layer, Scene
from smartmask.scene.categories import clean_name
from smartmask.text.encoder import TextEncoder
from smartmask.train.captions import TEXTS, caption_of_drawn

SIDE = 336  # longer side of the pictures: what LLaVA-1.5's vision tower sees
STEPS = 4  # samples of a scene
PLACES = 2  # decimals of a box
LEAST = 0.001  # share of the picture below which a layer is left out


class InstructJob(Settings):
    """Instruction data of packed scenes, into a folder."""

    pack: Path = argument("Packed layouts ('smartmask data pack').", metavar="PACK")
    out: Path = required("Folder for llava.json and images/.", metavar="DIR")
    split: str = option("train", "train, dev or test.")
    sources: str = option("coco_panoptic,coco_instances", "Whose scenes, separated by commas.")
    limit: int = option(0, "Scenes at most; 0: all.", ge=0)
    texts: str = option(
        ",".join(TEXTS),
        "What questions say of the picture: none, drawn (what is there), whole (its caption); each at random.",
    )
    seed: int = option(0, "Of the steps that are shown, and of their texts.", ge=0)

    @field_validator("texts")
    @classmethod
    def _texts(cls, value: str) -> str:
        for name in value.split(","):
            if name.strip() not in TEXTS:
                raise ValueError(f"There is no text {short_repr(name.strip())}; give some of {', '.join(TEXTS)}.")
        return value

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
            texts = tuple(dict.fromkeys(name.strip() for name in self.texts.split(",")))
            return write_instructions((packed[i] for i in chosen[: self.limit or None]), folder, self.seed, texts)


def write_instructions(
    records: Iterable[Record], folder: Path, seed: int = 0, texts: Sequence[str] = TEXTS,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, int]:  # fmt: skip
    """``llava.json`` and ``images/`` into a folder; returns numbers of scenes and samples.

    llava.json: a list of {"id", "image", "text", "conversations": [{"from": "human", "value"}, {"from": "gpt",
    "value"}]}; text: which of TEXTS the question has. Raises ValueError if no scene has two layers.
    """
    rng, encoder = np.random.default_rng(seed), TextEncoder.from_pretrained(BUNDLED_TEXT)
    samples: list[dict[str, Any]] = []
    scenes = 0
    for record in records:
        found = _samples_of(record, scenes, folder, rng, encoder, texts)
        scenes += bool(found)
        samples += found
        advance()
    if not samples:
        raise ValueError("There is no scene with two layers to make instructions of; give other data.")
    save_json(samples, folder / "llava.json")
    return {"scenes": scenes, "samples": len(samples)}


def _samples_of(
    record: Record, number: int, folder: Path, rng: np.random.Generator, encoder: TextEncoder, texts: Sequence[str]
) -> list[dict[str, Any]]:
    scene = ordered(record.scene)
    count = len(scene.layers)
    if count < 2:
        return []
    steps = sorted(int(step) for step in rng.choice(count + 1, size=min(STEPS, count + 1), replace=False))
    samples = []
    for step in steps:
        name = f"images/{number:06d}_{step:02d}.png"
        so_far = seen_so_far(scene, step, record.modal)
        picture = scene_colours(so_far)
        factor = SIDE / max(picture.shape[:2])
        size = max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor))
        save_png(cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST), folder / name)
        text = str(rng.choice(list(texts)))
        asked = asked_for(scene, step, so_far, text, record.captions, encoder, rng)
        samples.append(
            {
                "id": f"{number:06d}_{step:02d}", "image": name, "text": text,
                "conversations": [{"from": "human", "value": f"<image>\n{INSTRUCTION}\n\n{question(asked)}"},
                                  {"from": "gpt", "value": answer(scene, step)}],
            }
        )  # fmt: skip
    return samples


def asked_for(
    scene: Scene, step: int, so_far: Scene, text: str, captions: Sequence[str], encoder: TextEncoder,
    rng: np.random.Generator,
) -> PlanState:  # fmt: skip
    """What a planner is asked with after the first ``step`` layers of an ordered scene. so_far: of ``seen_so_far``."""
    caption = str(rng.choice(list(captions))) if captions else context_of(scene)
    if text == "whole":
        rest = scene.layers[step:] if rng.random() < 0.5 else ()  # half the time the text names what is missing
        return PlanState(so_far, _request(caption, rest))
    if text == "drawn":
        names = [layer.name for layer in so_far.layers]
        return PlanState(so_far, Request(caption_of_drawn(caption, names, encoder), ()))
    return PlanState(so_far, Request("", ()))


def seen_so_far(scene: Scene, step: int, modal: bool = True) -> Scene:
    """The first ``step`` layers as they would look if nothing else stood in the picture.

    modal: masks are visible parts, so what comes later has left holes of its own shape in what is drawn; a planner
    must not read it there, as no layout that is still to be drawn has such holes. A hole within a thing's convex hull
    is the thing's; all else that nothing drawn covers goes to the nearest surface, if one is drawn.
    """
    drawn = list(scene.layers[:step])
    if not modal or not drawn:
        return replace(scene, layers=tuple(drawn))
    covered = np.any([layer.mask for layer in drawn], axis=0)
    later = ~covered
    for index, layer in enumerate(drawn):
        if layer.thing:
            hole = later & _hull(layer.mask)
            drawn[index], later = Layer(layer.name, layer.mask | hole, layer.thing), later & ~hole
    surfaces = [index for index, layer in enumerate(drawn) if not layer.thing]
    if surfaces and later.any():
        from scipy.ndimage import distance_transform_edt  # half a second that only this needs

        owner = np.full(later.shape, -1, np.int32)
        for index in surfaces:
            owner[drawn[index].mask] = index
        rows, columns = distance_transform_edt(owner < 0, return_distances=False, return_indices=True)
        nearest = owner[rows, columns]
        for index in surfaces:
            drawn[index] = Layer(drawn[index].name, drawn[index].mask | (later & (nearest == index)), False)
    return replace(scene, layers=tuple(drawn))


def _hull(mask: np.ndarray) -> np.ndarray:
    """``(H, W)`` bool: the convex hull of a mask that is not empty."""
    points = np.argwhere(mask)[:, ::-1].astype(np.int32)
    filled = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(filled, cv2.convexHull(points), 1)
    return filled.astype(bool)


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
    shares = [round(v, PLACES) for v in (x0 / scene.width, y0 / scene.height, x1 / scene.width, y1 / scene.height)]
    kind = "stands in the scene" if layer.thing else "is part of the background"
    name = clean_name(layer.name)
    return json.dumps({"object": name, "why": f"The {name} {kind}.", "box": shares, "relation": None})
