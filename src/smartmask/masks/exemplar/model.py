"""ExemplarModel: remember, choose, fit. Numbered steps from a request to suggestions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch

from smartmask.geometry import BoxXYXY, shift_box
from smartmask.guides import Guide, extent
from smartmask.guides.compile import promising
from smartmask.masks.exemplar import candidates as found
from smartmask.masks.exemplar import fit
from smartmask.masks.exemplar.asked import Asked, compile_guides, seen_in
from smartmask.masks.exemplar.attributes import Wish, read_wish
from smartmask.masks.exemplar.candidates import Candidates, nats
from smartmask.masks.exemplar.choose import UNITS, Chooser, crop_scene, score_units
from smartmask.masks.exemplar.guess import StrokeTable
from smartmask.masks.exemplar.memory import Memory
from smartmask.masks.exemplar.names import Own, own_rows
from smartmask.masks.exemplar.outline import Outline, draw, place
from smartmask.masks.exemplar.pool import Pool, group_pool, pool_of, upper_pool
from smartmask.masks.exemplar.strata import FINE, Strata, overlaps, stratify, weights_of
from smartmask.masks.exemplar.wished import reshaped, unknown_traits, wished_rows
from smartmask.masks.exemplar.wishes import border_units, quality_units, trait_units, twin_units
from smartmask.masks.model import MaskRequest, Progress, Suggestion
from smartmask.scene import Scene
from smartmask.scene.view import View
from smartmask.text.encoder import Meaning, TextEncoder

EXAMINED = 640  # shapes that are held against scene and guides, of those nearest in aspect
DISTINCT = found.POOL  # of these the best make the strata
MERIT = 500  # of FINE: how much an outline that no one would name counts as an example
CLEAR, UNCLEAR = 0.8, 0.3  # quality from which an outline is clear, and what a rank loses that is not at all
PLACED = 6  # times as much clearness counts where no box asks for a shape of its own
FITTING = 0.5  # weight of how a guessed box suits the scene, beside what strokes like these mean
NEIGHBOURS, NEIGHBOURS_FIRST = 24, 60  # that an outline is blended with; one of the first stratum


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


@dataclass(frozen=True, eq=False)
class _Weighed:
    """The candidates of one box or guide with their strata. guided: (n,) units of the guides alone."""

    pool: Pool
    candidates: Candidates
    strata: Strata
    overlap: np.ndarray
    weights: np.ndarray
    guided: np.ndarray
    scene: np.ndarray
    likely: float = 1.0


class ExemplarModel:
    """Suggests remembered real outlines that suit scene, name and guides."""

    def __init__(
        self, text: TextEncoder, memory: Memory, chooser: Chooser, strokes: StrokeTable, places: PlaceModel,
        defaults: ExemplarDefaults | None = None,
    ) -> None:  # fmt: skip
        self.text, self.memory, self.chooser = text, memory, chooser.eval()
        self.strokes, self.places = strokes, places
        self.defaults = defaults or ExemplarDefaults()

    # --- the protocol ------------------------------------------------------------------------

    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> ExemplarModel:
        """Itself, where it is: on the CPU. Raises ValueError for a device that is not there."""
        try:
            torch.empty(0, device=device, dtype=dtype)
        except (RuntimeError, AssertionError, TypeError) as error:
            reason = str(error).split("\n")[0].rstrip(".")
            raise ValueError(f"The device '{device}' cannot be used ({reason}); try cpu.") from None
        return self

    def size(self, name: str) -> tuple[float, float]:
        """Height in metres at which pictures show things of a name, and width over height."""
        return self.places.size(name)

    def notes(self, scene: Scene, request: MaskRequest) -> list[str]:
        """What was guessed, borrowed or left out."""
        wish, meaning, own = self._read(request)
        notes = [meaning.warning] if meaning.warning else []
        notes += [own.note] if own.note else []
        unseen = [word for word in wish.unseen if word not in meaning.name.split()]
        if unseen:
            notes.append(f"An outline cannot show '{', '.join(unseen)}'; it is left to whatever paints the object.")
        notes += self._ignored(wish, own)
        if request.steps is not None:
            notes.append("The number of steps is not used: the bundled model remembers outlines, it does not denoise.")
        return notes

    @torch.inference_mode()
    def suggest(
        self, scene: Scene, request: MaskRequest, seeds: Sequence[int], progress: Progress | None = None
    ) -> list[Suggestion]:
        """One suggestion a seed, each from the scene, the request and its seed alone."""
        # 1. read the text, remember outlines
        wish, meaning, own = self._read(request)
        # 2. compile the guides
        fronts = self._fronts(scene, request)
        asked = compile_guides(request.guides, request.not_here, scene.height, scene.width, request.like, fronts)
        # 3. weigh candidates: once for a guide that tells the extent, else for each place
        context = self.text.encode_context(request.context or scene.caption)
        sight = _Sight(self, scene, request, wish, meaning, own, asked, context)
        guided = asked.region is not None
        weighed = dict.fromkeys(seeds, sight.guided()) if guided else sight.placed(seeds)
        # 4. choose and fit, seed by seed
        result = []
        for number, seed in enumerate(seeds):
            result.append(self._finished(scene, request, asked, weighed[seed], seed))
            if progress is not None:
                progress(number + 1, len(seeds))
        return result

    # --- steps -------------------------------------------------------------------------------

    def _read(self, request: MaskRequest) -> tuple[Wish, Meaning, Own]:
        wish = read_wish(request.object)
        if request.facing is not None:
            wish = replace(wish, traits=wish.traits | {"left": 1.0 if request.facing == "left" else -1.0})
        meaning = self.text.understand(wish.rest)
        return wish, meaning, own_rows(self.memory, self.text, meaning, wish)

    def _ignored(self, wish: Wish, own: Own) -> list[str]:
        """Words of pose, view and direction for which the name's outlines have no labels."""
        names = {"left": "direction"}
        lacking = unknown_traits(self.memory, own.rows, wish)
        notes = [
            f"No outline of this name is known by its {names.get(t, t)}; the word is ignored."
            for t in lacking
            if t != "bust"
        ]
        if wish.part and own.top >= 1 and "bust" in lacking:
            notes.append(f"No {wish.part} of this name is remembered; the whole is drawn.")
        if wish.sizes:
            notes.append(f"'{', '.join(wish.sizes)}' is not read; a box says how large or how slender.")
        return notes

    def _fronts(self, scene: Scene, request: MaskRequest) -> dict[int, np.ndarray]:
        """What stands in front of a painted object: all from the depth asked for on, or the things that places say."""
        box = extent(promising(request.guides, "outline"), scene.height, scene.width)
        if box is None:
            return {}
        given = request.order
        before = self.places.in_front(scene, box) if given is None else range(given, len(scene.layers))
        return {index: scene.layers[index].mask for index in before}

    def _finished(self, scene: Scene, request: MaskRequest, asked: Asked, weighed: _Weighed, seed: int) -> Suggestion:
        index = weighed.strata.choose(seed)
        shape, box = int(weighed.candidates.shapes[index]), _box(weighed.candidates.boxes[index])
        outline = self._blended(weighed, index, shape)
        loops, box = self._fitted(outline, box, weighed.pool.cells[shape], asked, request)
        mask = draw(loops, scene.height, scene.width)
        if not mask.any():
            mask[_nearest_pixel(box, scene)] = True
        order = request.order
        if order is None:
            order = min(self.places.order(scene, box), *asked.behind, len(scene.layers))
        return Suggestion(mask, box, order, seed, self._score(weighed, index), self._why(weighed, index, shape))

    def _blended(self, weighed: _Weighed, index: int, shape: int) -> Outline:
        outline = weighed.pool.outline(self.memory, shape)
        first = weighed.strata.is_first(index)
        blend, count = (self.defaults.blend_first, NEIGHBOURS_FIRST) if first else (self.defaults.blend, NEIGHBOURS)
        near = np.argsort(-weighed.overlap[index], kind="stable")[:count]
        others = weighed.pool.cells[weighed.candidates.shapes[near]]
        return fit.blend(outline, weighed.pool.cells[shape], others, weighed.weights[near], blend)

    def _fitted(
        self, outline: Outline, box: BoxXYXY, cells: np.ndarray, asked: Asked, request: MaskRequest
    ) -> tuple[list[np.ndarray], BoxXYXY]:
        dx, dy = fit.settle(cells, box, asked) if asked.exact is None else (0.0, 0.0)
        box = shift_box(box, dx, dy)
        loops = place(outline, box)
        here = seen_in(asked.window, cells[None], np.array([box]))[0]
        if asked.painted is not None and asked.exact is None:
            strength = self.defaults.paint if request.like is None else 0.5 * (1 - request.like_distance)
            wanted = asked.painted >= 0.5
            if asked.unknown is not None:  # what is hidden stays as it is
                wanted = wanted | (here & asked.unknown)
            loops = fit.moved(loops, fit.warp_to(wanted, here, strength), asked.window)
        elif asked.strokes is not None:
            wanted = asked.strokes >= 0.5
            if (wanted & ~here).any():
                loops = fit.moved(loops, fit.warp_to(here | wanted, here), asked.window)
        points = np.concatenate(loops)
        (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        return loops, (x0, y0, max(x1, x0 + 1e-3), max(y1, y0 + 1e-3))

    def _score(self, weighed: _Weighed, index: int) -> float:
        expected = float(weighed.strata.expected[index]) / FINE
        clear = min(float(self.memory.quality[weighed.pool.rows[weighed.candidates.shapes[index]]]) / 255 / CLEAR, 1.0)
        behind = float(weighed.guided.max(initial=0) - weighed.guided[index]) / UNITS
        return expected * (1 - UNCLEAR + UNCLEAR * clear) * math.exp(-behind / 4) * weighed.likely

    def _why(self, weighed: _Weighed, index: int, shape: int) -> dict[str, Any]:
        pool = weighed.pool
        mean = float((weighed.scene * weighed.weights).sum() / max(int(weighed.weights.sum()), 1))
        return {
            "outline": self.memory.describe(int(pool.rows[shape])) | {"mirrored": bool(pool.mirrored[shape])},
            "scene": round((float(weighed.scene[index]) - mean) / UNITS, 3),
            "guide": round(float(weighed.guided[index]) / UNITS, 3),
            "stretch": round(math.exp(float(weighed.candidates.stretch[index])), 3),
        }


@dataclass(eq=False)
class _Sight:
    """One request in one scene: what weighing candidates needs to know."""

    model: ExemplarModel
    scene: Scene
    request: MaskRequest
    wish: Wish
    meaning: Meaning
    own: Own
    asked: Asked
    context: np.ndarray

    def __post_init__(self) -> None:
        encode = self.model.text.encode
        self.view = View.of(self.scene)
        names = [encode(layer.name) for layer in self.scene.layers] or [np.zeros_like(self.context)]
        self.names = np.stack(names)
        scale, about = self.request.guidance_scale, self.request.context_guidance_scale
        self.weight = self.model.defaults.scene * (1.0 if scale is None else scale)
        self.about = self.context * np.float32(1.0 if about is None else about)

    def guided(self) -> _Weighed:
        """Candidates where the guides tell the extent."""
        asked, pool = self.asked, self._pool(self.asked.exact)
        if asked.exact is not None:
            candidates = found.in_box(pool, asked.exact)
        elif asked.region is not None and asked.moments is not None and asked.strokes is None:
            if asked.unknown is None:
                candidates = found.by_moments(pool, asked.moments)
            else:
                candidates = found.going_on(pool, asked, asked.region, asked.moments)
        else:
            assert asked.region is not None
            height, width = self.scene.height, self.scene.width
            guesses, likely = self.model.strokes.boxes(asked.region, self.request.guides, pool.aspects, height, width)
            fits = np.asarray(self.model.places.fits(self.scene, self.meaning.name, guesses), np.float64)
            candidates = found.in_boxes(pool, guesses, nats(likely + FITTING * fits))
        return self._weighed(pool, candidates)

    def placed(self, seeds: Sequence[int]) -> dict[int, _Weighed]:
        """Candidates in the place of each seed."""
        points = promising(self.request.guides, "inside")
        spots = self.model.places.propose(self.scene, self.meaning.name, points, seeds, self.request.not_here)
        result, made = {}, dict[BoxXYXY, _Weighed]()
        wished = wished_rows(self.model.memory, self.own.rows, self.wish)
        for seed, spot in zip(seeds, spots, strict=True):
            if spot.box not in made:
                box = reshaped(self.model.memory, self.own.rows, wished, spot.box)
                pool = self._pool(box)
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

    def _weighed(self, pool: Pool, candidates: Candidates, likely: float = 1.0, clear: int = 1) -> _Weighed:
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
        return _Weighed(pool, best, strata, overlap, weights, guided, scene, likely)

    def _scene_units(self, pool: Pool, candidates: Candidates) -> np.ndarray:
        """``(n,)`` the chooser's scores; the scene is seen round the box of the likeliest candidates together."""
        embeddings = self.model.memory.embeddings
        if self.weight == 0 or embeddings is None or not len(candidates):
            return np.zeros(len(candidates), np.int64)
        box = self.asked.exact or candidates.middle_box()
        told = self.meaning.vector.copy()
        crop = crop_scene(self.view, [box], self.names, told, self.about)
        seen = self.model.chooser.embed_scenes(crop)[0].numpy()
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


def _box(row: np.ndarray) -> BoxXYXY:
    x0, y0, x1, y1 = row.tolist()
    return x0, y0, x1, y1


def _nearest_pixel(box: BoxXYXY, scene: Scene) -> tuple[int, int]:
    """The pixel nearest a box's middle, for an outline thinner than the scene's pixels."""
    x, y = int((box[0] + box[2]) / 2), int((box[1] + box[3]) / 2)
    return min(max(y, 0), scene.height - 1), min(max(x, 0), scene.width - 1)
