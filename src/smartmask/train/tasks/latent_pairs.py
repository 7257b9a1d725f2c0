"""Pairs for SmartMask's latent model (arXiv 2312.05039, section 3.1): S_k, guide and texts, and S_k with A_{k+1} white.

The whole scene is on the canvas, or a frame that does not tell where in it the object is (``latent_frames.py``). In
annotations of visible parts the region round the object is hidden (``data/hiding.py``). A hole would be the place, so
holes are made alike where things of the same name stand in other pictures: of such holes none can be told from another
but by the scene. Their order is nobody's statement, so things are shuffled before k is drawn. A share of the pairs is
composed: a complete object of another picture in a scene, whose background is known and not hidden.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smartmask.data.compose import compose, is_complete
from smartmask.data.pack import Pack
from smartmask.data.pairs import Pair, PairConfig, is_target, make_pair
from smartmask.data.splits import in_share
from smartmask.geometry import BoxXYXY
from smartmask.guides import draw
from smartmask.masks.latent.layout import Canvas, guided, with_object
from smartmask.masks.latent.palette import coloured
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder
from smartmask.text.states import Words
from smartmask.train.dataset import Target, find_targets
from smartmask.train.task import Sample, Samples
from smartmask.train.tasks.latent_frames import box_of_shares, draw_frame, shape_of, shares_in, shows_whole

# The paper's four kinds in equal parts; its fourth, a roughened mask, and strokes, which its users draw, share a part.
KINDS = {"none": 0.25, "box": 0.25, "blob": 0.25, "mask": 0.125, "scribble": 0.125}
COMPOSED = 0.4  # share of pairs
SOURCES = ("voc", "coco_panoptic", "coco_instances", "cocoa", "pennfudan", "lalonde_efros",
           "pseudo")  # fmt: skip
HOSTS = (*SOURCES, "camvid", "idd_lite")  # streets by class: no single objects, but scenes to put some in
TRIES = 8  # donors looked at for one composed pair, and others for one decoy
DECOYS = 3  # at most, at least one
FEW = 6  # things of a name, under which others do for decoys
DROP_OBJECT, DROP_CONTEXT, DROP_BOTH = 0.05, 0.1, 0.1  # of the texts, for guidance with two weights


def pair_config(side: int) -> PairConfig:
    """How pairs of whole scenes are drawn on a canvas of ``side`` pixels."""
    return PairConfig(
        kinds=KINDS, canvas=side, whole=True, rotate=1.0, aspect=0.08, elastic=0.0, truncate=0.0, decoys=0.0
    )


@dataclass(frozen=True)
class Drawing:
    """What of the recipe a run leaves out or does otherwise.

    frame: how many times the object's longer side the canvas spans, with much chance in it; 0: the whole scene.
    share: per cent of the split's pictures. guides, context: whether there are any. drop: whether texts are left out
    now and then, for guidance with two weights.
    """

    frame: float = 0.0
    share: int = 100
    guides: bool = True
    context: bool = True
    drop: bool = True


@dataclass(frozen=True, eq=False)
class LatentPair:
    """What one step sees. shown: (side, side, 3) uint8, S~_k with its guide; target: the same of S_k with the object
    white; name, context: texts, empty where they are dropped."""

    shown: np.ndarray
    target: np.ndarray
    name: str
    context: str
    key: str


class LatentPairs:
    """Draws pairs of a pack's split. composed: share of pairs made of two pictures."""

    def __init__(
        self, pack: Pack, text: TextEncoder, side: int, split: str = "train", composed: float = COMPOSED,
        drawing: Drawing | None = None,
    ) -> None:  # fmt: skip
        self.pack, self.text, self.config, self.composed = pack, text, pair_config(side), composed
        self.drawing = drawing or Drawing()
        keys, share = pack.meta.keys, self.drawing.share
        self.targets = [one for one in find_targets(pack, split, SOURCES) if in_share(keys[one.scene], share)]
        if not self.targets:
            part = "" if share == 100 else f" {share} % of"
            raise ValueError(f"{pack.path} has no object to train on in{part} its {split} split.")
        self.named: dict[str, list[int]] = {}
        for number, target in enumerate(self.targets):
            self.named.setdefault(target.name, []).append(number)
        scenes = {name: {self.targets[i].scene for i in numbers} for name, numbers in self.named.items()}
        # names whose decoys may be other things: few of them, or all in one picture
        self.rare = {name for name, numbers in self.named.items() if len(numbers) < FEW or len(scenes[name]) == 1}
        # rare names more often than their count, common ones less, neither all the way
        weights = np.array([len(self.named[target.name]) ** -0.5 for target in self.targets])
        self.ends = np.cumsum(weights / weights.sum())
        self.hosts = _hosts(pack, split, share)

    def pick(self, rng: np.random.Generator) -> Target:
        """A target by chance."""
        return self.targets[min(int(np.searchsorted(self.ends, rng.random())), len(self.targets) - 1)]

    def like(self, target: Target, rng: np.random.Generator) -> Target:
        """A target of the same name by chance."""
        return self.targets[int(rng.choice(self.named[target.name]))]

    def draw(self, rng: np.random.Generator) -> LatentPair:
        """A pair with its texts, some of which are dropped."""
        pair, key = self.pair(rng)
        drawn = rng.random() if self.drawing.drop else 1.0
        both = drawn < DROP_BOTH
        no_object = both or drawn < DROP_BOTH + DROP_OBJECT
        no_context = both or 0 <= drawn - DROP_BOTH - DROP_OBJECT < DROP_CONTEXT or not self.drawing.context
        shown, target = pictures(pair, self.text)
        return LatentPair(
            shown, target, "" if no_object else pair.name, "" if no_context else pair.context, key,
        )  # fmt: skip

    def pair(self, rng: np.random.Generator, kind: str | None = None) -> tuple[Pair, str]:
        """``(pair, its picture's key)``."""
        if not self.drawing.guides:
            kind = "none"
        kind = kind or str(rng.choice(list(KINDS), p=list(KINDS.values())))
        if rng.random() < self.composed:
            made = self._composed(rng, kind)
            if made is not None:
                return made
        while True:
            target = self.pick(rng)
            record = self.pack[target.scene]
            if not is_target(record.scene, target.layer):
                continue
            scene = stacked(record.scene, target.layer, rng, shuffle=record.modal)
            framed = bool(self.drawing.frame) and not shows_whole(kind, rng)
            frame = self._frame(scene, rng) if framed else None
            decoys = self.decoys(target, scene, rng, frame, framed) if record.modal else []
            pair = make_pair(
                scene, len(scene.layers) - 1, rng, modal=record.modal, config=self.config, kind=kind, decoys=decoys,
                frame=frame,
            )  # fmt: skip
            return pair, record.key

    def _frame(self, scene: Scene, rng: np.random.Generator) -> BoxXYXY | None:
        """A frame of the last layer."""
        box = scene.layers[-1].window.bounds
        return None if box is None else draw_frame(box, scene.height, scene.width, self.drawing.frame, rng)

    def decoys(
        self, target: Target, scene: Scene, rng: np.random.Generator, frame: BoxXYXY | None = None, framed: bool = False
    ) -> list[BoxXYXY]:
        """Where things of the target's name stand in other pictures, as boxes on the canvas of this scene.

        framed: the canvas was to be a frame; ``frame``, or None where the scene is smaller than it. Then the others'
        places are those in frames of their own that came out alike, so that neither size nor place tells them apart.
        """
        canvas = Canvas.of(scene, self.config.canvas, frame)
        boxes: list[BoxXYXY] = []
        for _ in range(int(rng.integers(1, DECOYS + 1))):
            shares = self._elsewhere(target, rng, shape_of(frame, scene.height, scene.width), framed)
            boxes.append(canvas.box(box_of_shares(shares, frame, scene.height, scene.width)))
        return boxes

    def _elsewhere(
        self, target: Target, rng: np.random.Generator, shape: tuple[bool, bool] | None, framed: bool
    ) -> BoxXYXY:
        """Where a thing of the target's name stands in another picture, in shares of what is seen of that."""
        meta = self.pack.meta
        for _ in range(TRIES):
            other = self.like(target, rng)
            while other.scene == target.scene:
                other = self.pick(rng) if target.name in self.rare else self.like(target, rng)
            x0, y0, x1, y1 = meta.boxes[other.scene][other.layer].tolist()
            size = int(meta.heights[other.scene]), int(meta.widths[other.scene])
            own = draw_frame((x0, y0, x1, y1), *size, self.drawing.frame, rng) if framed else None
            if shape_of(own, *size) == shape:
                break
        return shares_in((x0, y0, x1, y1), own, *size)

    def _composed(self, rng: np.random.Generator, kind: str) -> tuple[Pair, str] | None:
        for _ in range(TRIES):
            given, group = self.pick(rng), self.hosts[int(rng.integers(len(self.hosts)))]
            donor = self.pack[given.scene]
            if not is_target(donor.scene, given.layer) or not is_complete(donor.scene, given.layer):
                continue
            record = self.pack[int(rng.choice(group))]
            shown = some_layers(record.scene, rng, shuffle=record.modal)
            made = compose(shown, donor.scene.layers[given.layer], rng, in_front=1.0)
            if made is not None:
                framed = bool(self.drawing.frame) and not shows_whole(kind, rng)
                frame = self._frame(made[0], rng) if framed else None
                pair = make_pair(
                    made[0], made[1], rng, modal=False, config=self.config, kind=kind, composed=True, frame=frame
                )
                return pair, f"{record.key} with {donor.key}"
        return None


def _hosts(pack: Pack, split: str, share: int) -> list[np.ndarray]:
    """Scenes of a split in up to two groups: those with stuff, and those without, which most annotations are."""
    meta = pack.meta
    fit = [i for i in range(len(pack)) if meta.splits[i] == split and meta.sources[i] in HOSTS]
    known = [i for i in fit if in_share(meta.keys[i], share)]
    with_stuff = np.array([not all(meta.layer_things[i]) for i in known], bool)
    groups = (np.array(known)[with_stuff], np.array(known)[~with_stuff])
    return [group for group in groups if len(group)]


def stacked(scene: Scene, index: int, rng: np.random.Generator, shuffle: bool) -> Scene:
    """S_k and A_{k+1}, layer ``index`` of the scene, as the last layer.

    shuffle: the order of things is not annotated: k and which things stand before the object are chance.
    """
    count = len(scene.layers)
    if not shuffle:
        return scene.stack(index + 1)
    things = [i for i, layer in enumerate(scene.layers) if layer.thing and i != index]
    kept = set(rng.permutation(things)[: int(rng.integers(len(things) + 1))].tolist())
    before = [i for i in range(count) if i != index and (not scene.layers[i].thing or i in kept)]
    return replace(scene, layers=tuple(scene.layers[i] for i in (*before, index)))


def some_layers(scene: Scene, rng: np.random.Generator, shuffle: bool) -> Scene:
    """S_k alone, k drawn."""
    things = [i for i, layer in enumerate(scene.layers) if layer.thing]
    if not shuffle:
        return scene.stack(int(rng.integers(len(scene.layers) - len(things), len(scene.layers) + 1)))
    kept = set(rng.permutation(things)[: int(rng.integers(len(things) + 1))].tolist())
    layers = (layer for i, layer in enumerate(scene.layers) if not layer.thing or i in kept)
    return replace(scene, layers=tuple(layers))


def pictures(pair: Pair, text: TextEncoder) -> tuple[np.ndarray, np.ndarray]:
    """``(S~_k, S_k with the object white)``, both (side, side, 3) uint8."""
    picture = coloured(pair.view.top, pair.view.names, text)
    side = len(picture)
    shown = guided(picture, draw(pair.guides, side, side))
    return np.rint(shown).astype(np.uint8), with_object(picture, pair.amodal)


class PairStream(Samples):
    """Endless batches of pairs, each pair made from its number alone."""

    def __init__(self, pairs: LatentPairs, words: Words, batch: int, seed: int = 0, workers: int = 0) -> None:
        super().__init__(self._drawn, batch, seed, workers)
        self.pairs, self.words = pairs, words

    def _drawn(self, rng: np.random.Generator, number: int) -> Sample:
        pair = self.pairs.draw(rng)
        return Sample(
            pair.key,
            {
                "shown": pair.shown, "target": pair.target, "objects": self.words.tokens(pair.name),
                "contexts": self.words.tokens("", pair.context),
            },
        )  # fmt: skip
