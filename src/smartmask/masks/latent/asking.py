"""A request as the network sees it: canvas and its frame, layout, texts, and what is known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from smartmask.geometry import BoxXYXY, window_of
from smartmask.guides import Guide, MaskGuide, draw
from smartmask.guides.guide import extent
from smartmask.masks.latent.layout import Canvas, frame_round, guided, with_object
from smartmask.masks.latent.palette import coloured
from smartmask.masks.latent.parts import LatentParts
from smartmask.masks.latent.sampling import Known
from smartmask.masks.model import MaskRequest
from smartmask.scene import Scene

# of the steps, that a variation of a mask takes: at like_distance 0 and 1
STRENGTH = 0.3, 0.95
BARRED = 0.5  # G from which a not-here guide bars a pixel


@dataclass(frozen=True, eq=False)
class Asked:
    """picture: S_k (side, side, 3) uint8. layout: latent (1, C, h, w) of S~_k. objects, contexts: states (2, n, width)
    of no text and of the text. barred: (height, width) bool, where no object is to be; None: nowhere."""

    canvas: Canvas
    picture: np.ndarray
    layout: torch.Tensor
    objects: torch.Tensor
    contexts: torch.Tensor
    order: int
    known: Known
    barred: np.ndarray | None


def ask(
    parts: LatentParts, scene: Scene, request: MaskRequest, canvas: Canvas, guides: Sequence[Guide],
    device: torch.device,
) -> Asked:  # fmt: skip
    """The request on a canvas, with these guides."""
    order = len(scene.layers) if request.order is None else request.order
    names = [layer.name for layer in scene.layers[:order]]
    picture = coloured(canvas.top(scene, order), names, parts.text)
    told = request.object if request.facing is None else f"{request.object} facing {request.facing}"
    context = request.context or scene.caption or context_of_names(names)

    def latent(shown: np.ndarray) -> torch.Tensor:
        return parts.codec.encode(as_pictures(torch.from_numpy(shown[None]).to(device)))

    barred = None
    if request.not_here:
        barred = draw(request.not_here, scene.height, scene.width) >= BARRED
    return Asked(
        canvas, picture, latent(guided(picture, canvas.guide(guides))), _states(parts, told, "", device),
        _states(parts, "", context, device), order, _known(parts, request, canvas, picture, latent), barred,
    )  # fmt: skip


def _known(parts: LatentParts, request: MaskRequest, canvas: Canvas, picture: np.ndarray, latent: Any) -> Known:
    start = clean = stays = None
    strength = 1.0
    if request.like is not None:
        start = latent(with_object(picture, window_of(request.like).sample(*canvas.grid())))
        low, high = STRENGTH
        strength = low + (high - low) * request.like_distance
    if request.not_here:
        clean = latent(picture)
        cells = canvas.guide(request.not_here) >= BARRED
        size = parts.codec.factor
        # a latent cell stays where all of its pixels are barred: at the edge the object may come near
        whole = cells.reshape(len(cells) // size, size, -1, size).all((1, 3))
        stays = torch.from_numpy(whole)[None, None].to(clean.device)
    return Known(start, strength, clean, stays)


def _states(parts: LatentParts, name: str, caption: str, device: torch.device) -> torch.Tensor:
    """``(2, n, width)``: of no text, and of a name or caption."""
    words = parts.words
    tokens = torch.from_numpy(np.stack([words.tokens(""), words.tokens(name, caption)]))
    return words.states(tokens.to(device))


def frame_of(scene: Scene, request: MaskRequest, times: float) -> BoxXYXY | None:
    """The frame that the guides, or else the mask to vary, tell; None for the whole scene.

    Points tell no size, and so no frame.
    """
    if not times:
        return None
    telling = [guide for guide in guides_of(request) if guide.promise.rough >= 0.5]
    box = extent(telling, scene.height, scene.width)
    return None if box is None else frame_round(box, times, scene.height, scene.width)


def guides_of(request: MaskRequest) -> tuple[Guide, ...]:
    """The guides; where there are none, a mask to vary is one: it says where, and its outline roughly."""
    if request.like is not None and not request.guides:
        return (MaskGuide(request.like),)
    return request.guides


def tells_place(request: MaskRequest) -> bool:
    """Whether the request tells about where the object ends, so that nothing is gained by looking for it first."""
    return any(guide.promise.rough >= 0.5 for guide in guides_of(request)) or request.like is not None


def as_pictures(pixels: torch.Tensor) -> torch.Tensor:
    """``(n, H, W, 3)`` of 0 to 255 -> ``(n, 3, H, W)`` float32 in [-1, 1]."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def context_of_names(names: Sequence[str]) -> str:
    """What is said of a scene without a caption: its names."""
    return "a scene with " + ", ".join(dict.fromkeys(names)) if names else ""
