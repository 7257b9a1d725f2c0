"""Training pairs: from a Scene and one of its layers to what the model sees and what it must draw.

A pair lives on a square canvas round the object, or on one that shows the whole scene, resampled once together with
every augmentation. What the model sees is S_k (the layout without the object), a guide, the texts and
the depth order; what it must draw is the amodal and the visible mask.

Where masks are visible parts only, the hiding rule applies (hiding.py); where the background is
truly known (compose.py) nothing needs hiding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from smartmask.data.hiding import decoy_regions, degrade, hidden_region
from smartmask.geometry import BoxXYXY, components, mask_box
from smartmask.guides import Guide
from smartmask.guides.simulated import draw_guide
from smartmask.guides.table import SHARES
from smartmask.scene import Scene
from smartmask.scene.view import OUTSIDE, UNLABELED, View

CANVAS = 192  # pixels a side
CANVAS_MARGIN = 2.2  # canvas side over the object's larger side: a frame of 1.5 plus room for jitter


@dataclass(frozen=True, eq=False)
class Pair:
    """One training sample before rendering. Masks are (H, W) bool on the view's canvas.

    known: 1 where the amodal target is certain; in visible-only annotations it is uncertain where
    another object borders on this one.
    kind: the guide's kind. box: the target's own box. hidden: (H, W) bool, unlabeled on purpose.
    order: the layer's index in the depth order. composed: made of two pictures (``compose.py``).
    """

    view: View
    name: str
    context: str
    amodal: np.ndarray
    visible: np.ndarray
    known: np.ndarray
    guides: tuple[Guide, ...]
    kind: str
    box: BoxXYXY
    hidden: np.ndarray
    order: int
    composed: bool = False


@dataclass(frozen=True)
class PairConfig:
    """How pairs are drawn; the defaults are the training recipe.

    Shares of the guide kinds, and probabilities of each augmentation. whole: the canvas shows the whole scene, its
    longer side from edge to edge, instead of a frame round the object, which would tell where the object is.
    """

    kinds: dict[str, float] = field(default_factory=lambda: dict(SHARES))
    flip: float = 0.5
    rotate: float = 6.0  # degrees, standard deviation
    aspect: float = 0.1  # log, standard deviation
    elastic: float = 0.012  # displacement as a share of the object's size
    truncate: float = 0.08
    decoys: float = 0.5
    degrade: float = 0.3
    canvas: int = CANVAS
    whole: bool = False


PLAIN = PairConfig(flip=0, rotate=0, aspect=0, elastic=0, truncate=0, decoys=0, degrade=0)


def context_of(scene: Scene, without: str | None = None, caption: str | None = None) -> str:
    """The scene's caption, or one composed of its names ("a scene with dog, grass and sky")."""
    text = caption or scene.caption
    if text:
        return text
    names: list[str] = []
    for layer in scene.layers:
        if layer.name not in names and layer.name != without:
            names.append(layer.name)
    return "a scene with " + ", ".join(names) if names else ""


def is_target(scene: Scene, index: int, min_area: float = 0.003, min_side: int = 14) -> bool:
    """Whether a layer is worth drawing: a thing, large enough to have a shape, and mostly one part."""
    layer = scene.layers[index]
    box = layer.window.bounds
    if not layer.thing or box is None or max(box[2] - box[0], box[3] - box[1]) < min_side:
        return False
    area = layer.window.area
    if area < min_area * scene.height * scene.width:
        return False
    return int(components(layer.window.inside())[0].sum()) >= 0.5 * area


def make_pair(
    scene: Scene,
    index: int,
    rng: np.random.Generator,
    *,
    modal: bool = True,
    config: PairConfig | None = None,
    kind: str | None = None,
    composed: bool = False,
    decoys: Sequence[BoxXYXY] = (),
    frame: BoxXYXY | None = None,
) -> Pair:
    """The training pair of layer ``index``: S_k is the scene without it.

    modal: the scene's masks are visible parts only, so the hiding rule applies. kind: force a guide
    kind (default: drawn from the config). decoys: boxes, in the canvas's pixels, round which the layout is hidden as
    it is round the object, beside those that the config draws. frame: the square of the scene that the canvas shows,
    in pixel edges; None: as the config says. Raises ValueError if the layer is empty.
    """
    config = config or PairConfig()
    layer = scene.layers[index]
    box = mask_box(layer.mask)
    if box is None:
        raise ValueError(f"Layer {index} ('{layer.name}') is empty; choose one with at least one pixel.")
    rest = scene.remove(index)
    front = rest.covered(index)
    warp = _Warp.draw(box, scene, rng, config, frame)
    amodal = warp.mask(layer.mask)
    top = whole = warp.labels(rest.top(np.int16))
    front_map = warp.mask(front) if front.any() and not modal else np.zeros_like(amodal)
    photo = warp.photo
    if rng.random() < config.truncate and not composed:
        photo, amodal, top = _truncate(photo, amodal, top, rng)
    target_box = mask_box(amodal)
    if target_box is None:  # squeezed away by the warp: fall back to the plain view
        plain = replace(PLAIN, canvas=config.canvas, whole=config.whole)
        return make_pair(
            scene, index, rng, modal=modal, config=plain, kind=kind, composed=composed, decoys=decoys, frame=frame
        )
    hidden = np.zeros_like(amodal)
    if modal:
        hidden = hidden_region(target_box, amodal.shape, rng)
    if rng.random() < config.decoys:
        hidden |= decoy_regions(target_box, amodal.shape, rng)
    for decoy in decoys:
        hidden |= hidden_region(decoy, amodal.shape, rng)
    if rng.random() < config.degrade:
        top = degrade(top, rng)
    top = np.where(hidden & (top != OUTSIDE), UNLABELED, top).astype(np.int16)
    kind = kind or str(rng.choice(list(config.kinds), p=_shares(config.kinds)))
    guide = draw_guide(amodal, kind, rng)
    without = layer.name if rng.random() < 0.5 else None
    return Pair(
        view=View(top, front_map & (top >= 0), tuple(r.name for r in rest.layers), tuple(r.thing for r in rest.layers),
                  photo),
        name=layer.name,
        context=context_of(scene, without),
        amodal=amodal,
        visible=amodal & ~front_map,
        known=_known(amodal, whole, rest) if modal else np.ones_like(amodal),
        guides=() if guide is None else (guide,),
        kind=kind,
        box=target_box,
        hidden=hidden,
        order=index,
        composed=composed,
    )  # fmt: skip


def _shares(kinds: dict[str, float]) -> np.ndarray:
    shares = np.array(list(kinds.values()), dtype=np.float64)
    return shares / shares.sum()


def _known(amodal: np.ndarray, top: np.ndarray, rest: Scene) -> np.ndarray:
    """False on other things: there the object may go on behind them, and nobody drew it."""
    things = np.array([*(layer.thing for layer in rest.layers), False])
    return amodal | ~things[np.where(top >= 0, top, -1)]


# --- the canvas --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Warp:
    """One resampling of the scene to the canvas: flip, rotation, aspect, elastic outline, all at once."""

    map_x: np.ndarray
    map_y: np.ndarray
    inside: np.ndarray
    photo: BoxXYXY

    @classmethod
    def draw(
        cls, box: BoxXYXY, scene: Scene, rng: np.random.Generator, config: PairConfig, frame: BoxXYXY | None = None
    ) -> _Warp:
        x0, y0, x1, y1 = box
        n = config.canvas
        size = max(x1 - x0, y1 - y0)
        scale = size * CANVAS_MARGIN / n  # scene pixels a canvas pixel
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
        if frame is not None:
            scale, cx, cy = (frame[2] - frame[0]) / n, (frame[0] + frame[2]) / 2, (frame[1] + frame[3]) / 2
        elif config.whole:
            scale, cx, cy = max(scene.height, scene.width) / n, scene.width / 2, scene.height / 2
        flip = -1.0 if rng.random() < config.flip else 1.0
        angle = math.radians(rng.normal(0, config.rotate)) if config.rotate else 0.0
        stretch = math.exp(rng.normal(0, config.aspect)) if config.aspect else 1.0
        steps = np.arange(n, dtype=np.float32) + 0.5 - n / 2
        u, v = np.meshgrid(steps * scale, steps * scale)
        if config.elastic:
            shift = rng.normal(0, config.elastic * size, (2, 7, 7)).astype(np.float32)
            u = u + cv2.resize(shift[0], (n, n), interpolation=cv2.INTER_CUBIC)
            v = v + cv2.resize(shift[1], (n, n), interpolation=cv2.INTER_CUBIC)
        u, v = u * flip / math.sqrt(stretch), v * math.sqrt(stretch)
        x = cx + math.cos(angle) * u - math.sin(angle) * v
        y = cy + math.sin(angle) * u + math.cos(angle) * v
        inside = (x >= 0) & (x < scene.width) & (y >= 0) & (y < scene.height)
        left, right = (0 - cx) * flip, (scene.width - cx) * flip
        sx, sy = math.sqrt(stretch) / scale, 1 / math.sqrt(stretch) / scale
        photo = (min(left, right) * sx + n / 2, (0 - cy) * sy + n / 2, max(left, right) * sx + n / 2,
                 (scene.height - cy) * sy + n / 2)  # fmt: skip
        return cls((x - 0.5).astype(np.float32), (y - 0.5).astype(np.float32), inside, photo)

    def mask(self, mask: np.ndarray) -> np.ndarray:
        soft = cv2.remap(mask.astype(np.uint8) * 255, self.map_x, self.map_y, cv2.INTER_LINEAR)
        return soft > 127

    def labels(self, top: np.ndarray) -> np.ndarray:
        warped = cv2.remap(top, self.map_x, self.map_y, cv2.INTER_NEAREST, borderValue=OUTSIDE)
        return np.where(self.inside, warped, OUTSIDE).astype(np.int16)


def _truncate(
    photo: BoxXYXY, amodal: np.ndarray, top: np.ndarray, rng: np.random.Generator
) -> tuple[BoxXYXY, np.ndarray, np.ndarray]:
    """Moves one border of the photo into the object, cutting off 10 to 50 % of its box."""
    box = mask_box(amodal)
    if box is None:
        return photo, amodal, top
    x0, y0, x1, y1 = box
    share = rng.uniform(0.1, 0.5)
    px0, py0, px1, py1 = photo
    side = rng.integers(4)
    cut: tuple[slice, slice]
    amodal, top = amodal.copy(), top.copy()
    if side == 0:
        px0 = max(px0, round(x0 + share * (x1 - x0)))
        cut = np.s_[:, : max(int(px0), 0)]
    elif side == 1:
        px1 = min(px1, round(x1 - share * (x1 - x0)))
        cut = np.s_[:, int(px1) :]
    elif side == 2:
        py0 = max(py0, round(y0 + share * (y1 - y0)))
        cut = np.s_[: max(int(py0), 0), :]
    else:
        py1 = min(py1, round(y1 - share * (y1 - y0)))
        cut = np.s_[int(py1) :, :]
    amodal[cut] = False
    top[cut] = OUTSIDE
    return (px0, py0, px1, py1), amodal, top
