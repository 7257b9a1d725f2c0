"""What of the memory could be meant: candidates of a request in its scene, weighed, and the strata that seeds walk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from smartmask.geometry import BoxXYXY
from smartmask.guides import Guide
from smartmask.guides.compile import promising
from smartmask.masks.exemplar import candidates as found
from smartmask.masks.exemplar.asked import Asked, seen_in
from smartmask.masks.exemplar.attributes import Wish
from smartmask.masks.exemplar.candidates import Candidates, nats
from smartmask.masks.exemplar.choose import UNITS, Chooser, crop_scene, score_units
from smartmask.masks.exemplar.guess import StrokeTable
from smartmask.masks.exemplar.memory import Memory
from smartmask.masks.exemplar.names import Own
from smartmask.masks.exemplar.pool import Pool, group_pool, pool_of, upper_pool
from smartmask.masks.exemplar.strata import FINE, Strata, overlaps, stratify, weights_of
from smartmask.masks.exemplar.wished import reshaped, wished_rows
from smartmask.masks.exemplar.wishes import border_units, quality_units, trait_units, twin_units
from smartmask.masks.model import MaskRequest
from smartmask.scene import Scene
from smartmask.text.encoder import Meaning, TextEncoder

EXAMINED = 640  # shapes that are held against scene and guides, of those nearest in aspect
DISTINCT = found.POOL  # of these the best make the strata
MERIT = 500  # of FINE: how much an outline that no one would name counts as an example
PLACED = 6  # times as much clearness counts where no box asks for a shape of its own
FITTING = 0.5  # weight of how a guessed box suits the scene, beside what strokes like these mean


class PlaceModel(Protocol):
    """Where things of a name stand in a scene (place/)."""

    def propose(
        self, scene: Scene, name: str, guides: Sequence[Guide], seeds: Sequence[int], not_here: Sequence[Guide] = ()
    ) -> list[Any]:
        """A place a seed, clear of ``not_here``, with ``box`` (x0, y0, x1, y1), ``score`` in [0, 1]."""
        ...

    def fits(self, scene: Scene, name: str, boxes: Sequence[BoxXYXY]) -> np.ndarray:
        """``(n,)`` log scores in nats: how well boxes suit the scene, beside what is usual for the name."""
        ...

    def order(self, scene: Scene, box: BoxXYXY) -> int:
        """The index in ``scene.layers`` at which a thing with this box belongs."""
        ...

    def in_front(self, scene: Scene, box: BoxXYXY) -> list[int]:
        """The layers that may hide a thing of which this box is seen."""
        ...

    def size(self, name: str) -> tuple[float, float]:
        """Height in metres at which pictures show things of a name, and width over height."""
        ...


@dataclass(frozen=True)
class ExemplarDefaults:
    """scene: weight of the chooser's score. blend: how far outlines go to the middle of their neighbours, [0, 1].
    near: one in how much of a stratum's weight is drawn from. blend_first, near_first: the same for the first
    stratum, which the most typical outlines make. paint: how far a painted mask is followed, [0, 1]."""

    scene: float = 1.0
    blend: float = 0.0
    blend_first: float = 0.6
    near: int = 4
    near_first: int = 24
    paint: float = 1.0


class Remembering(Protocol):
    """The parts of an exemplar model that candidates are weighed by."""

    text: TextEncoder
    memory: Memory
    chooser: Chooser
    strokes: StrokeTable
    places: PlaceModel
    defaults: ExemplarDefaults


@dataclass(frozen=True, eq=False)
class Weighed:
    """The candidates of one box or guide with their strata. guided: (n,) units of the guides alone."""

    pool: Pool
    candidates: Candidates
    strata: Strata
    overlap: np.ndarray
    weights: np.ndarray
    guided: np.ndarray
    scene: np.ndarray
    likely: float = 1.0


@dataclass(eq=False)
class Sight:
    """One request in one scene: what weighing candidates needs to know."""

    model: Remembering
    scene: Scene
    request: MaskRequest
    wish: Wish
    meaning: Meaning
    own: Own
    asked: Asked
    context: np.ndarray

    def __post_init__(self) -> None:
        encode = self.model.text.encode
        names = [encode(layer.name) for layer in self.scene.layers] or [np.zeros_like(self.context)]
        self.names = np.stack(names)
        scale, about = self.request.guidance_scale, self.request.context_guidance_scale
        self.weight = self.model.defaults.scene * (1.0 if scale is None else scale)
        self.about = self.context * np.float32(1.0 if about is None else about)

    def guided(self, region: BoxXYXY) -> Weighed:
        """Candidates where the guides tell the extent, ``region``."""
        asked, pool = self.asked, self._pool(self.asked.exact)
        if asked.exact is not None:
            candidates = found.in_box(pool, asked.exact)
        elif asked.moments is not None and asked.strokes is None:
            if asked.unknown is None:
                candidates = found.by_moments(pool, asked.moments)
            else:
                candidates = found.going_on(pool, asked, region, asked.moments)
        else:
            height, width = self.scene.height, self.scene.width
            guesses, likely = self.model.strokes.boxes(region, self.request.guides, pool.aspects, height, width)
            fits = np.asarray(self.model.places.fits(self.scene, self.meaning.name, guesses), np.float64)
            candidates = found.in_boxes(pool, guesses, nats(likely + FITTING * fits))
        return self._weighed(pool, candidates)

    def placed(self, seeds: Sequence[int]) -> dict[int, Weighed]:
        """Candidates in the place of each seed."""
        points = promising(self.request.guides, "inside")
        spots = self.model.places.propose(self.scene, self.meaning.name, points, seeds, self.request.not_here)
        result, made = {}, dict[BoxXYXY, Weighed]()
        wished = wished_rows(self.model.memory, self.own.rows, self.wish)
        for seed, spot in zip(seeds, spots, strict=True):
            if spot.box not in made:
                box = reshaped(self.model.memory, self.own.rows, wished, spot.box)
                pool = self._pool(None)
                made[spot.box] = self._weighed(pool, found.near_box(pool, box), float(spot.score), PLACED)
            result[seed] = made[spot.box]
        return result

    def _pool(self, box: BoxXYXY | None) -> Pool:
        """The shapes to look at: of a name with very many, those nearest in aspect."""
        memory = self.model.memory
        aspect = None if box is None else (box[2] - box[0]) / max(box[3] - box[1], 1e-6)
        rows = wished_rows(memory, self.own.rows, self.wish, None if self.asked.exact is None else aspect)
        if self.asked.region is None:  # no extent asks for what is hidden in part
            rows = rows[memory.quality[rows] > 0]
        if aspect is not None and len(rows) > EXAMINED // 2 and self.wish.number == 1:
            away = np.round(np.abs(np.log(memory.aspects(rows) / aspect)) * 4096).astype(np.int64)
            rows = np.sort(rows[np.argsort(away, kind="stable")[: EXAMINED // 2]])
        elif aspect is None and len(rows) > EXAMINED // 4:
            clearest = -memory.quality[rows].astype(np.int64)
            rows = np.sort(rows[np.argsort(clearest, kind="stable")[: EXAMINED // 4]])
        if self.own.top < 1:
            return upper_pool(memory, rows[: EXAMINED // 4], self.own.top)
        if self.wish.number == 1:
            return pool_of(memory, rows)
        whole = rows[memory.whole[rows]]  # no one of a group stands at a border by itself
        return group_pool(memory, pool_of(memory, whole if len(whole) else rows), self.wish.number, aspect)

    def _weighed(self, pool: Pool, candidates: Candidates, likely: float = 1.0, clear: int = 1) -> Weighed:
        memory, shapes = self.model.memory, candidates.shapes
        cells = pool.cells[shapes]
        guided = found.guided(self.asked, cells, candidates.boxes)
        told = (
            clear * quality_units(memory, pool.rows[shapes])
            + trait_units(memory, pool.rows[shapes], pool.mirrored[shapes], self.wish)
            + border_units(memory, pool.rows[shapes], pool.mirrored[shapes], candidates.boxes, self.scene)
            + self.own.penalty(pool.rows[shapes])
        )
        candidates = candidates.weighed(guided + told)
        scene = self._scene_units(pool, candidates)
        candidates = candidates.weighed(scene + twin_units(self.scene, self.meaning.name, cells, candidates.boxes))
        kept = np.sort(np.argsort(-candidates.units, kind="stable")[:DISTINCT])
        best, guided, scene = candidates.take(kept), guided[kept], scene[kept]
        overlap = overlaps(_comparable(pool, best))
        weights = weights_of(best.units, UNITS)
        defaults = self.model.defaults
        near, first = (1, 1) if self.request.diverse else (defaults.near, defaults.near_first)
        rows = pool.rows[best.shapes]
        merit = MERIT + (FINE - MERIT) * memory.quality[rows].astype(np.int64) // 255
        strata = stratify(weights, overlap, near=near, near_first=first, merit=merit, kin=rows)
        return Weighed(pool, best, strata, overlap, weights, guided, scene, likely)

    def _scene_units(self, pool: Pool, candidates: Candidates) -> np.ndarray:
        """``(n,)`` the chooser's scores; the scene is seen round the box of the likeliest candidates together."""
        embeddings = self.model.memory.embeddings
        if self.weight == 0 or embeddings is None or not len(candidates):
            return np.zeros(len(candidates), np.int64)
        box = self.asked.exact or candidates.middle_box()
        told = self.meaning.vector.copy()
        crop = crop_scene(self.scene, [box], self.names, told, self.about)
        seen = self.model.chooser.embed_scenes(crop)[0]
        shapes = candidates.shapes
        units = score_units(seen, embeddings[pool.rows[shapes], pool.mirrored[shapes].astype(np.int64)])
        return np.round(units * self.weight).astype(np.int64)


def _comparable(pool: Pool, candidates: Candidates) -> np.ndarray:
    """Candidates' pictures in one frame: their own box if all share it, else the window that holds them all."""
    cells, boxes = pool.cells[candidates.shapes], candidates.boxes
    if len(boxes) == 0 or np.ptp(boxes, axis=0).max() < 1e-9:
        return cells
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    return seen_in((float(low[0]), float(low[1]), float(high[0]), float(high[1])), cells, boxes)
