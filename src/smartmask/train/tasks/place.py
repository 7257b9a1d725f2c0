"""Training of places: boxes to remember, and the network that tells real ones from candidates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from smartmask.data.pack import Pack
from smartmask.io.bars import watched
from smartmask.masks.exemplar.place.features import FEATURES, box_features, request_features
from smartmask.masks.exemplar.place.layout import Layout, Names, small_top
from smartmask.masks.exemplar.place.model import Places
from smartmask.masks.exemplar.place.score import ScoreConfig, ScoreNetwork
from smartmask.masks.exemplar.place.usual import UsualBoxes, inside
from smartmask.text.encoder import TextEncoder
from smartmask.text.typical import EVENNESS
from smartmask.train.dataset import Target, find_targets
from smartmask.train.networks.place import ScoreModule
from smartmask.train.schedules import OneCycle
from smartmask.train.settings import PlaceConfig, PlaceSettings
from smartmask.train.task import Batch, Losses, Stream, Task, Tensors, tensor
from smartmask.train.trainer import Trainer

FULL = "coco_panoptic"  # the source whose scenes are labelled in full
# how often samples of a source are seen, as shares of all
SHARES: dict[str, float] = {
    FULL: 0.38, "coco_instances": 0.25, "voc": 0.17, "coco_more": 0.1, "cocoa": 0.02, "facades": 0.015, "road": 0.02,
    "camvid": 0.005, "pennfudan": 0.01, "lalonde_efros": 0.01, "animals": 0.005, "cats": 0.005, "taco": 0.003,
    "kitchen": 0.005, "small_pig": 0.002,
}  # fmt: skip
REPEATS = {FULL: 4, "coco_instances": 2, "cocoa": 4}  # samples drawn of each target, with candidates of their own
TRUST = {FULL: 3, "coco_instances": 3, "cocoa": 3, "coco_more": 2}  # weights of remembered boxes, else 1
MEASURED = ("coco_instances", "voc", "coco_more", "road", "cocoa")  # sources that tell how large names are seen
TOLD = 0.01  # log factor under which pictures said nothing
PULL = 3.0  # things' worth of weight of a name's typical metres
USUAL = 200  # targets of a name beyond which a source's are thinned out (by the square root)
MOST = 900  # remembered boxes of a name


@dataclass(frozen=True, eq=False)
class PlaceSamples:
    """boxes: (n, 1 + contrasts, FEATURES) float16, the real one first. whole: (n, WHOLE) float16. scene: (n,) in the
    pack. source: (n,)."""

    boxes: np.ndarray
    whole: np.ndarray
    scene: np.ndarray
    source: np.ndarray


def place_targets(pack: Pack, every_split: Sequence[str] = ()) -> list[Target]:
    """The train split's things of all sources of SHARES; every_split: sources of which all splits are taken."""
    found = find_targets(pack, "train", [source for source in SHARES if source not in every_split])
    for split in ("train", "dev", "test") if every_split else ():
        found += find_targets(pack, split, every_split)
    return sorted(found, key=lambda t: (t.scene, t.layer))


def share_boxes(pack: Pack, targets: Sequence[Target]) -> np.ndarray:
    """``(n, 4)`` boxes of targets in shares of their scenes."""
    meta = pack.meta
    sizes = np.array([[meta.widths[t.scene], meta.heights[t.scene]] * 2 for t in targets], np.float64)
    return np.array([meta.boxes[t.scene][t.layer] for t in targets], np.float64) / sizes


def remembered(pack: Pack, targets: Sequence[Target], names: Names) -> tuple[UsualBoxes, np.ndarray]:
    """The usual boxes of targets, and the scene of each box. Boxes of crowded names are thinned out to MOST."""
    rng = np.random.default_rng(0)
    by_key: dict[str, list[int]] = {}
    for index in rng.permutation(len(targets)):
        by_key.setdefault(names.key(targets[index].name), []).append(int(index))
    rank = {index: TRUST.get(pack.meta.sources[targets[index].scene], 1) for rows in by_key.values() for index in rows}
    kept = sorted(i for rows in by_key.values() for i in sorted(rows, key=lambda i: -rank[i])[:MOST])
    chosen = [targets[i] for i in kept]
    keys = sorted(by_key)
    number = {key: i for i, key in enumerate(keys)}
    usual = UsualBoxes(
        inside(share_boxes(pack, chosen)), keys, np.array([number[names.key(t.name)] for t in chosen]),
        np.array([rank[i] for i in kept]), names,
    )  # fmt: skip
    return usual, np.array([t.scene for t in chosen])


def seen_metres(pack: Pack, targets: Sequence[Target], text: TextEncoder) -> dict[str, float]:
    """``{key: log factor}`` on a name's typical metres by which its things show beside others of their picture.

    log(height) = EVENNESS * metres + slope * lower edge + a constant of the scene, by least squares; each name is
    pulled to its typical metres by PULL things' weight. Of sources of MEASURED.
    """
    names, by_scene = Names(text), dict[int, list[Target]]()
    for target in targets:
        if pack.meta.sources[target.scene] in MEASURED:
            by_scene.setdefault(target.scene, []).append(target)
    keys = sorted({names.key(t.name) for own in by_scene.values() for t in own})
    number = {key: index for index, key in enumerate(keys)}
    typical = np.array([names.find(key).metres for key in keys])
    left, right = [np.eye(len(keys), len(keys) + 1) * PULL**0.5], [np.zeros(len(keys))]
    for own in by_scene.values():
        if len(own) < 2:
            continue
        boxes, which = inside(share_boxes(pack, own)), [number[names.key(t.name)] for t in own]
        design = np.zeros((len(own), len(keys) + 1))
        design[np.arange(len(own)), which], design[:, -1] = 1, boxes[:, 3]
        away = np.log(boxes[:, 3] - boxes[:, 1]) - EVENNESS * typical[which]
        trust = len(own) ** -0.25  # a crowd's members say much the same
        left.append((design - design.mean(0)) * trust)
        right.append((away - away.mean()) * trust)
    found, *_ = np.linalg.lstsq(np.concatenate(left), np.concatenate(right), rcond=None)
    factors = zip(keys, (found[:-1] / EVENNESS).tolist(), strict=True)
    return {key: factor for key, factor in factors if abs(factor) >= TOLD}


def draw_samples(
    pack: Pack, targets: Sequence[Target], usual: UsualBoxes, scenes: np.ndarray, config: PlaceConfig,
    fold_of_scene: np.ndarray | None = None,
) -> PlaceSamples:  # fmt: skip
    """Samples of targets. scenes: of the usual boxes; those of the sample's own scene, or fold, do not count."""
    rng = np.random.default_rng(config.seed)
    part = np.arange(len(pack)) if fold_of_scene is None else fold_of_scene
    count = Counter((pack.meta.sources[t.scene], t.name) for t in targets)
    boxes, whole, rows = [], [], []
    for target in watched("samples", targets):
        source = pack.meta.sources[target.scene]
        repeats = REPEATS.get(source, int(rng.random() < (USUAL / count[source, target.name]) ** 0.5))
        if not repeats:
            continue
        layout = layout_without(pack, target, usual.known)
        name = usual.known.find(target.name)
        weights = usual.weights(target.name, (scenes == target.scene) | (part[scenes] == part[target.scene]))
        statistics, real = usual.statistics(weights, name), inside(share_boxes(pack, [target]))
        for _ in range(repeats):
            others = usual.candidates(weights, name, layout, config.contrasts, rng)
            boxes.append(box_features(layout, name, np.concatenate([real, others]), statistics).astype(np.float16))
            whole.append(request_features(layout, name).astype(np.float16))
            rows.append(target.scene)
    if not rows:
        raise ValueError(f"{pack.path} has no object to train places on; give a pack of scenes with things.")
    found = np.array(rows)
    return PlaceSamples(np.stack(boxes), np.stack(whole), found, np.array([pack.meta.sources[i] for i in rows]))


def layout_without(pack: Pack, target: Target, names: Names) -> Layout:
    """The layout of a target's scene without the target; what it hid is filled with what surrounds it."""
    scene = pack.scene(target.scene).remove(target.layer)
    return Layout.from_top(
        small_top(scene), [layer.name for layer in scene.layers], [layer.thing for layer in scene.layers], names,
        scene.width / scene.height,
    )  # fmt: skip


def place_task(samples: PlaceSamples, rows: np.ndarray, config: PlaceConfig) -> Task:
    """Training of the network on rows of samples: each voter on batches and a start of its own."""
    torch.manual_seed(config.seed)
    network = ScoreModule(ScoreConfig(config.voters, config.hidden))
    share = _chances(samples.source[rows])
    some = np.random.default_rng(config.seed).choice(rows, min(2000, 4 * len(rows)), p=share)
    for name, values in (("box", samples.boxes[some].reshape(-1, FEATURES)), ("whole", samples.whole[some])):
        known = torch.from_numpy(values.astype(np.float32))
        getattr(network, f"{name}_mean").copy_(known.mean(0))
        getattr(network, f"{name}_spread").copy_(known.std(0) + 0.02)

    def make(rng: np.random.Generator, number: int) -> Batch:
        chosen = rng.choice(rows, (config.voters, config.batch), p=share)
        values = {name: tensor(getattr(samples, name)[chosen], np.float32) for name in ("boxes", "whole")}
        return Batch([f"scene {scene}" for scene in samples.scene[chosen].ravel()], values)

    def loss(network: ScoreModule, batch: Tensors) -> Losses:
        each = torch.stack([
            -voter(*network.normalised(boxes, whole)).log_softmax(1)[:, 0].mean()
            for voter, boxes, whole in zip(network.voters, batch["boxes"], batch["whole"], strict=True)
        ])  # fmt: skip
        # their sum: no voter's gradient depends on another
        return {"loss": each.sum(), "nats": each.mean().detach()}

    return Task("place", network, Stream(make, config.seed, config.workers), loss, schedule=OneCycle(rise=0.1),
                facts={"samples": len(rows)})  # fmt: skip


def fit_network(samples: PlaceSamples, rows: np.ndarray, config: PlaceConfig, out: Path | None = None) -> ScoreNetwork:
    """The network trained on rows of samples. out: where it keeps checkpoints and a log."""
    return ScoreNetwork.of(Trainer(place_task(samples, rows, config), config, out).fit())


def _chances(sources: np.ndarray) -> np.ndarray:
    weights = np.zeros(len(sources))
    for source, share in SHARES.items():
        own = sources == source
        weights[own] = share / max(own.sum(), 1)
    if not weights.sum():
        raise ValueError(f"No sample is of {', '.join(SHARES)}.")
    return weights / weights.sum()


def train_place(settings: PlaceSettings) -> Path:
    """Trains places on the train split and returns the saved component (``out/place``)."""
    text, pack = TextEncoder.from_pretrained(settings.text_folder), Pack(settings.data)
    targets = place_targets(pack)
    names = Names(text, seen_metres(pack, targets, text))
    usual, scenes = remembered(pack, targets, names)
    samples = draw_samples(pack, targets, usual, scenes, settings)
    task = place_task(samples, np.arange(len(samples.scene)), settings)
    task = replace(task, save=lambda network, out: Places(usual, ScoreNetwork.of(network)).save(out / "place"))
    Trainer(task, settings, settings.out).fit()
    return settings.out / "place"
