"""Where objects could stand, judged on every fully labelled scene: five folds by image.

The fixed split leaves few panoptic scenes for a figure. Here the placement and the fit network are trained afresh
for each fold, without any scene of its images (of their boxes, only as sizes of decoys), and asked for the objects of
those images, under the benchmark's protocol without a guide. The bundled weights take no part; the recipe is judged.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smartmask.data.pack import Pack
from smartmask.data.splits import SPLITS
from smartmask.evaluate.baselines import shape_key
from smartmask.evaluate.benchmark import cases
from smartmask.evaluate.metrics import bootstrap_interval
from smartmask.evaluate.targets import Case, Protocol, admitted
from smartmask.geometry import BoxXYXY, box_iou
from smartmask.images import save_json
from smartmask.models.place_fit import FitConfig, FitNetwork
from smartmask.models.placement import PlacementConfig, PlacementNetwork
from smartmask.models.presets import load_component
from smartmask.models.prior import PriorConfig
from smartmask.models.text import TextEncoder
from smartmask.pipelines.chance import chances
from smartmask.pipelines.coarse import clip_to_scene
from smartmask.pipelines.places import Places
from smartmask.train.dataset import Target, find_targets
from smartmask.train.loop import Batch
from smartmask.train.place_fit import FitTrainConfig, train_fit
from smartmask.train.place_samples import SOURCES, draw_places, share_box
from smartmask.train.placement import PlacementTrainConfig, train_placement

JUDGED = "coco_panoptic"
HIT = 0.5  # box IoU of a hit
LEAST = Protocol().min_area  # of the image: what is judged, and what the class prior is drawn from
OURS, PRIOR = "placement and fit", "class prior"


@dataclass
class FoldsConfig:
    """folds: how many. placement, fit: the recipes. num_masks: boxes an object. seed: of hidden regions and boxes."""

    folds: int = 5
    placement: PlacementTrainConfig = field(default_factory=PlacementTrainConfig)
    fit: FitTrainConfig = field(default_factory=FitTrainConfig)
    num_masks: int = 8
    seed: int = 0


def fold_of(key: str, folds: int) -> int:
    """The fold of an image: other digits of the same hash as ``split_of``, so that each fold holds every split."""
    return int(hashlib.sha1(key.encode("utf-8")).hexdigest(), 16) // 10 % folds


def all_targets(pack: Pack) -> list[Target]:
    """What is trained on in some fold: the train split, and fully labelled scenes of every split."""
    found = find_targets(pack, "train", [source for source in SOURCES if source != JUDGED])
    return found + [target for split in SPLITS for target in find_targets(pack, split, (JUDGED,))]


def scene_folds(pack: Pack, folds: int) -> np.ndarray:
    """``(scenes,)`` the fold of each scene of a pack."""
    return np.array([fold_of(key, folds) for key in pack.meta.keys])


def without_fold(samples: Batch, of_scene: np.ndarray, fold: int) -> Batch:
    """The samples that are not of a fold's images."""
    kept = torch.from_numpy(of_scene[samples["scene"].numpy()] != fold)
    return {key: value[kept] for key, value in samples.items()}


def questions(pack: Pack, fold: int, config: FoldsConfig) -> Iterator[Case]:
    """The objects of a fold's fully labelled scenes, of every split, without a guide."""
    protocol = Protocol(sources=(JUDGED,), limit=None, guidance=("none",), num_masks=config.num_masks, seed=config.seed)
    for split in SPLITS:
        of_split = replace(protocol, split=split)
        targets = [t for t in admitted(pack, of_split, split) if fold_of(t.key, config.folds) == fold]
        yield from cases(pack, targets, of_split)


class ClassBoxes:
    """The class prior: boxes of a name in the scenes trained on, as shares of their scenes; of all names if unknown."""

    def __init__(self, pack: Pack, targets: Sequence[Target]) -> None:
        self.by_name: dict[str, list[BoxXYXY]] = defaultdict(list)
        for target in targets:
            self.by_name[shape_key(target.name)].append(share_box(pack, target))
        self.all = [box for boxes in self.by_name.values() for box in boxes]

    def draw(self, case: Case, count: int, rng: np.random.Generator) -> list[BoxXYXY]:
        """``count`` boxes in the pixels of the case's scene."""
        known = self.by_name.get(shape_key(case.target.name), self.all)
        width, height = case.scene.width, case.scene.height
        chosen = (known[i] for i in rng.integers(0, len(known), count))
        return [(x0 * width, y0 * height, x1 * width, y1 * height) for x0, y0, x1, y1 in chosen]


def judge_fold(
    asked: Iterator[Case], prior: ClassBoxes, placement: PlacementNetwork, fit: FitNetwork, text: TextEncoder,
    config: FoldsConfig,
) -> list[dict[str, Any]]:  # fmt: skip
    """One row an object and system: image, best box IoU of ``num_masks``."""
    rows = []
    for case in asked:
        seed = case.target.number(config.seed)
        uniforms = torch.stack(
            [c.uniforms for c in chances([seed + i for i in range(config.num_masks)], PriorConfig().components)]
        )
        places = Places(placement, fit, text, case.scene)
        drawn, _ = places.draw(text.understand(case.target.name).name, uniforms)
        ours = [clip_to_scene(box, case.scene.height, case.scene.width) for box in drawn]
        usual = prior.draw(case, config.num_masks, np.random.default_rng(seed))
        for system, boxes in ((OURS, ours), (PRIOR, usual)):
            rows.append({"system": system, "image": case.target.key, "best": _best(boxes, case.target.box)})
    return rows


def _area(pack: Pack, target: Target) -> float:
    meta = pack.meta
    pixels = int(meta.heights[target.scene]) * int(meta.widths[target.scene])
    return float(meta.areas[target.scene][target.layer]) / pixels


def _best(boxes: Sequence[BoxXYXY], true: BoxXYXY) -> float:
    return max(box_iou(box, true) for box in boxes)


def run_folds(pack_path: Path, text_folder: Path, out: Path, config: FoldsConfig) -> dict[str, Any]:
    """Trains and judges every fold, and writes ``folds.json``. A finished fold's networks are used as they are.

    Both networks of all folds learn from one set of samples, each fold without those of its own images.
    """
    pack, text = Pack(pack_path), TextEncoder.from_pretrained(text_folder)
    targets, of_scene = all_targets(pack), scene_folds(pack, config.folds)
    drawn: Batch | None = None
    rows: list[dict[str, Any]] = []
    for fold in range(config.folds):
        folder = out / f"fold_{fold}"
        if not (folder / "fit" / "config.json").is_file():
            drawn = draw_places(pack, targets, text, config.placement) if drawn is None else drawn
            samples = without_fold(drawn, of_scene, fold)
            train_placement(pack_path, text_folder, folder, config.placement, samples)
            train_fit(pack_path, text_folder, folder / "fit_run", config.fit, samples)
            (folder / "fit_run" / "fit").rename(folder / "fit")
        others = [target for target in targets if of_scene[target.scene] != fold]
        prior = ClassBoxes(pack, [target for target in others if _area(pack, target) >= LEAST])
        placement = load_component(folder / "placement", PlacementNetwork, PlacementConfig).eval()
        fit = load_component(folder / "fit", FitNetwork, FitConfig).eval()
        rows += judge_fold(questions(pack, fold, config), prior, placement, fit, text, config)
    report = {"folds": config.folds, "seed": config.seed, "systems": summary(rows), "rows": rows}
    save_json(report, out / "folds.json")
    return report


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Hit rate and best box IoU of each system, and ours minus the class prior's, with intervals by image."""
    found: dict[str, Any] = {}
    values = {}
    images = np.array([row["image"] for row in rows if row["system"] == OURS])
    for system in (OURS, PRIOR):
        own = [row for row in rows if row["system"] == system]
        best = np.array([row["best"] for row in own])
        values[system] = best
        found[system] = {"objects": len(own), "images": len(set(images.tolist())),
                         "hit": _interval(best >= HIT, images), "best_iou": _interval(best, images)}  # fmt: skip
    difference = values[OURS] - values[PRIOR]
    hits = (values[OURS] >= HIT).astype(float) - (values[PRIOR] >= HIT)
    found["difference"] = {"hit": _interval(hits, images), "best_iou": _interval(difference, images)}
    return found


def _interval(values: np.ndarray, images: np.ndarray) -> list[float]:
    return [round(float(v), 4) for v in bootstrap_interval(values.astype(np.float64), images)]
