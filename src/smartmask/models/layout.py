"""The layout as the mask network sees it: E_phi's input inside an object's frame, and E_phi itself.

Each cell carries the index of its region's name (turned into a text vector inside the network, so any
label set works) and flags. Guidance mixes into the vectors as in eq. 5 of arXiv 2312.05039,
``e~ = e (1 - alpha G) + alpha G e_guide`` with a learnt ``e_guide``, and enters as a channel of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import nn

from smartmask import guidance
from smartmask.data.view import OUTSIDE, View
from smartmask.frame import Frame
from smartmask.geometry import BoxXYXY

CELLS = 32  # layout cells a side of the frame
FLAGS = ("edge", "unlabeled", "outside", "front", "guide", "thing", "box")
SCALARS = 10 + len(guidance.KINDS)


@dataclass(frozen=True, eq=False)
class LayoutCrop:
    """One frame of a view, rendered.

    ids: (CELLS, CELLS) int64, index in the view's names plus 1; 0 where unlabeled, hidden or outside.
    flags: (7, CELLS, CELLS) float32 in [0, 1], in the order of FLAGS.
    scalars: (16,) float32: the box in the frame (4) and in the photo (4), log size, whether the box is
    exact, and the kinds of guide present (6).
    """

    ids: np.ndarray
    flags: np.ndarray
    scalars: np.ndarray


def render(view: View, frame: Frame, box: BoxXYXY, guides: Sequence[guidance.Guide]) -> LayoutCrop:
    """What the network sees of ``view`` inside ``frame``.

    box: the object's box as far as known (the user's, the placement's, or a guess from a rough guide), in
    the view's pixel edges. guides: in the same coordinates; drawn at the frame's own resolution.
    """
    top = frame.crop(view.top, 2 * CELLS, cv2.INTER_NEAREST, border=OUTSIDE)
    edge = np.zeros(top.shape, dtype=np.float32)
    edge[:, 1:] = top[:, 1:] != top[:, :-1]
    edge[1:] = np.maximum(edge[1:], top[1:] != top[:-1])
    ids = top[::2, ::2].astype(np.int64)
    things = np.array([False, *view.things])
    x, y = frame.grid(4 * CELLS)
    drawn = guidance.sample(guides, x, y, *_photo_size(view.photo))
    inside_box = ((x >= box[0]) & (x < box[2]) & (y >= box[1]) & (y < box[3])).astype(np.float32)
    front = frame.crop(view.front.astype(np.float32), 2 * CELLS)
    labels = np.maximum(ids, -1) + 1
    flags = np.stack(
        [
            _shrink(edge),
            (ids == -1).astype(np.float32),
            _shrink((top == OUTSIDE).astype(np.float32)),
            _shrink(front),
            _shrink(drawn),
            things[labels].astype(np.float32),
            _shrink(inside_box),
        ]
    )
    return LayoutCrop(labels, flags, _scalars(view, frame, box, guides))


def _shrink(channel: np.ndarray) -> np.ndarray:
    return cv2.resize(channel, (CELLS, CELLS), interpolation=cv2.INTER_AREA)


def _photo_size(photo: BoxXYXY) -> tuple[int, int]:
    return max(round(photo[3] - photo[1]), 1), max(round(photo[2] - photo[0]), 1)


def _scalars(view: View, frame: Frame, box: BoxXYXY, guides: Sequence[guidance.Guide]) -> np.ndarray:
    px0, py0, px1, py1 = view.photo
    width, height = px1 - px0, py1 - py0
    in_photo = [(box[0] - px0) / width, (box[1] - py0) / height, (box[2] - px0) / width, (box[3] - py0) / height]
    size = math.log(max(box[2] - box[0], 1) * max(box[3] - box[1], 1) / (width * height)) / 4
    exact = float(any(isinstance(g, guidance.Box) for g in guides))
    values = [*frame.to_frame(box), *in_photo, size, exact, *guidance.kind_vector(guides)]
    return np.clip(np.array(values, dtype=np.float32), -3, 3)


class LayoutEncoder(nn.Module):
    """E_phi: rendered frames -> one token a patch of cells.

    text_dim: length of a name's vector; width: token size; patches: tokens a side.
    """

    def __init__(self, text_dim: int, width: int, patches: int, channels: int = 32) -> None:
        super().__init__()
        self.name_channels = channels - len(FLAGS)
        self.name = nn.Linear(text_dim, self.name_channels)
        self.unlabeled = nn.Parameter(torch.zeros(self.name_channels))
        self.guide = nn.Parameter(torch.zeros(self.name_channels))
        self.local = nn.Conv2d(channels, channels, 3, padding=1)
        self.patch = nn.Conv2d(channels, width, CELLS // patches, stride=CELLS // patches)

    def forward(self, ids: torch.Tensor, flags: torch.Tensor, names: torch.Tensor) -> torch.Tensor:
        """ids (B, C, C) int64 into names + 1; flags (B, 7, C, C); names (N, text_dim) -> (B, patches^2, width)."""
        table = torch.cat([self.unlabeled[None], self.name(names)])
        vectors = table[ids].permute(0, 3, 1, 2)
        weight = guidance.ALPHA * flags[:, FLAGS.index("guide")][:, None]
        vectors = vectors * (1 - weight) + weight * self.guide[None, :, None, None]
        cells = torch.cat([vectors, flags.to(vectors.dtype)], dim=1)
        cells = cells + nn.functional.gelu(self.local(cells))
        return self.patch(cells).flatten(2).transpose(1, 2)
