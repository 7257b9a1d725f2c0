"""Whose mask is painted: ours, the papers' baselines, and controls, behind one small interface.

A maker is asked for one task and answers with a mask inside the user's box; some answer with a finished picture
too, since they paint first and look for the mask afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from smartmask.evaluate.baselines import System
from smartmask.evaluate.tasks.insertion.objects import Task
from smartmask.geometry import MaskWindow, box_mask
from smartmask.guides import Box
from smartmask.image.composition import FEATHER, Window, compose, resize, resize_mask
from smartmask.image.photo import Photo
from smartmask.insertion.inpainter import Inpainter
from smartmask.insertion.lay import Laid, ObjectRequest
from smartmask.insertion.paint import PaintOptions, request_for

if TYPE_CHECKING:
    from smartmask.metrics.pretrained import BoxSegmenter

OURS = "smartmask"
BOX = 1.0  # the inserter's precision for a box
OWN = 0.5  # opacity from which a pixel belongs to the mask that an inserter predicts


@dataclass(frozen=True, eq=False)
class Made:
    """A maker's answer.

    mask: (H, W) bool.  after: (H, W, 3) uint8, the finished picture if there is one already.
    sample: (H, W) bool, the mask of the first seed where the maker ranked several.
    """

    mask: np.ndarray
    after: np.ndarray | None = None
    sample: np.ndarray | None = None


class MaskMaker(Protocol):
    """``name`` goes into reports; ``precision`` to the inpainter (0: exact outline, 1: box)."""

    name: str
    precision: float

    def __call__(self, task: Task, made: Mapping[str, Made]) -> Made:
        """made: what the makers before this one answered to the same task, by name."""
        ...


# --- makers that need no inpainter -----------------------------------------------------------------


class SystemMaker:
    """A system of the benchmark of masks (the pipeline, an ellipse, a class mean ...): its first choice in the box."""

    precision = 0.0

    def __init__(self, name: str, system: System, num_masks: int = 1) -> None:
        self.name, self.system, self.num_masks = name, system, num_masks

    def __call__(self, task: Task, made: Mapping[str, Made]) -> Made:
        answer = self.system(task.scene, task.name, Box(*task.box), self.num_masks, task.seed)
        masks = np.asarray(answer.masks, dtype=bool)
        return Made(masks[0], sample=masks[answer.first])


@dataclass
class PlainMaker:
    """A maker that needs no system: ``make`` gives its mask for a task and the answers before."""

    name: str
    precision: float
    make: Callable[[Task, Mapping[str, Made]], np.ndarray]

    def __call__(self, task: Task, made: Mapping[str, Made]) -> Made:
        return Made(self.make(task, made))


def centred_shape(box: tuple[float, float, float, float], area: int, shape: tuple[int, ...]) -> np.ndarray:
    """``(H, W)`` bool: the ``area`` pixels of the box (at most all) that lie nearest its centre.

    Distance is |u|^p + |v|^p in the box's own frame, with p = 2 up to the area of the inscribed ellipse, and
    p = 8 above it, where a larger ellipse would be cut off at the sides.
    """
    height, width = int(shape[0]), int(shape[1])
    x0, y0, x1, y1 = box
    u = np.abs((np.arange(width) + 0.5 - (x0 + x1) / 2) / max((x1 - x0) / 2, 1e-9))
    v = np.abs((np.arange(height) + 0.5 - (y0 + y1) / 2) / max((y1 - y0) / 2, 1e-9))
    inside = box_mask(box, height, width)
    room = int(np.count_nonzero(inside))
    share = area / max(room, 1)
    power = 2.0 if share <= np.pi / 4 else 8.0
    measure = np.where(inside, u[None, :] ** power + v[:, None] ** power, np.inf)
    chosen = np.argsort(measure, axis=None, kind="stable")[: min(area, room)]
    mask = np.zeros(height * width, dtype=bool)
    mask[chosen] = True
    return mask.reshape(height, width)


def whole_box(task: Task) -> np.ndarray:
    """``(H, W)`` bool: the user's box."""
    return box_mask(task.box, *task.real.shape)


def _first(made: Made) -> np.ndarray:
    return made.mask if made.sample is None else made.sample


PLAIN = {
    # our first seed's mask, not the best ranked: what a user who asks for one mask gets
    "unranked": PlainMaker(f"{OURS}, unranked", 0.0, lambda task, made: _first(made[OURS])),
    # the papers' baseline
    "box": PlainMaker("box", BOX, lambda task, made: whole_box(task)),
    # a control: background is spared by any small mask; what a maker spares beyond this one is due to its shape
    "same-area": PlainMaker(
        "same-area", 0.0, lambda task, made: centred_shape(task.box, int(made[OURS].mask.sum()), task.real.shape)
    ),
    # the real object's own mask: an upper bound that no maker sees (SmartBrush's exact-mask column)
    "exact": PlainMaker("exact", 0.0, lambda task, made: task.real),
}


# --- painting, the same for all --------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class BoxPainting:
    """The whole box painted: (h, w, 3) uint8 of the window; own: (H, W) bool, the object as the inserter saw it."""

    window: Window
    image: np.ndarray
    own: np.ndarray | None


class Painter:
    """Paints a task's mask with one inpainter, on the crop and with the seams that ``insert`` uses.

    What an inserter predicts inside the mask (``Painting.alpha``) is not used here, so that every maker's mask is
    painted whole; ``OwnMask`` uses it.
    """

    def __init__(
        self,
        inpainter: Inpainter,
        feather: float = FEATHER,
        steps: int | None = None,
        guidance_scale: float | None = None,
    ) -> None:
        self.inpainter, self.feather = inpainter, feather
        self.settings = {"steps": steps, "guidance_scale": guidance_scale}
        self._latest: tuple[Task, BoxPainting] | None = None

    def __call__(self, task: Task, mask: np.ndarray, precision: float) -> np.ndarray:
        """``(H, W, 3)`` uint8: the photo with the object painted inside ``mask``; an empty mask changes nothing."""
        if not mask.any():
            return task.photo
        if precision == BOX and np.array_equal(mask, whole_box(task)):
            return self.within(task, mask)
        window, image, _ = self.painted(task, mask, precision)
        return self.composed(task, window, image, mask)

    def box(self, task: Task) -> BoxPainting:
        """The box painted whole; painted once a task."""
        if self._latest is None or self._latest[0] is not task:
            self._latest = task, BoxPainting(*self.painted(task, whole_box(task), BOX))
        return self._latest[1]

    def within(self, task: Task, mask: np.ndarray) -> np.ndarray:
        """``(H, W, 3)`` uint8: the photo with the box painting seen inside ``mask`` only."""
        painting = self.box(task)
        return self.composed(task, painting.window, painting.image, mask)

    def painted(self, task: Task, mask: np.ndarray, precision: float) -> tuple[Window, np.ndarray, np.ndarray | None]:
        """The window of the photo round a mask, (h, w, 3) uint8 as painted there, and (H, W) bool, where the inserter
        sees the object, or None if it does not say.
        """
        front = len(task.scene.layers)
        laid = Laid(ObjectRequest(task.name, mask=mask), MaskWindow.of(mask), front, task.seed)
        options = PaintOptions(feather=self.feather, precision=precision, **self.settings)  # type: ignore[arg-type]
        scene = task.scene.insert(mask, task.name, front)
        request, window = request_for(task.photo, scene, front, laid, self.inpainter.side, options)
        painting = self.inpainter(request)
        if painting.image.shape != request.image.shape or painting.image.dtype != np.uint8:
            raise RuntimeError(
                f"The inserter '{self.inpainter.name}' answered {painting.image.dtype} of shape "
                f"{painting.image.shape} to a crop of shape {request.image.shape}; it must answer uint8 RGB of its size"
            )
        own = painting.outline
        if own is None and painting.alpha is not None:
            own = painting.alpha >= OWN
        full = None
        if own is not None:
            full = np.zeros(mask.shape, dtype=bool)
            full[window.slices] = resize_mask(own, window.height, window.width)
        return window, resize(painting.image, window.height, window.width), full

    def composed(self, task: Task, window: Window, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """``(H, W, 3)`` uint8: the photo with what was painted in a window, seen inside ``mask`` only."""
        if not mask.any():
            return task.photo
        return compose(Photo(task.photo), image, mask[window.slices], window, self.feather).pixels


# --- makers that paint first -----------------------------------------------------------------------


class OwnMask:
    """The mask that the inserter itself predicts inside the box, as SmartBrush does; the whole box if it gives none."""

    name, precision = "inserter's own mask", 1.0

    def __init__(self, painter: Painter) -> None:
        self.painter = painter

    def __call__(self, task: Task, made: Mapping[str, Made]) -> Made:
        own = self.painter.box(task).own
        mask = whole_box(task) if own is None else own & whole_box(task)
        return Made(mask, self.painter.within(task, mask))


class InpaintThenSegment:
    """The whole box is painted, a segmenter finds the object in the result, and only that is kept."""

    name, precision = "inpaint-then-segment", 1.0

    def __init__(self, painter: Painter, segmenter: BoxSegmenter) -> None:
        self.painter, self.segmenter = painter, segmenter

    def __call__(self, task: Task, made: Mapping[str, Made]) -> Made:
        whole = self.painter.within(task, whole_box(task))
        mask = self.segmenter(whole, task.box)
        return Made(mask, self.painter.within(task, mask))
