"""Where wanted objects stand: boxes and depths that agree with the ground, the camera, each other and the text.

Boxes are proposed at random, by the relation if the text gives one, and scored by plain geometry; a whole list
is arranged several times and the best arrangement kept. No network: milliseconds an object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from smartmask.geometry import BoxXYXY, mask_box
from smartmask.models.text import TextEncoder
from smartmask.models.words import word_set
from smartmask.pipelines.surfaces import GROUND
from smartmask.planner import grammar, relations
from smartmask.planner.interface import Region
from smartmask.planner.phrases import Relation, Request, Wanted
from smartmask.planner.sizes import Camera, typical_size
from smartmask.scene import Scene

PROPOSALS = 160  # boxes tried for an object
WATER = frozenset(["sea", "water", "river"])
AFLOAT = frozenset(["boat", "ship", "raft", "canoe", "kayak", "surfboard", "swan", "duck", "fish", "dolphin", "whale"])
WHEELS = frozenset(["car", "bus", "truck", "van", "taxi", "motorcycle", "bicycle", "scooter"])
BY_THE_WALL = word_set("couch sofa bed refrigerator oven stove sink cabinet dresser shelf bookcase tv piano")
SEEN = 0.4  # of each side of a box that lies in the picture at least
ROOM = 0.24  # of the picture's width: a metre at the back wall of a room, before zooming


@dataclass(frozen=True)
class Placed:
    """An object with its place. depth: row where it meets the ground, larger is nearer; carried objects take a
    little more than their support's. met: which of its relations hold."""

    key: str
    name: str
    box: BoxXYXY
    depth: float
    score: float = 0.0
    met: tuple[bool, ...] = ()


@dataclass(frozen=True, eq=False)
class Ground:
    """What the surfaces of a scene say about places: (H, W) maps and the camera.

    solid, water, sky, wall: bool maps of what is seen. road: where wheels belong. top: row where the ground begins.
    """

    solid: np.ndarray
    water: np.ndarray
    sky: np.ndarray
    wall: np.ndarray
    road: np.ndarray
    top: float
    indoor: bool
    camera: Camera
    surfaces: dict[str, np.ndarray] = field(default_factory=dict)  # what is seen of each, by name

    @property
    def size(self) -> tuple[int, int]:
        return self.solid.shape[0], self.solid.shape[1]


def read_ground(scene: Scene) -> Ground:
    """Ground, water, sky and walls of a scene by the names of its surfaces, and a camera that fits them."""
    height, width = scene.height, scene.width
    top_layer = scene.top()

    def where(words: frozenset[str]) -> np.ndarray:
        found = [i for i, layer in enumerate(scene.layers) if not layer.thing and _surface_name(layer.name) in words]
        return np.isin(top_layer, found) if found else np.zeros((height, width), bool)

    ground, water = where(frozenset(GROUND)), where(WATER)
    walls = frozenset(["wall", "wall-tile", "wall-brick", "wall-wood", "wall-stone", "curtain", "window"])
    indoor = bool(where(walls | {"ceiling"}).any()) and not where(frozenset(["sky"])).any()
    if not ground.any():
        ground = np.zeros((height, width), bool)
        ground[int(0.45 * height) :] = top_layer[int(0.45 * height) :] < 0
    rows = ground.argmax(axis=0)[ground.any(axis=0)]
    top = float(np.quantile(rows, 0.25)) if rows.size else 0.45 * height
    top = min(top, 0.85 * height)
    camera = Camera(top - 0.03 * height)
    if indoor:
        camera = Camera(top - camera.eye * ROOM * width)
    wheels = where(frozenset(["road"]))
    wheels = wheels if wheels.any() else where(frozenset(["pavement", "dirt", "gravel"]))
    seen = {layer.name: top_layer == i for i, layer in enumerate(scene.layers) if not layer.thing}
    return Ground(ground & ~water, water, where(frozenset(["sky"])), where(walls), wheels, top, indoor, camera, seen)


def _surface_name(name: str) -> str:
    words = [word for word in name.lower().split() if word not in ("other", "merged", "stuff")]
    name = " ".join(words).replace("-merged", "").replace("-other", "")
    return grammar.SURFACE_NAMES.get(name, name)


def fit_zoom(ground: Ground, names: Sequence[str], text: TextEncoder) -> Ground:
    """The ground with a camera so near that the largest of the named things fills a good part of the picture."""
    height, width = ground.size
    share = 0.55 if len(names) < 6 else 0.48
    largest = []
    for name in set(names):
        metres, aspect = typical_size(name, text)
        noun = name.split()[-1]
        if noun in relations.FLAT or noun in grammar.AIRBORNE:
            continue
        near = 0.2 if noun in BY_THE_WALL and ground.indoor else 0.6
        foot = ground.top + near * (height - ground.top)
        high = ground.camera.pixels(metres, foot)
        crowd = min(names.count(name), 5) ** 0.5
        largest.append(min(share * height / high, share * width / (high * aspect * crowd)))
    zoom = float(np.clip(min(largest), 0.4, 7.0)) if largest else 1.0
    return replace(ground, camera=replace(ground.camera, zoom=zoom))


def arrange(
    request: Request, order: Sequence[str], ground: Ground, text: TextEncoder, before: Sequence[Placed], seed: int,
    restarts: int = 12,
) -> list[Placed]:  # fmt: skip
    """A place for each key of ``order``: of several random arrangements the one with the best total score.

    before: what stands there already; relations may refer to it by key. Boxes may cross the picture's border.
    """
    best: list[Placed] = []
    most = -np.inf
    for restart in range(restarts):
        rng = np.random.default_rng([seed, restart])
        placed: list[Placed] = []
        for key in order:
            rules = tuple(r for r in request.relations if r.subject == key)
            placed.append(place(request.find(key), rules, ground, text, [*before, *placed], rng))
        total = sum(item.score for item in placed)
        if total > most:
            best, most = placed, total
    return best


def place(
    item: Wanted, rules: Sequence[Relation], ground: Ground, text: TextEncoder, others: Sequence[Placed],
    rng: np.random.Generator, region: Region | None = None,
) -> Placed:  # fmt: skip
    """The best of PROPOSALS random places of one object; region: a planner's rough idea, in shares of the picture."""
    known = {other.key: other for other in others}
    footing = [rule.reference.removeprefix("layer:") for rule in rules if rule.kind in ("on", "in")]
    for name in footing:  # "on the grass": no other ground will do
        if name in ground.surfaces and name not in known:
            ground = replace(ground, solid=ground.surfaces[name], road=np.zeros_like(ground.road))
    rules = [rule for rule in rules if rule.reference in known]
    if not rules and not ground_only(item.name):
        support = _support_for(item, others, rng)
        rules = [Relation(item.key, "on", support.key)] if support else []
    proposals = []
    for _ in range(PROPOSALS):
        box, depth = _propose(item, rules, ground, text, known, rng, region)
        met = tuple(_holds(rule, box, depth, known) for rule in rules)
        score = _score(item, box, depth, rules, met, ground, others) + 0.15 * float(rng.random())
        proposals.append(Placed(item.key, item.name, box, depth, score, met))
    pick = max(proposals, key=lambda proposal: proposal.score)
    box, depth = pulled_in(pick.box, pick.depth, ground.size)
    if box == pick.box:
        return pick
    return replace(pick, box=box, depth=depth, met=tuple(_holds(rule, box, depth, known) for rule in rules))


def pulled_in(box: BoxXYXY, depth: float, size: tuple[int, int]) -> tuple[BoxXYXY, float]:
    """The box, moved so far that SEEN of its width and of its height lie in a picture of (height, width).

    "left of" what stands at the left border leaves no room; a relation that cannot be kept is reported, while an
    object outside the picture could not be drawn.
    """
    height, width = size
    x0, y0, x1, y1 = box
    across, down = SEEN * min(x1 - x0, width), SEEN * min(y1 - y0, height)
    dx = max(across - x1, 0.0) - max(x0 + across - width, 0.0)
    dy = max(down - y1, 0.0) - max(y0 + down - height, 0.0)
    return (x0 + dx, y0 + dy, x1 + dx, y1 + dy), depth + dy


def ground_only(name: str) -> bool:
    """Whether a thing without a relation stands on the ground, not on furniture."""
    noun = name.split()[-1]
    return (noun not in grammar.SMALL and name.replace(" ", "_") not in grammar.SMALL) or noun == "lamp"


def _support_for(item: Wanted, others: Sequence[Placed], rng: np.random.Generator) -> Placed | None:
    supports = [other for other in others if other.name.split()[-1] in relations.TABLES - {"box", "suitcase"}]
    return supports[int(rng.integers(len(supports)))] if supports else None


def _holds(rule: Relation, box: BoxXYXY, depth: float, known: dict[str, Placed]) -> bool:
    reference = known[rule.reference]
    return relations.holds(rule.kind, box, reference.box, depth > reference.depth)


def _propose(
    item: Wanted, rules: Sequence[Relation], ground: Ground, text: TextEncoder, known: dict[str, Placed],
    rng: np.random.Generator, region: Region | None = None,
) -> tuple[BoxXYXY, float]:  # fmt: skip
    metres, aspect = typical_size(item.name, text)
    aspect *= float(np.exp(rng.normal(0, 0.08)))
    metres *= float(np.exp(rng.normal(0, 0.06)))
    height, width = ground.size

    def size(foot: float) -> tuple[float, float]:
        high = ground.camera.pixels(metres, max(foot, ground.top + 2))
        return high * aspect, high

    if rules:
        rule = rules[int(rng.integers(len(rules)))]
        reference = known[rule.reference]
        carried = rule.kind in ("on", "in", "above")
        base = max(reference.depth, ground.top + 2)
        own = (lambda _foot: size(base)) if carried or rule.kind == "under" else size
        box = relations.propose(rule.kind, (item.name, reference.name), reference.box, own, ground.size, rng)
        depth = reference.depth + (0.01 if carried else 0.0)
        if rule.kind in ("beside", "left of", "right of", "behind", "in front of"):
            depth = box[3] if item.name not in grammar.AIRBORNE else ground.top
        if rule.kind == "under":
            depth = max(box[3], reference.depth + 0.01)
        return box, depth
    noun = item.name.split()[-1]
    if noun in grammar.AIRBORNE and ground.sky.any():
        return _in_region(ground.sky, aspect, height * rng.uniform(0.08, 0.2) * min(1.0, metres), rng), ground.top - 1
    if noun in grammar.HANGING - {"lamp", "tv"} and ground.wall.any():
        _, high = size(ground.top + 2)
        return _in_region(ground.wall, aspect, high, rng), ground.top - 1
    near = rng.beta(2.2, 1.3)
    if noun in BY_THE_WALL and ground.indoor:
        near = rng.uniform(0.02, 0.3)
    foot = ground.top + (0.06 + 0.9 * near) * (height - ground.top)
    if noun in relations.FLAT:
        return _flat_box(ground, foot, rng), ground.top - 0.5
    if region is not None and rng.random() < 0.7:
        foot = float(np.clip(rng.normal(region[3], 0.06) * height, ground.top + 0.04 * height, height))
        w, h = size(foot)
        cx = rng.normal((region[0] + region[2]) / 2, 0.12) * width
        return (cx - w / 2, foot - h, cx + w / 2, foot), foot
    w, h = size(foot)
    cx = rng.uniform(min(0.3 * w, 0.5 * width), max(width - 0.3 * w, 0.5 * width))
    return (cx - w / 2, foot - h, cx + w / 2, foot), foot


def _in_region(region: np.ndarray, aspect: float, high: float, rng: np.random.Generator) -> BoxXYXY:
    """A box centred on a random point of a region, in its upper part where it is large."""
    ys, xs = np.nonzero(region)
    at = int(rng.integers(len(ys)))
    x, y = float(xs[at]), float(ys[at])
    return x - aspect * high / 2, y - high / 2, x + aspect * high / 2, y + high / 2


def _flat_box(ground: Ground, foot: float, rng: np.random.Generator) -> BoxXYXY:
    """The box of a rug whose near edge is at row ``foot``: about 2.2 metres wide, narrowing into the depth."""
    height, width = ground.size
    foot = max(foot, ground.top + 0.45 * (height - ground.top))
    wide = min(ground.camera.pixels(2.2, foot), 0.75 * width)
    far = max(ground.top + 0.08 * (height - ground.top), foot - 0.24 * wide)
    cx = rng.uniform(0.3, 0.7) * width
    return cx - wide / 2, far, cx + wide / 2, foot


def _score(
    item: Wanted, box: BoxXYXY, depth: float, rules: Sequence[Relation], met: Sequence[bool], ground: Ground,
    others: Sequence[Placed],
) -> float:  # fmt: skip
    """0 for a flawless place, less for each flaw: a broken relation, overlap, a cut border, no ground to stand on."""
    height, width = ground.size
    x0, y0, x1, y1 = box
    area = max((x1 - x0) * (y1 - y0), 1.0)
    inside = max(min(x1, width) - max(x0, 0), 0.0) * max(min(y1, height) - max(y0, 0), 0.0) / area
    score = -6.0 * sum(not m for m in met) - 5.0 * (1 - inside) - (3.0 if inside < 0.6 else 0.0)
    carried = {rule.reference for rule in rules if rule.kind in ("on", "in", "under", "above")}
    behind = {rule.reference for rule in rules if rule.kind in ("behind", "in front of")}
    for other in others:
        share = overlap(box, other.box)
        if other.key in carried or other.name.split()[-1] in relations.FLAT or item.name.split()[-1] in relations.FLAT:
            continue
        score -= (1.2 if other.key in behind else 4.0) * share
        score -= 2.0 if share > 0.75 else 0.0
        # someone else's support may be overlapped by what stands on it, not by what merely stands there
    noun = item.name.split()[-1]
    aloft = noun in grammar.AIRBORNE or noun in grammar.HANGING - {"lamp", "tv"}
    if not carried and not aloft and not any(rule.kind == "under" for rule in rules):
        score -= 2.5 * (1 - _support(noun, box, ground))
    if y1 - y0 < 0.025 * height:
        score -= 1.0
    return score


def _support(noun: str, box: BoxXYXY, ground: Ground) -> float:
    """Share in [0, 1] of the box's lower edge that lies on ground fit for the thing."""
    height, width = ground.size
    row = int(np.clip(box[3] - 1, 0, height - 1))
    x0, x1 = int(np.clip(box[0], 0, width - 1)), int(np.clip(box[2], 1, width))
    line = slice(x0, max(x1, x0 + 1))
    if noun in AFLOAT and ground.water.any():
        return float(ground.water[row, line].mean())
    fit = float(ground.solid[row, line].mean())
    if noun in WHEELS and ground.road.any():
        return 0.5 * fit + 0.5 * float(ground.road[row, line].mean())
    return fit


def overlap(a: BoxXYXY, b: BoxXYXY) -> float:
    """Common area as a share of the smaller box, in [0, 1]."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return max(w, 0.0) * max(h, 0.0) / max(smaller, 1e-9)


def layers_as_placed(scene: Scene) -> list[Placed]:
    """The things of a scene as placed objects, keys ``layer:NAME``; of several of a name the largest comes last."""
    found = []
    for layer in sorted(scene.layers, key=lambda one: int(one.mask.sum())):
        box = mask_box(layer.mask)
        if box is not None and (layer.thing or _surface_name(layer.name) not in grammar.SURFACES):
            found.append(Placed(f"layer:{layer.name}", layer.name, box, box[3]))
    return found
