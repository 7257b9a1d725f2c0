"""What lies behind others and beyond the border: scenes made so that the hidden part of an object is known.

*Behind*: a whole unseen object is put into another picture's layout, and a third picture's object in front of it.
*Border*: a whole unseen object is moved until the border cuts it. The guide is what a user would see or draw: the
visible part painted, its box, or for the border the whole box, partly outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from smartmask.data.compose import compose
from smartmask.data.pack import Pack
from smartmask.data.shapes import ShapeBank, from_box_frame
from smartmask.data.targets import Protocol, Target, admitted, is_whole
from smartmask.evaluate.baselines import Prediction
from smartmask.evaluate.protocol import Benchmark, ObjectSettings
from smartmask.evaluate.report import RANKS, finish, interval_text, measured, page, ranked, table
from smartmask.evaluate.systems import PIPELINE, assemble
from smartmask.geometry import BoxXYXY, box_iou, mask_box, mask_iou
from smartmask.guides import Box, Guide, MaskGuide
from smartmask.io.bars import watched
from smartmask.io.settings import option
from smartmask.metrics.intervals import mean_interval
from smartmask.scene import Scene

KINDS = {"behind": ("painted", "box"), "border": ("painted", "box")}
SHARES = (0.15, 0.6)  # of the object that is hidden
TRIES = 60  # draws for one scene before the next is tried
SIDES = ("left", "right", "bottom")


class HiddenSettings(ObjectSettings):
    """Scenes made so that the hidden part of an object is known."""

    scenes: int = option(200, "Composed scenes of each kind.", ge=1)
    num_masks: int = option(8, "Samples an object.", ge=2)
    min_area: float = option(0.02, "Smallest object put together, as a share of its image.")


@dataclass(frozen=True, eq=False)
class HiddenCase:
    """One object whose hidden part is known.

    kind: "behind" or "border".  scene: without the object.  order: index in ``scene.layers`` at which it stands.
    true: (H, W) bool, all of it inside the scene.  hidden: (H, W) bool, where other things cover it or could.
    box: of the whole object, also beyond the border.  guides: {"painted": ..., "box": ...}.  image: key of its picture.
    """

    kind: str
    scene: Scene
    order: int
    name: str
    true: np.ndarray
    hidden: np.ndarray
    box: BoxXYXY
    guides: Mapping[str, Guide]
    image: str
    seed: int


# (case, guide, n) -> n masks and, if the system says, whole boxes
HiddenSystem = Callable[[HiddenCase, Guide, int], Prediction]


def hidden_cases(pack: Pack, protocol: Protocol, kind: str, count: int) -> Iterator[HiddenCase]:
    """Up to ``count`` cases of a kind of the protocol's split, by chance from its seed. ValueError without objects."""
    targets = admitted(pack, protocol, protocol.split)
    if len({t.key for t in targets}) < 3:
        raise ValueError(f"The {protocol.split} split of {pack.path} has no three pictures with objects to compose.")
    known: dict[Target, bool] = {}

    def whole(target: Target) -> bool:
        if target not in known:
            known[target] = is_whole(pack, target)
        return known[target]

    found = 0
    for number in range(TRIES * count):
        if found == count:
            return
        rng = np.random.default_rng([protocol.seed, list(KINDS).index(kind), number])
        host, donor, front = (targets[i] for i in rng.integers(0, len(targets), 3))
        if len({host.key, donor.key, front.key}) < 3 or not whole(donor) or (kind == "behind" and not whole(front)):
            continue
        composed = compose(pack.scene(host.record), pack.scene(donor.record).layers[donor.layer], rng, in_front=1.0)
        if composed is None:
            continue
        scene, index = composed
        if kind == "behind":
            made = _behind(scene, index, pack.scene(front.record).layers[front.layer].mask, front.name, donor, rng)
        else:
            made = _border(scene, index, donor, rng)
        if made is not None:
            found += 1
            yield made


def _behind(
    scene: Scene, index: int, cover: np.ndarray, name: str, donor: Target, rng: np.random.Generator
) -> HiddenCase | None:
    """The composed object with another one in front of it; None if no try hides as much as wanted."""
    true = scene.layers[index].mask
    box, own = mask_box(true), mask_box(cover)
    if box is None or own is None:
        return None
    shape = cover[int(own[1]) : int(own[3]), int(own[0]) : int(own[2])].astype(np.uint8) * 255
    for _ in range(TRIES):
        height = max(round((box[3] - box[1]) * rng.uniform(0.5, 1.1)), 4)
        width = max(round(height * shape.shape[1] / shape.shape[0]), 4)
        left = round(rng.uniform(box[0] - width, box[2]))
        bottom = round(box[3] + rng.uniform(0, 0.15) * (box[3] - box[1]))  # what stands lower stands in front
        front = np.zeros_like(true)
        drawn = cv2.resize(shape, (width, height), interpolation=cv2.INTER_LINEAR) > 127
        _paste(front, drawn, left, bottom - height)
        share = np.count_nonzero(true & front) / np.count_nonzero(true)
        if SHARES[0] <= share <= SHARES[1]:
            seen = true & ~front
            visible = mask_box(seen)
            if visible is None:
                continue
            given = scene.remove(index).insert(front, name)
            guides: dict[str, Guide] = {"painted": MaskGuide(seen), "box": Box(*visible)}
            order, seed = len(given.layers) - 1, int(rng.integers(2**40))
            return HiddenCase("behind", _bare(given), order, donor.name, true, front, box, guides, donor.key, seed)
    return None


def _border(scene: Scene, index: int, donor: Target, rng: np.random.Generator) -> HiddenCase | None:
    """The composed object moved until the border cuts off as much as wanted."""
    mask = scene.layers[index].mask
    box = mask_box(mask)
    if box is None:
        return None
    x0, y0, x1, y1 = (int(v) for v in box)
    shape = mask[y0:y1, x0:x1]
    side, share = SIDES[rng.integers(len(SIDES))], rng.uniform(*SHARES)
    along = shape.sum(axis=1 if side == "bottom" else 0)
    lost = np.cumsum(along if side == "left" else along[::-1]) / along.sum()
    cut = int(np.searchsorted(lost, share)) + 1
    if not SHARES[0] <= lost[min(cut, len(lost)) - 1] <= SHARES[1]:
        return None
    left = {"left": -cut, "right": scene.width - (x1 - x0) + cut}.get(side, x0)
    top = scene.height - (y1 - y0) + cut if side == "bottom" else y0
    true = np.zeros_like(mask)
    _paste(true, shape, left, top)
    if not true.any():
        return None
    whole = float(left), float(top), float(left + x1 - x0), float(top + y1 - y0)
    guides: dict[str, Guide] = {"painted": MaskGuide(true), "box": Box(*whole)}
    given, seed = _bare(scene.remove(index)), int(rng.integers(2**40))
    nothing = np.zeros_like(true)
    return HiddenCase("border", given, len(given.layers), donor.name, true, nothing, whole, guides, donor.key, seed)


def _paste(canvas: np.ndarray, shape: np.ndarray, left: int, top: int) -> None:
    """Set the pixels of a small mask at a place, in place; what leaves the canvas is cut."""
    height, width = canvas.shape
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + shape.shape[1], width), min(top + shape.shape[0], height)
    if x0 < x1 and y0 < y1:
        canvas[y0:y1, x0:x1] |= shape[y0 - top : y1 - top, x0 - left : x1 - left]


def _bare(scene: Scene) -> Scene:
    """Without photograph and caption, as systems see it."""
    return Scene(scene.height, scene.width, scene.layers)


# --- systems ---------------------------------------------------------------------------------------


def unfitted(bank: ShapeBank) -> HiddenSystem:
    """The baseline: the class's outlines of the nearest aspect, put into the guide's box as they are."""

    def system(case: HiddenCase, guide: Guide, n: int) -> Prediction:
        height, width = case.true.shape
        box = guide.extent(height, width)
        rows = bank.outlines.nearest(case.name, (box[2] - box[0]) / (box[3] - box[1]), n, least=n)
        masks = np.stack([from_box_frame(shape, box, height, width) for shape in bank.outlines.shapes(rows)])
        return Prediction(masks, boxes=[box] * len(masks))

    return system


def asked_behind(pipe: Any) -> HiddenSystem:
    """The pipeline, told at which depth the object stands."""

    def system(case: HiddenCase, guide: Guide, n: int) -> Prediction:
        out = pipe(case.scene, prompt=case.name, guidance=guide, num_masks=n, generator=case.seed, order=case.order)
        return Prediction(np.asarray(out.masks), np.asarray(out.scores), boxes=out.boxes)

    return system


# --- figures ---------------------------------------------------------------------------------------


def figures_of(case: HiddenCase, answer: Prediction) -> dict[str, np.ndarray]:
    """{figure: (n,)} of an answer, in its order.

    hidden: IoU where the thing in front covers (behind only).  inside: IoU of all that lies in the scene.  box: IoU of
    the whole box, beyond the border too; the mask's own box where the system does not say.
    """
    masks = np.asarray(answer.masks, dtype=bool)
    boxes = [mask_box(mask) for mask in masks] if answer.boxes is None else list(answer.boxes)
    found = {
        "inside": np.array([mask_iou(mask, case.true) for mask in masks]),
        "box": np.array([0.0 if box is None else box_iou(box, case.box) for box in boxes]),
    }
    if case.kind == "behind":
        found["hidden"] = np.array([mask_iou(mask & case.hidden, case.true & case.hidden) for mask in masks])
    return found


def hidden_report(cases: Iterable[HiddenCase], systems: Mapping[str, HiddenSystem], num_masks: int) -> dict[str, Any]:
    """{kind: {guide: {system: {figure: {first, mean, best}}}}}, each an interval over images; and counts."""
    rows: dict[tuple[str, str, str, str, str], list[float]] = {}
    images: dict[str, list[str]] = {}
    for case in cases:
        images.setdefault(case.kind, []).append(case.image)
        for guide in KINDS[case.kind]:
            for name, system in systems.items():
                answer = system(case, case.guides[guide], num_masks)
                for figure, values in figures_of(case, answer).items():
                    for rank, value in ranked(values).items():
                        rows.setdefault((case.kind, guide, name, figure, rank), []).append(float(value))
    found: dict[str, Any] = {"scenes": {kind: len(some) for kind, some in images.items()}}
    for (kind, guide, name, figure, rank), scores in rows.items():
        at = found.setdefault(kind, {}).setdefault(guide, {}).setdefault(name, {}).setdefault(figure, {})
        at[rank] = mean_interval(scores, np.array(images[kind]))
    return found


def hidden_lines(found: Mapping[str, Any]) -> list[str]:
    """The report as Markdown tables."""
    titles = {
        ("behind", "painted"): "Behind another thing, the visible part painted",
        ("behind", "box"): "Behind another thing, the visible part's box",
        ("border", "painted"): "Cut by the border, the part inside painted",
        ("border", "box"): "Cut by the border, the whole box, partly outside",
    }
    says = {"hidden": "hidden part", "inside": "all in the scene", "box": "whole box"}
    lines: list[str] = []
    for (kind, guide), title in titles.items():
        if kind not in found:
            continue
        systems = found[kind][guide]
        figures = [f for f in says if f in next(iter(systems.values()))]
        heads = ["system", *(f"{says[f]}: {rank}" for f in figures for rank in RANKS)]
        rows = [[name, *(interval_text(s[f][rank]) for f in figures for rank in RANKS)] for name, s in systems.items()]
        lines += [f"## {title}: {found['scenes'][kind]} scenes", "", *table(heads, rows), ""]
    return lines


def run(settings: HiddenSettings) -> None:
    """Overlap of what others or the border hide with the truth, beside outlines put in the box as they are."""
    protocol = settings.protocol()
    pack = Pack(settings.data)
    asked = assemble((PIPELINE,), pack, protocol, settings)
    cases = [case for kind in KINDS for case in hidden_cases(pack, protocol, kind, settings.scenes)]
    systems = {PIPELINE: asked_behind(asked.pipe), "unfitted": unfitted(asked.bank)}
    found = hidden_report(watched("scenes", cases), systems, settings.num_masks)
    report = measured("hidden", settings.split, asked.about)
    report |= {"num_masks": settings.num_masks, "seed": settings.seed, "results": found}
    about = (
        "Whole unseen objects put into other unseen layouts, 15 to 60 % of each hidden by a third picture's object in "
        "front or by the border. IoU, 95 % bootstrap by image. Unfitted: the class's outlines of the nearest aspect in "
        "the guide's box."
    )
    title = f"Hidden parts: {settings.num_masks} masks an object"
    finish("hidden", report, page(title, report, about, hidden_lines(found)), settings)


BENCHMARK = Benchmark("hidden", HiddenSettings, run)
