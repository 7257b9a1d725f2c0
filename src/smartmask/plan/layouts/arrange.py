"""Where wanted objects stand: boxes and depths that agree with the ground, the camera, each other and the text.

Boxes are proposed at random, by the relation if the text gives one, and scored by plain geometry; a whole list
is arranged several times and the best arrangement kept. No network: milliseconds an object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from smartmask.geometry import BoxXYXY, mask_box
from smartmask.plan.language import grammar, relations
from smartmask.plan.language.phrases import Relation, Request, Wanted
from smartmask.plan.layouts.furnish import carries
from smartmask.plan.layouts.ground import BY_THE_WALL, Ground, surface_name
from smartmask.plan.layouts.sizes import Camera
from smartmask.plan.planners.interface import Region
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder
from smartmask.text.typical import typical_size

PROPOSALS = 160  # boxes tried for an object
AFLOAT = frozenset(["boat", "ship", "raft", "canoe", "kayak", "surfboard", "swan", "duck", "fish", "dolphin", "whale"])
WHEELS = frozenset(["car", "bus", "truck", "van", "taxi", "motorcycle", "bicycle", "scooter"])
ROADSIDE = frozenset(["pole", "bench", "hydrant", "meter", "mailbox", "can", "bin", "lamp"])
INSET = 0.1  # of a box's sides, on each side, where its object mostly is not
SITTING, SEATED_WIDTH = 0.75, 1.5  # height and aspect of a sitting person, of a standing one's
READABLE, READABLE_SMALL, SMALL_METRES = 0.065, 0.045, 0.3  # least side of a thing, as a share of the picture's; small
FAR = 0.3  # share of the ground, from its far end, that is a poor place for what is asked for
SEEN = 0.4  # of each side of a box that lies in the picture at least


@dataclass(frozen=True)
class Placed:
    """An object with its place. depth: row where it meets the ground, larger is nearer; carried objects take a
    little more than their support's. met: which of its relations hold. filled: (H + 1, W + 1) sums of its mask over
    all rows and columns before (``cv2.integral``), None where it has none yet."""

    key: str
    name: str
    box: BoxXYXY
    depth: float
    score: float = 0.0
    met: tuple[bool, ...] = ()
    filled: np.ndarray | None = field(default=None, compare=False, repr=False)


def arrange(
    request: Request, order: Sequence[str], ground: Ground, text: TextEncoder, before: Sequence[Placed], seed: int,
    restarts: int = 12,
) -> list[Placed]:  # fmt: skip
    """A place for each key of ``order``: of several random arrangements the one with the best total score.

    before: what stands there already; relations may refer to it by key.
    Boxes may cross the picture's border.
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
    """What carries a small thing."""
    supports = [other for other in others if carries(other.name, item.name)]
    return supports[int(rng.integers(len(supports)))] if supports else None


def _holds(rule: Relation, box: BoxXYXY, depth: float, known: dict[str, Placed]) -> bool:
    reference = known[rule.reference]
    return relations.holds(rule.kind, box, reference.box, depth > reference.depth)


def _propose(
    item: Wanted, rules: Sequence[Relation], ground: Ground, text: TextEncoder, known: dict[str, Placed],
    rng: np.random.Generator, region: Region | None = None,
) -> tuple[BoxXYXY, float]:  # fmt: skip
    name = _on_a_table(item.name, rules, known)
    metres, aspect = typical_size(name, text) if ground.sizes is None else ground.sizes(name)
    aspect *= float(np.exp(rng.normal(0, 0.08)))
    metres *= float(np.exp(rng.normal(0, 0.06)))
    height, width = ground.size

    def size(foot: float) -> tuple[float, float]:
        high = ground.camera.pixels(metres, max(foot, ground.top + 2), item.name)
        if isinstance(ground.camera, Camera):  # drawn scenes show what they hold; a photo's own scale is its own
            readable = (READABLE if metres >= SMALL_METRES else READABLE_SMALL) * (height * width / aspect) ** 0.5
            high = max(high, readable)
        return high * aspect, high

    if rules:
        rule = rules[int(rng.integers(len(rules)))]
        reference = known[rule.reference]
        if rule.kind == "on" and relations.sits(item.name, reference.name):
            metres, aspect = metres * SITTING, aspect * SEATED_WIDTH
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
        return _in_region(
            ground.sky, aspect, height * rng.uniform(0.1, 0.2) * float(np.clip(metres**0.5, 0.55, 1)), rng
        ), ground.top - 1
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


def _on_a_table(name: str, rules: Sequence[Relation], known: dict[str, Placed]) -> str:
    """The name of a thing of the size that it has where it stands: a lamp on a table is a table lamp."""
    on_table = any(rule.kind == "on" and known[rule.reference].name.split()[-1] in relations.TABLES for rule in rules)
    return "table lamp" if name == "lamp" and on_table else name


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
        share = covered(box, other)
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
    if not rules and not aloft and not ground.indoor and noun not in AFLOAT:
        score -= max(0.0, FAR - (y1 - ground.top) / max(height - ground.top, 1.0)) / FAR
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
    if noun in ROADSIDE and ground.road.any():
        return fit - float(ground.road[row, line].mean())
    if noun in WHEELS and ground.road.any():
        return 0.5 * fit + 0.5 * float(ground.road[row, line].mean())
    return fit


def overlap(a: BoxXYXY, b: BoxXYXY) -> float:
    """Common area as a share of the smaller box, in [0, 1]."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return max(w, 0.0) * max(h, 0.0) / max(smaller, 1e-9)


def covered(box: BoxXYXY, other: Placed) -> float:
    """How much of the smaller of two objects the other takes, in [0, 1]; by the mask where there is one.

    Of a box that has no mask yet the inner part counts, as objects leave its corners free.
    """
    if other.filled is None:
        return overlap(box, other.box)
    table = other.filled
    inset = INSET * (box[2] - box[0]), INSET * (box[3] - box[1])
    x0, x1 = (int(np.clip(edge, 0, table.shape[1] - 1)) for edge in (box[0] + inset[0], box[2] - inset[0]))
    y0, y1 = (int(np.clip(edge, 0, table.shape[0] - 1)) for edge in (box[1] + inset[1], box[3] - inset[1]))
    common = float(table[y1, x1] - table[y0, x1] - table[y1, x0] + table[y0, x0])
    own = (box[2] - box[0] - 2 * inset[0]) * (box[3] - box[1] - 2 * inset[1])
    return common / max(min(own, float(table[-1, -1])), 1.0)


def layers_as_placed(scene: Scene) -> list[Placed]:
    """The things of a scene as placed objects, keys ``layer:NAME``; of several of a name the largest comes last."""
    found = []
    for layer in sorted(scene.layers, key=lambda one: int(one.mask.sum())):
        box = mask_box(layer.mask)
        if box is not None and (layer.thing or surface_name(layer.name) not in grammar.SURFACES):
            filled = cv2.integral(layer.mask.astype(np.uint8))
            found.append(Placed(f"layer:{layer.name}", layer.name, box, box[3], filled=filled))
    return found
