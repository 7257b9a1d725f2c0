"""Which objects are judged, and what a system may see of them: the object protocol and the hiding rule."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

import cv2
import numpy as np

from smartmask.data.hiding import hidden_region
from smartmask.data.pack import Pack
from smartmask.data.record import Record
from smartmask.data.splits import SPLITS
from smartmask.geometry import BoxXYXY, MaskWindow, box_mask, components, mask_box
from smartmask.guides import KINDS, Guide, draw
from smartmask.guides.simulated import draw_guide
from smartmask.guides.table import NONE, NUMBERS, guide_of
from smartmask.scene import Scene

GUIDANCE = (*(kind for kind in KINDS if kind != NONE), NONE)
# What a short name admits: COCO's pictures with every object annotated. Where only some are ("coco_more"), nobody knows
# what touches an object; such sources have to be named.
FAMILIES = {"coco": ("coco_panoptic", "coco_instances")}
VOID_RING = 6  # pixels: VOC draws a void ring five wide round some objects
SIZES = ((0.03, "1-3 %"), (0.1, "3-10 %"), (0.3, "10-30 %"), (1.01, "over 30 %"))  # upper ends, of the image


@dataclass(frozen=True)
class Protocol:
    """The rules of a benchmark run; all of them are written into its report.

    split: "test", "dev" or "train".  sources: whose objects count; "coco" admits coco_panoptic and
    coco_instances.  limit: number of objects (None: all), drawn in turn from each source.  whole: number of
    whole objects (0: those among the limit).  min_area:
    smallest object, as a share of the image.  num_masks: samples an object.  seed: of the choice of
    objects, guides, hidden regions and samples.  guidance: kinds of guides.  hide_margin: how far
    beyond an exact box the layout is hidden, as a share of the box's larger side (at least
    VOID_RING pixels).  decoys: like regions hidden elsewhere when the guide is not the exact box.
    """

    split: str = "test"
    sources: tuple[str, ...] = ("voc", "coco")
    limit: int | None = 500
    min_area: float = 0.01
    num_masks: int = 8
    seed: int = 0
    guidance: tuple[str, ...] = ("box",)
    hide_margin: float = 0.06
    decoys: int = 3
    whole: int = 0

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"There is no split '{self.split}'; use one of {', '.join(SPLITS)}.")
        unknown = [kind for kind in self.guidance if kind not in GUIDANCE]
        if unknown or not self.guidance:
            raise ValueError(f"Unknown guidance '{', '.join(unknown)}'; use some of {', '.join(GUIDANCE)}.")
        if self.num_masks < 2:
            raise ValueError(f"The benchmark draws {self.num_masks} masks an object; it needs at least 2.")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"The limit is {self.limit} objects; it must be at least 1.")

    def family(self, source: str) -> str | None:
        """The protocol's source that a record's source belongs to; see FAMILIES."""
        return next((s for s in self.sources if source == s or source in FAMILIES.get(s, ())), None)

    def rules(self) -> list[str]:
        """The protocol in sentences, for reports."""
        limit = "all of them" if self.limit is None else f"at most {self.limit}, in turn from each source, by hash"
        return [
            f"Objects: things of the {self.split} split of {' and '.join(self.sources)} that cover at least "
            f"{self.min_area:.1%} of the image; {limit} (seed {self.seed}).",
            "Whole objects are in one part, clear of the border, and no other thing lies within "
            f"{VOID_RING} pixels; they are reported apart. All objects hold the others too, as annotated (visible "
            "parts in modal sources).",
            "A system sees the scene without the object, without photograph and caption. With an exact box, every "
            f"layer is cleared inside the box grown by {self.hide_margin:.0%} of its larger side (at least "
            f"{VOID_RING} pixels). With any other guide, a random box or ellipse round the object is cleared, and "
            f"{self.decoys} more of the same family elsewhere. Layers that vanish are removed, also from the text.",
            f"{self.num_masks} masks an object, its seeds beginning at a random number. First: the system's own first "
            "choice. Mean: of all. Intervals: 95 % bootstrap over images.",
            "IoU in the object's own box: both seen at 64 x 64 in it, what lies outside counting by its area.",
            "Boundary F: tolerance 0.8 % of the image diagonal (DAVIS).",
        ]


@dataclass(frozen=True)
class Target:
    """One object to be drawn: layer ``layer`` of record ``record``."""

    record: int
    layer: int
    key: str
    source: str
    name: str
    area: float  # share of the image
    box: BoxXYXY

    @property
    def code(self) -> str:
        """A name that stays the same whatever else is in the pack."""
        return f"{self.source}/{self.key}/{self.name}/{','.join(f'{v:g}' for v in self.box)}"

    def number(self, seed: int) -> int:
        """A pseudo-random number under 2^40 for this object: the start of its seeds."""
        return int.from_bytes(hashlib.sha1(f"{seed}:{self.code}".encode()).digest()[:5], "big")

    @property
    def size(self) -> str:
        """The size class the object is reported in."""
        return next(name for end, name in SIZES if self.area < end)


@dataclass(frozen=True, eq=False)
class Case:
    """One question to a system.

    scene: what it may see.  true: (H, W) bool, the real object.  hidden: (H, W) bool, cleared of layers.
    drawn: (H, W) float32 in [0, 1], the guide as a map; zeros without one.
    """

    target: Target
    kind: str
    scene: Scene
    guide: Guide | None
    true: np.ndarray
    hidden: np.ndarray
    drawn: np.ndarray
    flags: tuple[str, ...]


def admitted(pack: Pack, protocol: Protocol, split: str) -> list[Target]:
    """The objects of a split that the protocol admits, in the pack's order; reads no mask."""
    meta = pack.meta
    found = []
    for position in range(len(pack)):
        source = protocol.family(meta.sources[position])
        if meta.splits[position] != split or source is None:
            continue
        pixels = int(meta.heights[position]) * int(meta.widths[position])
        for index, (area, thing) in enumerate(zip(meta.areas[position], meta.layer_things[position], strict=True)):
            if thing and area >= protocol.min_area * pixels:
                x0, y0, x1, y1 = meta.boxes[position][index].tolist()
                key, name = meta.keys[position], meta.layer_names[position][index]
                found.append(Target(position, index, key, source, name, float(area) / pixels, (x0, y0, x1, y1)))
    return found


def find_targets(pack: Pack, protocol: Protocol) -> list[Target]:
    """The objects to judge. Raises ValueError if the protocol admits none."""
    chosen = choose(admitted(pack, protocol, protocol.split), protocol.limit, protocol.seed)
    if not chosen:
        raise ValueError(
            f"No object of {', '.join(protocol.sources)} in the {protocol.split} split of {pack.path} covers "
            f"{protocol.min_area:.1%} of its image; check the sources and the split."
        )
    return chosen


def choose(targets: Iterable[Target], limit: int | None, seed: int) -> list[Target]:
    """At most ``limit`` targets, in turn from each source, by a hash of the seed and the object alone.

    So the choice does not depend on the order of the pack, and a larger limit keeps the smaller one's objects.
    """
    queues: dict[str, list[Target]] = {}
    for target in targets:
        queues.setdefault(target.source, []).append(target)
    for queue in queues.values():
        queue.sort(key=lambda t: (t.number(seed), t.code, t.layer))
    ranked = [(turn, source, t) for source, queue in queues.items() for turn, t in enumerate(queue)]
    ranked.sort(key=lambda item: item[:2])
    return [target for _, _, target in ranked[:limit]]


@dataclass(frozen=True)
class Sample:
    """The objects of a run. every: drawn from all objects; whole: drawn from the whole ones. Both may share some."""

    every: tuple[Target, ...]
    whole: tuple[Target, ...]

    @property
    def targets(self) -> list[Target]:
        """All of them, each once."""
        return list(dict.fromkeys((*self.every, *self.whole)))


def draw_sample(pack: Pack, protocol: Protocol) -> Sample:
    """The objects of a run by the protocol. Raises ValueError if it admits none."""
    every = find_targets(pack, protocol)
    if not protocol.whole:
        return Sample(tuple(every), tuple(t for t in every if is_whole(pack, t)))
    ranked = choose(admitted(pack, protocol, protocol.split), None, protocol.seed)
    return Sample(tuple(every), tuple(islice((t for t in ranked if is_whole(pack, t)), protocol.whole)))


def is_whole(pack: Pack, target: Target) -> bool:
    """Whether an object has no flag: in one part, clear of the border, touching no other thing."""
    return not object_flags(pack.scene(target.record), target.layer)


def make_case(record: Record, target: Target, kind: str, protocol: Protocol) -> Case:
    """The question for one object and guide kind; chance comes from the object and the seed alone."""
    seeds = target.number(protocol.seed), NUMBERS[kind]
    scene = record.scene
    true = scene.layers[target.layer].mask
    guide = draw_guide(true, kind, np.random.default_rng([*seeds, 0]), exact=True)
    hidden = hidden_pixels(true, kind, np.random.default_rng([*seeds, 1]), protocol)
    drawn = draw([] if guide is None else [guide], scene.height, scene.width)
    seen = hide(scene.remove(target.layer), hidden)
    return Case(target, kind, seen, guide, true, hidden, drawn, object_flags(scene, target.layer))


def hidden_pixels(true: np.ndarray, kind: str, rng: np.random.Generator, protocol: Protocol) -> np.ndarray:
    """``(H, W)`` bool: what is hidden of the layout; its outline says nothing of the object's but its rough box."""
    box = mask_box(true)
    if box is None:
        raise ValueError("The object's mask is empty; there is nothing to hide.")
    x0, y0, x1, y1 = box
    if kind != NONE and guide_of(kind).promise.bounds > 0.5:
        grow = max(protocol.hide_margin * max(x1 - x0, y1 - y0), VOID_RING)
        return box_mask((x0 - grow, y0 - grow, x1 + grow, y1 + grow), *true.shape)
    hidden = hidden_region(box, true.shape, rng)
    for _ in range(protocol.decoys):
        scale = rng.uniform(0.7, 1.3)
        half_width, half_height = (x1 - x0) / 2 * scale, (y1 - y0) / 2 * scale
        cx, cy = rng.uniform(0, true.shape[1]), rng.uniform(0, true.shape[0])
        decoy = (cx - half_width, cy - half_height, cx + half_width, cy + half_height)
        hidden |= hidden_region(decoy, true.shape, rng)
    return hidden


def hide(scene: Scene, hidden: np.ndarray) -> Scene:
    """The scene with every layer cleared where ``hidden``; layers that vanish, photograph and caption removed."""
    gone = MaskWindow.of(hidden)
    layers = [replace(layer, window=layer.window - gone) for layer in scene.layers]
    return Scene(scene.height, scene.width, tuple(layer for layer in layers if layer.window.any()))


def object_flags(scene: Scene, index: int) -> tuple[str, ...]:
    """What is special about an object.

    ``parts``: over 5 % of it lie outside its largest part; ``cut``: it reaches the border of the
    image; ``touching``: another thing lies within VOID_RING pixels.
    """
    mask = scene.layers[index].mask
    flags = []
    if np.count_nonzero(components(mask)[0]) < 0.95 * np.count_nonzero(mask):
        flags.append("parts")
    if mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any():
        flags.append("cut")
    near = cv2.dilate(mask.astype(np.uint8), np.ones((2 * VOID_RING + 1,) * 2, np.uint8)).astype(bool)
    others = (layer for i, layer in enumerate(scene.layers) if i != index and layer.thing)
    if any((layer.mask & near).any() for layer in others):
        flags.append("touching")
    return tuple(flags)
