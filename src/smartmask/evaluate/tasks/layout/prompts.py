"""Layouts against NSR-1K's prompts: are the objects there, as many as asked for, where the text wants them?

Rules of NSR-1K (Feng et al., NeurIPS 2023), written apart from the rules that layouts are arranged by: a relation is
the direction from the second centre to the first, within 45 degrees of an axis ("left", "right", "top", "bottom");
"next to" is left or right. All 738 + 283 annotated pairs with a box keep them. A prompt of two names is right if both
are drawn and any pair of them keeps the relation. A counting prompt is right if every annotated class has exactly its
number; one that compares two classes, as in LayoutGPT's own evaluation, if the first has its number and the second
more or fewer, as annotated.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.splits import coco_key, split_of
from smartmask.geometry import BoxXYXY, mask_box
from smartmask.io.bars import watched
from smartmask.io.reading import read_json
from smartmask.metrics.intervals import bootstrap_interval
from smartmask.metrics.layouts import box_overlap
from smartmask.plan.language.phrases import parse
from smartmask.plan.layouts.arrange import arrange
from smartmask.plan.layouts.furnish import furnished
from smartmask.plan.layouts.ground import fit_zoom, read_ground
from smartmask.plan.layouts.pipeline import draw_layout, surfaces_of
from smartmask.plan.layouts.stuff import StuffField
from smartmask.plan.layouts.surfaces import draw_surfaces
from smartmask.plan.planners.given import drawing_order
from smartmask.text.encoder import TextEncoder

Drawn = list[tuple[str, BoxXYXY]]  # names and boxes of a layout's objects
HEIGHT, WIDTH = 192, 256  # of the layouts that are measured


@dataclass(frozen=True)
class Prompt:
    """One prompt. counts: annotated classes; relation: (first name, kind, second name) or None; kind: its sub-type.

    split: of the COCO picture that it was taken from. number: NSR-1K's id of it.
    """

    text: str
    counts: dict[str, int]
    relation: tuple[str, str, str] | None
    kind: str
    split: str = "test"
    number: int = -1


Drawer = Callable[[Prompt, int], Sequence[Drawn]]  # layouts of a prompt, for a seed; none: it is not to be judged


def read_prompts(folder: Path, split: str = "val") -> list[Prompt]:
    """The spatial and counting prompts of an NSR-1K folder; ValueError if a file is missing or not as expected."""
    prompts = []
    for name in ("spatial", "counting"):
        path = Path(folder) / f"{name}.{split}.json"
        if not path.is_file():
            raise ValueError(f"{path} does not exist; give the folder with NSR-1K's spatial and counting prompts.")
        try:
            for row in read_json(path):
                prompts.append(_prompt(row))
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"{path} is not in NSR-1K's format ({error!r}).") from None
    return prompts


# Plurals as the data set's templates make them: an s behind whatever the name is.
PLURALS = {
    "buss": "buses",
    "benchs": "benches",
    "couchs": "couches",
    "sandwichs": "sandwiches",
    "broccolis": "broccoli",
}


def _mended(prompt: str) -> str:
    """A prompt with the plurals that people write."""
    return re.sub(rf"\b({'|'.join(PLURALS)})\b", lambda found: PLURALS[found[1]], prompt)


def _prompt(row: dict[str, Any]) -> Prompt:
    known = int(row["image_id"]) >= 0  # some prompts come without a picture
    split = split_of(coco_key(row["image_id"]) if known else str(row["prompt"]))
    number = int(row["id"])
    if "relation" in row:
        first, second = str(row["obj1"][0]), str(row["obj2"][0])
        counts = Counter([first, second])
        return Prompt(
            _mended(row["prompt"]), dict(counts), (first, row["relation"], second), f"spatial, {row['type']}", split,
            number,
        )  # fmt: skip
    counts = Counter({str(name): int(count) for name, count in row["num_object"]})
    return Prompt(_mended(row["prompt"]), dict(counts), None, f"counting, {row['sub-type']}", split, number)


DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}  # to the first, y downwards


def keeps(kind: str, a: BoxXYXY, b: BoxXYXY) -> bool:
    """Whether two boxes keep an NSR-1K relation (left, right, top, bottom, next to); see the module's text."""
    if kind == "next to":
        return keeps("left", a, b) or keeps("right", a, b)
    if kind not in DIRECTIONS:
        raise ValueError(f"NSR-1K has no relation '{kind}'; it has {', '.join(DIRECTIONS)} and next to.")
    across, down = ((a[axis] + a[axis + 2] - b[axis] - b[axis + 2]) / 2 for axis in (0, 1))
    along = across * DIRECTIONS[kind][0] + down * DIRECTIONS[kind][1]
    return along > 0 and 2 * along**2 > across**2 + down**2  # the cosine is above the root of 1/2


def judge(prompt: Prompt, drawn: Drawn, text: TextEncoder) -> dict[str, float]:
    """Figures of one layout in [0, 1]: ``right``, precision and recall of the named classes' numbers, ``overlap``."""
    names = [(text.understand(name).name, box) for name, box in drawn]
    meant = {text.understand(name).name: number for name, number in prompt.counts.items()}
    have = Counter(name for name, _ in names)
    common = sum(min(have[name], number) for name, number in meant.items())
    figures = {
        "class_precision": common / max(sum(have.values()), 1),
        "class_recall": common / max(sum(meant.values()), 1),
        "overlap": box_overlap([box for _, box in drawn]),
    }
    if prompt.relation is None:
        drawn_counts = [have[name] for name in meant]
        figures["right"] = float(_numbers_right(drawn_counts, [*meant.values()], prompt.kind.endswith("comparison")))
        return figures
    first, kind, second = prompt.relation
    a, b = text.understand(first).name, text.understand(second).name
    pairs = [(p, q) for i, (n, p) in enumerate(names) for j, (m, q) in enumerate(names) if n == a and m == b and i != j]
    figures["right"] = float(any(keeps(kind, p, q) for p, q in pairs))
    return figures


def _numbers_right(have: Sequence[int], meant: Sequence[int], compared: bool) -> bool:
    if compared and len(meant) == 2 and meant[0] != meant[1]:
        return have[0] == meant[0] and (have[0] - have[1]) * (meant[0] - meant[1]) > 0
    return list(have) == list(meant)


def arranged(text: TextEncoder, field: StuffField, related: bool = True) -> Drawer:
    """Places without masks, which is what decides; without ``related`` each object ignores the text's relations."""

    def draw(prompt: Prompt, seed: int) -> list[Drawn]:
        try:
            request = parse(prompt.text, text)
        except ValueError:
            return [[]]
        names, _ = surfaces_of(request)
        request, _ = furnished(request, names)
        scene = draw_surfaces(field, text, names, HEIGHT, WIDTH, seed, tries=2)
        ground = fit_zoom(read_ground(scene), [item.name for item in request.things], text)
        order = drawing_order(request)
        if not related:
            request = type(request)(request.text, request.objects, (), request.setting)
        placed = arrange(request, order, ground, text, (), seed, restarts=4)
        return [[(item.name, item.box) for item in placed if request.find(item.key).said]]

    return draw


def drawn_with(pipeline: Any, field: StuffField) -> Drawer:
    """Whole layouts, judged by the boxes of their masks."""

    def draw(prompt: Prompt, seed: int) -> list[Drawn]:
        try:
            layout = draw_layout(prompt.text, HEIGHT, WIDTH, pipeline, field, generator=seed, num_masks=2)
        except ValueError:
            return [[]]
        said = {item.key for item in layout.request.things if item.said}
        boxes = [(item.name, mask_box(item.mask)) for item in layout.items if item.key in said]
        return [[(name, box) for name, box in boxes if box is not None]]

    return draw


def layout_figures(
    prompts: Sequence[Prompt], drawers: dict[str, Drawer], text: TextEncoder, seed: int = 0
) -> dict[str, dict[str, dict[str, float]]]:  # fmt: skip
    """{system: {kind of prompt: figures}}, each the mean over prompts, with their number and a 95 % interval."""
    report: dict[str, dict[str, dict[str, float]]] = {}
    for system, draw in drawers.items():
        rows: dict[str, list[dict[str, float]]] = {}
        for number, prompt in enumerate(watched(system, prompts)):
            judged = [judge(prompt, drawn, text) for drawn in draw(prompt, seed + number)]
            for kind in (prompt.kind, prompt.kind.split(",")[0]) if judged else ():
                mean = {key: float(np.mean([figures[key] for figures in judged])) for key in judged[0]}
                rows.setdefault(kind, []).append(mean)
        report[system] = {kind: _mean(found) for kind, found in sorted(rows.items())}
    return report


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    right = bootstrap_interval(np.array([row["right"] for row in rows]))
    others = {key: float(np.mean([row[key] for row in rows])) for key in ("class_precision", "class_recall", "overlap")}
    return {
        "prompts": float(len(rows)),
        "right": right.mean,
        **others,
        "right_low": right.low,
        "right_high": right.high,
    }
