"""Where objects could stand, judged on every fully labelled scene: five folds by image.

The fixed split leaves few panoptic scenes for a figure. Here the network is trained afresh for each fold, without any
scene of its images, the fold's boxes are not remembered, and the objects of those images are asked for without a
guide. The bundled weights take no part; the recipe is judged. Each object is asked for twice: under the benchmark's
protocol, which hides a region round the object and like ones elsewhere, and with nothing hidden but the object
itself, as a user's scene is.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.splits import SPLITS
from smartmask.data.targets import Case, Protocol, admitted
from smartmask.evaluate.protocol import DATA, Benchmark, cases
from smartmask.evaluate.report import heading
from smartmask.geometry import box_iou
from smartmask.io.package import BUNDLED_TEXT
from smartmask.io.publish import output_folder, save_json
from smartmask.io.settings import Settings, option, required
from smartmask.io.terminal import say
from smartmask.metrics.intervals import mean_interval
from smartmask.text.encoder import TextEncoder

if TYPE_CHECKING:
    from smartmask.evaluate.sizes import SizeModel
    from smartmask.masks.exemplar.place.layout import Layout
    from smartmask.masks.exemplar.place.model import Places
    from smartmask.train.dataset import Target

FULL = "coco_panoptic"  # every pixel of its scenes has a label
HIT = 0.5  # box IoU of a hit
LEAST = Protocol().min_area  # of the image: what is judged, and what the class prior is drawn from
OURS, PRIOR = "places", "class prior"
HIDDEN, PLAIN = "as the benchmark hides", "only the object taken out"
MEASURES = ("hit", "best_iou", "height", "height_first", "height_scene", "height_beside")


NUM_MASKS = 8  # boxes an object


class PlacementFoldsSettings(Settings):
    """The folds, and the recipe of the places that are judged."""

    data: Path = DATA
    out: Path = required("Folder for folds.json.", metavar="DIR")
    folds: int = option(5, "Parts of the images.", ge=2, le=10)
    steps: int = option(500, "Training steps.", ge=1)
    seed: int = option(0, "Of training, of hidden regions and of the boxes drawn.")
    text: Path | None = option(None, "Folder of the text encoder; else the bundled.", metavar="DIR")


def fold_of(key: str, folds: int) -> int:
    """The fold of an image: other digits of the same hash as ``split_of``, so that each fold holds every split."""
    return int(hashlib.sha1(key.encode("utf-8")).hexdigest(), 16) // 10 % folds


def questions(pack: Pack, fold: int, folds: int, seed: int = 0) -> Iterator[Case]:
    """The objects of a fold's fully labelled scenes, of every split, without a guide."""
    protocol = Protocol(sources=(FULL,), limit=None, guidance=("none",), num_masks=NUM_MASKS, seed=seed)
    for split in SPLITS:
        of_split = replace(protocol, split=split)
        targets = [t for t in admitted(pack, of_split, split) if fold_of(t.key, folds) == fold]
        yield from cases(pack, targets, of_split)


class ClassBoxes:
    """The class prior: boxes of a name in the scenes trained on, as shares of their scenes; of all names if unknown."""

    def __init__(self, targets: Sequence[Target], boxes: np.ndarray) -> None:
        from smartmask.masks.exemplar.place.layout import key_of

        self.key_of = key_of
        self.by_name: dict[str, list[np.ndarray]] = defaultdict(list)
        for target, box in zip(targets, boxes, strict=True):
            self.by_name[key_of(target.name)].append(box)
        self.all = [box for own in self.by_name.values() for box in own]

    def draw(self, name: str, count: int, rng: np.random.Generator) -> np.ndarray:
        """``(count, 4)`` boxes in shares of the scene."""
        known = self.by_name.get(self.key_of(name), self.all)
        return np.array([known[i] for i in rng.integers(0, len(known), count)])


def ask(places: Places, layout: Layout, name: str, seeds: Sequence[int], without: np.ndarray) -> np.ndarray:
    """``(n, 4)`` boxes of seeds in shares, the one that stands for most first."""
    weighed = places.weigh_layout(layout, name, without=without)
    rows = [weighed.strata.choose(seed) for seed in seeds]
    rows.sort(key=lambda row: (-int(weighed.strata.expected[row]), row))
    return weighed.boxes[rows]


def scored(boxes: np.ndarray, true: np.ndarray, seen: Layout, key: str, sizes: SizeModel) -> dict[str, float]:
    """MEASURES of boxes for an object, all in shares of the scene, best box first. seen: the scene without it.
    key: of its name.

    Errors of the log height: against the object itself (mean of all boxes; the first alone); against what the scene's
    things say of the name (``sizes``); against the things of the same name beside it, at their depth. The last two
    are absent where the scene has no such thing.
    """
    best = max(box_iou(tuple(box), tuple(true)) for box in boxes)
    tall = np.log(np.maximum(boxes[:, 3] - boxes[:, 1], 1e-3))
    away = np.abs(tall - np.log(true[3] - true[1]))
    found = {"hit": float(best >= HIT), "best_iou": best, "height": float(away.mean()), "height_first": float(away[0])}
    told = [sizes.residual(str(key), box[1], box[3]) for key, box in zip(seen.keys, seen.boxes, strict=True)]
    there = [value for value in told if value is not None]
    own = [sizes.residual(key, box[1], box[3]) for box in boxes]
    errors = [sizes.error(value, there) for value in own if value is not None]
    known = [error for error in errors if error is not None]
    if known:
        found["height_scene"] = float(np.mean(known))
    same = seen.keys == key
    if same.any():
        alike = np.log(seen.boxes[same, 3] - seen.boxes[same, 1]) - seen.boxes[same, 3]
        found["height_beside"] = float(np.abs(tall - boxes[:, 3] - np.median(alike)).mean())
    return found


def judge_fold(
    pack: Pack, fold: int, prior: ClassBoxes, places: Places, without: np.ndarray, sizes: SizeModel,
    folds: int, seed: int,
) -> list[dict[str, Any]]:  # fmt: skip
    """One row an object, way of asking and system: image and MEASURES."""
    from smartmask.masks.exemplar.place.layout import Layout

    rows = []
    for case in questions(pack, fold, folds, seed):
        size = np.array([case.scene.width, case.scene.height] * 2)
        true, name, start = np.array(case.target.box) / size, case.target.name, case.target.number(seed)
        plain = pack.scene(case.target.record).remove(case.target.layer)
        usual = prior.draw(name, NUM_MASKS, np.random.default_rng(start))
        seen = Layout.of(plain, places.names)
        for way, layout in ((HIDDEN, Layout.of(case.scene, places.names)), (PLAIN, seen)):
            ours = ask(places, layout, name, range(start, start + NUM_MASKS), without)
            for system, boxes in ((OURS, ours), (PRIOR, usual)):
                row = {"system": system, "way": way, "image": case.target.key, "name": name}
                rows.append(row | scored(boxes, true, seen, places.names.key(name), sizes))
    return rows


def summary(rows: Sequence[dict[str, Any]], way: str) -> dict[str, Any]:
    """Each system's MEASURES and ours minus the class prior's, with intervals by image, and the ratio of hits."""
    own = {system: [r for r in rows if r["system"] == system and r["way"] == way] for system in (OURS, PRIOR)}
    found: dict[str, Any] = {"objects": len(own[OURS]), "images": len({r["image"] for r in own[OURS]})}
    found |= {system: {} for system in (OURS, PRIOR)} | {"difference": {}}
    for measure in MEASURES:
        pairs = [(a, b) for a, b in zip(own[OURS], own[PRIOR], strict=True) if measure in a]
        if not pairs:
            continue
        images = np.array([a["image"] for a, _ in pairs])
        values = {OURS: np.array([a[measure] for a, _ in pairs]), PRIOR: np.array([b[measure] for _, b in pairs])}
        values["difference"] = values[OURS] - values[PRIOR]
        for system, some in values.items():
            found[system][measure] = mean_interval(some, images)
    found["ratio"] = round(found[OURS]["hit"][0] / max(found[PRIOR]["hit"][0], 1e-9), 3)
    return found


def run(settings: PlacementFoldsSettings) -> None:
    """Places judged on every fully labelled scene: trains them afresh for each fold of images.

    All folds learn from one set of samples, each without those of its own images. Writes folds.json into --out.
    """
    from smartmask.data.plans import plan_scenes
    from smartmask.evaluate.sizes import SizeModel
    from smartmask.masks.exemplar.place.layout import Names
    from smartmask.masks.exemplar.place.model import Places
    from smartmask.train.tasks import place

    config = place.PlaceConfig(steps=settings.steps, seed=settings.seed)
    pack, text = Pack(settings.data), TextEncoder.from_pretrained(settings.text or BUNDLED_TEXT)
    targets = place.place_targets(pack, (FULL,))
    names = Names(text, place.seen_metres(pack, targets, text))
    of_scene = np.array([fold_of(key, settings.folds) for key in pack.meta.keys])
    usual, scenes = place.remembered(pack, targets, names)
    samples = place.draw_samples(pack, targets, usual, scenes, config, of_scene)
    large = [t for t in targets if _area(pack, t) >= LEAST]
    sizes = SizeModel.fit(plan_scenes(pack, "train"))
    boxes, fold_of_large = place.share_boxes(pack, large), np.array([of_scene[t.scene] for t in large])
    rows: list[dict[str, Any]] = []
    for fold in range(settings.folds):
        network = place.fit_network(samples, np.flatnonzero(of_scene[samples.scene] != fold), config)
        others = np.flatnonzero(fold_of_large != fold)
        prior = ClassBoxes([large[i] for i in others], boxes[others])
        rows += judge_fold(
            pack, fold, prior, Places(usual, network), of_scene[scenes] == fold, sizes, settings.folds, settings.seed
        )
        say(f"fold {fold + 1} of {settings.folds}: {summary(rows, HIDDEN)['difference']['hit']}")
    systems = {way: summary(rows, way) for way in (HIDDEN, PLAIN)}
    report = {**heading("placement-folds"), "folds": settings.folds, "seed": settings.seed}
    save_json({**report, "rows": rows, "systems": systems}, output_folder(settings.out) / "folds.json")
    say(json.dumps(systems, indent=1))


def _area(pack: Pack, target: Target) -> float:
    meta = pack.meta
    pixels = int(meta.heights[target.scene]) * int(meta.widths[target.scene])
    return float(meta.areas[target.scene][target.layer]) / pixels


BENCHMARK = Benchmark("placement-folds", PlacementFoldsSettings, run)
