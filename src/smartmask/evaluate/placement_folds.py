"""Where objects could stand, judged on every fully labelled scene: five folds by image.

The fixed split leaves few panoptic scenes for a figure. Here the network is trained afresh for each fold, without any
scene of its images, the fold's boxes are not remembered, and the objects of those images are asked for without a
guide. The bundled weights take no part; the recipe is judged. Each object is asked for twice: under the benchmark's
protocol, which hides a region round the object and like ones elsewhere, and with nothing hidden but the object
itself, as a user's scene is.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.plans import plan_scenes
from smartmask.data.splits import SPLITS
from smartmask.data.targets import Case, Protocol, admitted
from smartmask.evaluate.benchmark import cases
from smartmask.evaluate.together import SizeModel
from smartmask.geometry import box_iou
from smartmask.io.files import save_json
from smartmask.masks.exemplar.place.layout import Layout, Names, key_of
from smartmask.masks.exemplar.place.model import Places
from smartmask.metrics.masks import bootstrap_interval
from smartmask.text.encoder import TextEncoder
from smartmask.train.dataset import Target
from smartmask.train.tasks.place import (
    FULL,
    PlaceConfig,
    draw_samples,
    fit_network,
    place_targets,
    remembered,
    seen_metres,
    share_boxes,
)

HIT = 0.5  # box IoU of a hit
LEAST = Protocol().min_area  # of the image: what is judged, and what the class prior is drawn from
OURS, PRIOR = "places", "class prior"
HIDDEN, PLAIN = "as the benchmark hides", "only the object taken out"
MEASURES = ("hit", "best_iou", "height", "height_first", "height_scene", "height_beside")


@dataclass
class FoldsConfig:
    """folds: how many. place: the recipe. num_masks: boxes an object. seed: of hidden regions and boxes."""

    folds: int = 5
    place: PlaceConfig = field(default_factory=PlaceConfig)
    num_masks: int = 8
    seed: int = 0


def fold_of(key: str, folds: int) -> int:
    """The fold of an image: other digits of the same hash as ``split_of``, so that each fold holds every split."""
    return int(hashlib.sha1(key.encode("utf-8")).hexdigest(), 16) // 10 % folds


def questions(pack: Pack, fold: int, config: FoldsConfig) -> Iterator[Case]:
    """The objects of a fold's fully labelled scenes, of every split, without a guide."""
    protocol = Protocol(sources=(FULL,), limit=None, guidance=("none",), num_masks=config.num_masks, seed=config.seed)
    for split in SPLITS:
        of_split = replace(protocol, split=split)
        targets = [t for t in admitted(pack, of_split, split) if fold_of(t.key, config.folds) == fold]
        yield from cases(pack, targets, of_split)


class ClassBoxes:
    """The class prior: boxes of a name in the scenes trained on, as shares of their scenes; of all names if unknown."""

    def __init__(self, targets: Sequence[Target], boxes: np.ndarray) -> None:
        self.by_name: dict[str, list[np.ndarray]] = defaultdict(list)
        for target, box in zip(targets, boxes, strict=True):
            self.by_name[key_of(target.name)].append(box)
        self.all = [box for own in self.by_name.values() for box in own]

    def draw(self, name: str, count: int, rng: np.random.Generator) -> np.ndarray:
        """``(count, 4)`` boxes in shares of the scene."""
        known = self.by_name.get(key_of(name), self.all)
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
    pack: Pack, fold: int, prior: ClassBoxes, places: Places, without: np.ndarray, sizes: SizeModel, config: FoldsConfig
) -> list[dict[str, Any]]:
    """One row an object, way of asking and system: image and MEASURES."""
    rows = []
    for case in questions(pack, fold, config):
        size = np.array([case.scene.width, case.scene.height] * 2)
        true, name, start = np.array(case.target.box) / size, case.target.name, case.target.number(config.seed)
        plain = pack.scene(case.target.record).remove(case.target.layer)
        usual = prior.draw(name, config.num_masks, np.random.default_rng(start))
        seen = Layout.of(plain, places.names)
        for way, layout in ((HIDDEN, Layout.of(case.scene, places.names)), (PLAIN, seen)):
            ours = ask(places, layout, name, range(start, start + config.num_masks), without)
            for system, boxes in ((OURS, ours), (PRIOR, usual)):
                row = {"system": system, "way": way, "image": case.target.key, "name": name}
                rows.append(row | scored(boxes, true, seen, places.names.key(name), sizes))
    return rows


def run_folds(pack_path: Path, text_folder: Path, out: Path, config: FoldsConfig) -> dict[str, Any]:
    """Trains and judges every fold, and writes ``folds.json``. All folds learn from one set of samples, each without
    those of its own images."""
    pack, text = Pack(pack_path), TextEncoder.from_pretrained(text_folder)
    targets = place_targets(pack, (FULL,))
    names = Names(text, seen_metres(pack, targets, text))
    of_scene = np.array([fold_of(key, config.folds) for key in pack.meta.keys])
    usual, scenes = remembered(pack, targets, names)
    samples = draw_samples(pack, targets, usual, scenes, config.place, of_scene)
    large = [t for t in targets if _area(pack, t) >= LEAST]
    sizes = SizeModel.fit(plan_scenes(pack, "train"))
    boxes, fold_of_large = share_boxes(pack, large), np.array([of_scene[t.scene] for t in large])
    rows: list[dict[str, Any]] = []
    for fold in range(config.folds):
        network = fit_network(samples, np.flatnonzero(of_scene[samples.scene] != fold), config.place)
        others = np.flatnonzero(fold_of_large != fold)
        prior = ClassBoxes([large[i] for i in others], boxes[others])
        rows += judge_fold(pack, fold, prior, Places(usual, network), of_scene[scenes] == fold, sizes, config)
        print(f"fold {fold + 1} of {config.folds}: {summary(rows, HIDDEN)['difference']['hit']}")
    report = {"folds": config.folds, "seed": config.seed, "rows": rows,
              "systems": {way: summary(rows, way) for way in (HIDDEN, PLAIN)}}  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    save_json(report, out / "folds.json")
    return report


def _area(pack: Pack, target: Target) -> float:
    meta = pack.meta
    pixels = int(meta.heights[target.scene]) * int(meta.widths[target.scene])
    return float(meta.areas[target.scene][target.layer]) / pixels


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
            found[system][measure] = [round(float(v), 4) for v in bootstrap_interval(some, images)]
    found["ratio"] = round(found[OURS]["hit"][0] / max(found[PRIOR]["hit"][0], 1e-9), 3)
    return found
