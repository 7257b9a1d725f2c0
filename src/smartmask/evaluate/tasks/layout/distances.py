"""Do drawn layouts look like real ones? Frechet distance of layout features, beside real against real and baselines.

For each real test scene a layout is drawn from the list of its names alone. Row i of every system answers to the
same real scene, so the sets compared have one size and one mixture of names, and what differs is where things lie
and how large they are:

* ``drawn``: the project's layout.
* ``ellipses``: the same layout, each object the ellipse that fills its mask's box.
* ``retrieved``: the training scene whose names are most alike, an annotated layout of other content.

Features are read from a GRID x GRID map of names. "area": the square root of each name's share. "adjacency": the
square root of each ordered pair's share of the places where two names meet, one above the other, and of each pair's
where they meet side by side; a last name stands for the unlabeled. "places": where the names lie, each name's vector
at each cell of a coarse grid. "outlines": the evaluation network's features of the objects' visible silhouettes
(``metrics/judge.py``; trained on real masks of the training split), their mean over the layout. Each kind is
projected on the first COMPONENTS directions of the training scenes' features.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.plans import LEAST, NAMES, THINGS, PlanScene
from smartmask.data.silhouettes import silhouette
from smartmask.evaluate.tasks.layout.prompts import HEIGHT, WIDTH
from smartmask.geometry import BoxXYXY, mask_box
from smartmask.io.bars import watched
from smartmask.metrics.judge import Judge, features_of, load_judge
from smartmask.metrics.layouts import Project, adjacency_features, area_features, place_features, projection
from smartmask.metrics.sets import REAL, distances
from smartmask.plan.language import grammar
from smartmask.plan.language.phrases import Request, Wanted
from smartmask.plan.layouts.pipeline import Layout, draw_layout
from smartmask.plan.layouts.stuff import StuffField
from smartmask.scene import Scene
from smartmask.scene.categories import clean_name
from smartmask.text.encoder import TextEncoder

GRID = 64
COMPONENTS = 8  # as few as halves of some dozen scenes allow
MOST_THINGS = 20  # objects asked of one layout; the largest
TEN = "a park with a bench, a man, a woman, two dogs, a cat, a bicycle, a kite, a ball and a car"
UNNAMED = len(NAMES)  # index in a map of names


def name_map(scene: Scene, only: Sequence[str] | None = None) -> np.ndarray:
    """``(GRID, GRID)`` index in NAMES of what is seen at each cell's centre, UNNAMED for the unlabeled and unknown.

    only: names that count; the others are UNNAMED too. None: all.
    """
    places = {name: index for index, name in enumerate(NAMES) if only is None or name in only}
    table = np.array([*(places.get(clean_name(layer.name), UNNAMED) for layer in scene.layers), UNNAMED])
    rows = ((np.arange(GRID) + 0.5) * scene.height / GRID).astype(int)
    cols = ((np.arange(GRID) + 0.5) * scene.width / GRID).astype(int)
    return table[scene.top()[rows[:, None], cols[None, :]].astype(int)]  # -1 is the last of the table


# --- systems -----------------------------------------------------------------------------------


def asked(scene: PlanScene) -> Request:
    """A request for the names of a real scene, and nothing else: its surfaces, and its MOST_THINGS largest objects."""
    sizes = [float((box[2] - box[0]) * (box[3] - box[1])) for box in scene.boxes]
    surfaces = dict.fromkeys(name for name in scene.names if _is_surface(name))
    things = [i for i, name in enumerate(scene.names) if not _is_surface(name)]
    things = sorted(sorted(things, key=lambda i: -sizes[i])[:MOST_THINGS])
    wanted = [Wanted(name, name, surface=True) for name in surfaces]
    seen: Counter[str] = Counter()
    for name in (scene.names[i] for i in things):
        seen[name] += 1
        wanted.append(Wanted(name, name if seen[name] == 1 else f"{name} {seen[name]}"))
    return Request(", ".join(dict.fromkeys(scene.names)), tuple(wanted))


def _is_surface(name: str) -> bool:
    return name not in THINGS and grammar.SURFACE_NAMES.get(name, name) in grammar.SURFACES


def as_ellipses(layout: Layout) -> Scene:
    """The layout's scene with the ellipse that touches the four sides of its box for each object's mask."""
    scene = Scene.empty(layout.height, layout.width)
    for item in layout.stacked():
        box = mask_box(item.mask)
        if box is not None:
            mask = ellipse_mask(box, layout.height, layout.width) if item.thing else item.mask
            scene = scene.insert(mask if mask.any() else item.mask, item.name, thing=item.thing)
    return scene


def ellipse_mask(box: BoxXYXY, height: int, width: int) -> np.ndarray:
    """``(height, width)`` bool: pixels whose centre lies in the ellipse that touches the four sides of the box."""
    x0, y0, x1, y1 = box
    across = (np.arange(width) + 0.5 - (x0 + x1) / 2) / (x1 - x0)
    down = (np.arange(height) + 0.5 - (y0 + y1) / 2) / (y1 - y0)
    return across[None, :] ** 2 + down[:, None] ** 2 <= 0.25


def most_alike(scene: PlanScene, others: Sequence[PlanScene], rng: np.random.Generator) -> PlanScene:
    """The scene whose names, with their numbers, share most with this one's (Jaccard); ties are drawn."""
    mine = Counter(scene.names)
    scores = []
    for other in others:
        theirs = Counter(other.names)
        scores.append((mine & theirs).total() / (mine | theirs).total())
    best = np.flatnonzero(np.array(scores) == max(scores))
    return others[int(rng.choice(best))]


@dataclass(frozen=True, eq=False)
class Reading:
    """What the features are read from. names: as ``name_map``. shapes: (k, 64, 64) uint8 silhouettes of its objects."""

    names: np.ndarray
    shapes: np.ndarray

    @classmethod
    def of(cls, scene: Scene, only: Sequence[str]) -> Reading:
        """A scene's layers of these names; silhouettes of what is seen of its things, from LEAST of the picture."""
        seen = [
            scene.visible(index)
            for index, layer in enumerate(scene.layers)
            if layer.thing and clean_name(layer.name) in only
        ]
        shapes = [silhouette(mask) for mask in seen if mask.mean() >= LEAST]
        return cls(name_map(scene, only), np.stack(shapes) if shapes else np.zeros((0, 64, 64), np.uint8))

    def mirrored(self) -> Reading:
        return Reading(self.names[:, ::-1], self.shapes[:, :, ::-1])


@dataclass(eq=False)
class LayoutFeatures:
    """Four kinds of features of layouts, fitted on training layouts."""

    vectors: np.ndarray  # (UNNAMED, d) of the names, their mean length 1
    judge: Judge
    project: dict[str, Project]

    @classmethod
    def fit(cls, layouts: Sequence[Reading], text: TextEncoder) -> LayoutFeatures:
        """Fitted on the layouts and their mirror images."""
        own = np.stack([text.encode(name) for name in NAMES]).astype(np.float64)
        vectors = projection(own, COMPONENTS)(own)
        features = cls(vectors / np.linalg.norm(vectors, axis=1).mean(), load_judge(), {})
        raw = features._raw([*layouts, *(layout.mirrored() for layout in layouts)])
        features.project = {kind: projection(rows, COMPONENTS) for kind, rows in raw.items()}
        return features

    def __call__(self, layouts: Sequence[Reading]) -> dict[str, np.ndarray]:
        """{kind: (n, COMPONENTS)}."""
        return {kind: self.project[kind](rows) for kind, rows in self._raw(layouts).items()}

    def _raw(self, layouts: Sequence[Reading]) -> dict[str, np.ndarray]:
        counts = [len(layout.shapes) for layout in layouts]
        shapes = np.ascontiguousarray(np.concatenate([layout.shapes for layout in layouts]))
        if not len(shapes):
            outlines = np.zeros((len(layouts), self.judge.config.features))
        else:
            every = np.split(features_of(self.judge, shapes), np.cumsum(counts)[:-1])
            outlines = np.stack([rows.sum(axis=0) / max(len(rows), 1) for rows in every])
        return {
            "area": np.stack([area_features(layout.names, UNNAMED + 1) for layout in layouts]),
            "adjacency": np.stack([adjacency_features(layout.names, UNNAMED + 1) for layout in layouts]),
            "places": np.stack([place_features(layout.names, self.vectors) for layout in layouts]),
            "outlines": outlines,
        }


def compare(systems: Mapping[str, Sequence[Reading]], features: LayoutFeatures, seed: int = 0) -> dict[str, Any]:
    """{kind of features: distances of every system}; systems: {name: n layouts}, row i for one scene, with REAL."""
    found = {name: features(layouts) for name, layouts in systems.items()}
    scenes = np.arange(len(systems[REAL]))
    kinds = found[REAL]
    return {kind: distances({name: rows[kind] for name, rows in found.items()}, scenes, seed) for kind in kinds}


def layout_distances(
    pack: Pack, train: Sequence[PlanScene], unseen: Sequence[PlanScene], pipeline: Any, field: StuffField,
    seed: int = 0
) -> dict[str, Any]:  # fmt: skip
    """{kind of annotation: {features: distances}} of layouts; ``train`` feeds retrieval."""
    report: dict[str, Any] = {}
    rng = np.random.default_rng(seed)
    for style in dict.fromkeys(scene.style for scene in unseen):
        scenes = [scene for scene in unseen if scene.style == style]
        known = [scene for scene in train if scene.style == style]
        if len(scenes) < 4 or len(known) < 2:
            continue
        read: dict[str, list[Reading]] = {REAL: [], "drawn": [], "ellipses": [], "retrieved": []}
        for number, scene in enumerate(watched(f"layouts, {style}", scenes)):
            request = asked(scene)
            layout = draw_layout(request, HEIGHT, WIDTH, pipeline, field, generator=seed + number, num_masks=2)
            only = [item.name for item in request.objects]
            read[REAL].append(Reading.of(pack[scene.record].scene, scene.names))
            read["drawn"].append(Reading.of(layout.scene(), only))
            read["ellipses"].append(Reading.of(as_ellipses(layout), only))
            other = most_alike(scene, known, rng)
            read["retrieved"].append(Reading.of(pack[other.record].scene, other.names))
        fitted = LayoutFeatures.fit([Reading.of(pack[s.record].scene, s.names) for s in known], pipeline.text)
        report[style] = {"scenes": len(scenes), "features": compare(read, fitted, seed)}
    return report


def time_of_ten(pipeline: Any, field: StuffField, repeats: int = 3) -> dict[str, Any]:
    """Median seconds of a layout of ten objects at 512x384 (four candidates an object), models loaded."""
    seconds, count = [], 0
    for seed in range(repeats):
        begun = time.perf_counter()
        layout = draw_layout(TEN, 384, 512, pipeline, field, generator=seed)
        seconds.append(time.perf_counter() - begun)
        count = sum(item.thing for item in layout.items)
    return {"text": TEN, "objects": count, "seconds": round(float(np.median(seconds)), 2), "repeats": repeats}
