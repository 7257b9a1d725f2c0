"""ExemplarModel: remember, choose, fit. Numbered steps from a request to suggestions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.geometry import BoxXYXY, MaskWindow, shift_box
from smartmask.guides import extent
from smartmask.guides.compile import promising
from smartmask.masks.exemplar import fit
from smartmask.masks.exemplar.asked import Asked, compile_guides, seen_in
from smartmask.masks.exemplar.attributes import Wish, read_wish
from smartmask.masks.exemplar.choose import UNITS, Chooser
from smartmask.masks.exemplar.guess import StrokeTable
from smartmask.masks.exemplar.memory import Memory
from smartmask.masks.exemplar.names import Own, own_rows
from smartmask.masks.exemplar.outline import Outline, drawn, place
from smartmask.masks.exemplar.sight import ExemplarDefaults, PlaceModel, Sight, Weighed
from smartmask.masks.exemplar.strata import FINE
from smartmask.masks.exemplar.wished import unknown_traits
from smartmask.masks.model import MaskRequest, Progress, Suggestion
from smartmask.scene import Scene
from smartmask.text.encoder import Meaning, TextEncoder

if TYPE_CHECKING:
    import torch

CLEAR, UNCLEAR = 0.8, 0.3  # quality from which an outline is clear, and what a rank loses that is not at all
NEIGHBOURS, NEIGHBOURS_FIRST = 24, 60  # that an outline is blended with; one of the first stratum


class ExemplarModel:
    """Suggests remembered real outlines that suit scene, name and guides."""

    def __init__(
        self, text: TextEncoder, memory: Memory, chooser: Chooser, strokes: StrokeTable, places: PlaceModel,
        defaults: ExemplarDefaults | None = None,
    ) -> None:  # fmt: skip
        self.text, self.memory, self.chooser = text, memory, chooser
        self.strokes, self.places = strokes, places
        self.defaults = defaults or ExemplarDefaults()

    # --- the protocol ------------------------------------------------------------------------

    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> ExemplarModel:
        """Itself, where it is: on the CPU. Raises ValueError for a device that is not there."""
        if device in (None, "cpu") and dtype is None:
            return self
        import torch

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
        sight = Sight(self, scene, request, wish, meaning, own, asked, context)
        weighed = sight.placed(seeds) if asked.region is None else dict.fromkeys(seeds, sight.guided(asked.region))
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

    def _fronts(self, scene: Scene, request: MaskRequest) -> dict[int, MaskWindow]:
        """What stands in front of a painted object: all from the depth asked for on, or the things that places say."""
        box = extent(promising(request.guides, "outline"), scene.height, scene.width)
        if box is None:
            return {}
        given = request.order
        before = self.places.in_front(scene, box) if given is None else range(given, len(scene.layers))
        return {index: scene.layers[index].window for index in before}

    def _finished(self, scene: Scene, request: MaskRequest, asked: Asked, weighed: Weighed, seed: int) -> Suggestion:
        index = weighed.strata.choose(seed)
        shape, box = int(weighed.candidates.shapes[index]), _box(weighed.candidates.boxes[index])
        outline = self._blended(weighed, index, shape)
        loops, box = self._fitted(outline, box, weighed.pool.cells[shape], asked, request)
        window = drawn(loops, scene.height, scene.width)
        if not window.any():
            window = MaskWindow.within(window.shape, *_nearest_pixel(box, scene), np.ones((1, 1), dtype=bool))
        order = request.order
        if order is None:
            order = min(self.places.order(scene, box), *asked.behind, len(scene.layers))
        return Suggestion(window, box, order, seed, self._score(weighed, index), self._why(weighed, index, shape))

    def _blended(self, weighed: Weighed, index: int, shape: int) -> Outline:
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

    def _score(self, weighed: Weighed, index: int) -> float:
        expected = float(weighed.strata.expected[index]) / FINE
        clear = min(float(self.memory.quality[weighed.pool.rows[weighed.candidates.shapes[index]]]) / 255 / CLEAR, 1.0)
        behind = float(weighed.guided.max(initial=0) - weighed.guided[index]) / UNITS
        return expected * (1 - UNCLEAR + UNCLEAR * clear) * math.exp(-behind / 4) * weighed.likely

    def _why(self, weighed: Weighed, index: int, shape: int) -> dict[str, Any]:
        pool = weighed.pool
        mean = float((weighed.scene * weighed.weights).sum() / max(int(weighed.weights.sum()), 1))
        return {
            "outline": self.memory.describe(int(pool.rows[shape])) | {"mirrored": bool(pool.mirrored[shape])},
            "scene": round((float(weighed.scene[index]) - mean) / UNITS, 3),
            "guide": round(float(weighed.guided[index]) / UNITS, 3),
            "stretch": round(math.exp(float(weighed.candidates.stretch[index])), 3),
        }


def _box(row: np.ndarray) -> BoxXYXY:
    x0, y0, x1, y1 = row.tolist()
    return x0, y0, x1, y1


def _nearest_pixel(box: BoxXYXY, scene: Scene) -> tuple[int, int]:
    """(x, y) of the pixel nearest a box's middle, for an outline thinner than the scene's pixels."""
    x, y = int((box[0] + box[2]) / 2), int((box[1] + box[3]) / 2)
    return min(max(x, 0), scene.width - 1), min(max(y, 0), scene.height - 1)
