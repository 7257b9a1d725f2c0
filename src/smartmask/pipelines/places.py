"""Where an object could stand: boxes drawn by the placement network, weighed by the fit network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from smartmask.data.pairs import context_of
from smartmask.data.places import fill
from smartmask.data.view import UNLABELED, View
from smartmask.geometry import BoxXYXY
from smartmask.guidance import Guide, extent
from smartmask.models.place_fit import FitNetwork, FitScenes, fit_size, inside_photo, scene_things
from smartmask.models.placement import PlacementNetwork, render_scene, scene_frame
from smartmask.models.text import TextEncoder
from smartmask.models.typical import typical_size
from smartmask.scene import Scene

GAPS = 0.6  # share of a scene up to which unlabeled parts are gaps, and hold what surrounds them
FIT = 0.75  # weight of the fit network's log ratio beside the placement network's log density (docs/decisions.md)


class Places:
    """One scene, read once, and the boxes in it that suit an object of some name.

    guides: points that the object has to hold. context: (text_dim,) of a sentence about it; None: its own.
    """

    def __init__(
        self,
        placement: PlacementNetwork,
        fit: FitNetwork,
        text: TextEncoder,
        scene: Scene,
        guides: tuple[Guide, ...] = (),
        context: np.ndarray | None = None,
    ) -> None:
        self.placement, self.fit, self.text, self.scene, self.guides = placement, fit, text, scene, guides
        view = without_gaps(View.of(scene))
        crop, self.frame = render_scene(view, guides), scene_frame(view)
        self.ids, self.flags = torch.from_numpy(crop.ids)[None], torch.from_numpy(crop.flags)[None]
        names = [text.encode(layer.name) for layer in scene.layers] or [text.encode("object") * 0]
        self.names = torch.from_numpy(np.stack(names))
        about = text.encode_context(context_of(scene)) if context is None else context
        self.context = torch.from_numpy(about.copy())[None]
        self.typical = partial(typical_size, encoder=text)
        self.things = scene_things(View.of(scene), self.frame, self.typical)
        self.photo = np.array(self.frame.to_frame(view.photo))

    @torch.inference_mode()
    def draw(self, name: str, uniforms: torch.Tensor) -> tuple[list[BoxXYXY], np.ndarray]:
        """A box for each row of ``uniforms`` (n, tries, UNIFORMS), the best of its candidates, and their scores (n,).

        Single draws of place and size scatter much more than real objects do, so the likeliest of some is taken.
        Scores are log densities, weighed with how well the box fits the scene. Boxes in the scene's pixels.
        """
        centres, features = self.placement(self.ids, self.flags, self.names, self._vector(name), self.context)
        count, tries = uniforms.shape[:2]
        units, density = self.placement.place(centres[0], features[0], uniforms.flatten(0, 1))
        x, y, side = self.frame.cx - self.frame.side / 2, self.frame.cy - self.frame.side / 2, self.frame.side
        places = (units * side + (x, y, x, y)).tolist()
        boxes: list[BoxXYXY] = [near_scene((x0, y0, x1, y1), self.scene, self.guides) for x0, y0, x1, y1 in places]
        scores = (density + FIT * self.fits(name, boxes)).reshape(count, tries)
        return [boxes[i * tries + k] for i, k in enumerate(scores.argmax(1))], scores.max(1)

    @torch.inference_mode()
    def fits(self, name: str, boxes: Sequence[BoxXYXY]) -> np.ndarray:
        """``(n,)`` log ratios of boxes in the scene's pixels: how much likelier each is here than in other scenes."""
        x, y, side = self.frame.cx - self.frame.side / 2, self.frame.cy - self.frame.side / 2, self.frame.side
        units = inside_photo((np.array(boxes, dtype=np.float64) - (x, y, x, y)) / side, self.photo)
        size = torch.from_numpy(fit_size(name, self.typical))[None]
        things, present = (torch.from_numpy(value)[None] for value in self.things)
        scenes = FitScenes(self.ids, self.flags, self._vector(name), size, things, present)
        return self.fit(scenes, self.names, torch.from_numpy(units).float()[None])[0].double().numpy()

    def _vector(self, name: str) -> torch.Tensor:
        return torch.from_numpy(self.text.understand(name).vector.copy())[None]


def without_gaps(view: View) -> View:
    """The view with unlabeled parts given what surrounds them, as training filled what it hid; not if most is."""
    gaps = view.top == UNLABELED
    if not gaps.any() or gaps.mean() > GAPS:
        return view
    return View(fill(view.top, gaps), view.front, view.names, view.things, view.photo)


def near_scene(box: BoxXYXY, scene: Scene, guides: tuple[Guide, ...]) -> BoxXYXY:
    """A placed box moved so that it holds the guide's points and its centre lies in the scene."""
    x0, y0, x1, y1 = box
    if guides:
        a, b, c, d = extent(guides, scene.height, scene.width) or box
        width, height = max(x1 - x0, c - a), max(y1 - y0, d - b)
        x0, y0 = min(max(x0, c - width), a), min(max(y0, d - height), b)
        return x0, y0, x0 + width, y0 + height
    width, height = max(x1 - x0, 4.0), max(y1 - y0, 4.0)
    cx = min(max((x0 + x1) / 2, 0.1 * width), scene.width - 0.1 * width)
    cy = min(max((y0 + y1) / 2, 0.1 * height), scene.height - 0.1 * height)
    return cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2
