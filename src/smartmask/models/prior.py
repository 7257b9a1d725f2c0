"""The shape prior: whole silhouettes in the object's own box, drawn from name, place and guide.

Seen in their boxes, silhouettes lie close to a linear space: 128 principal components restore an unseen one
at .96 IoU. A small residual network denoises those components (flow matching, clean-signal prediction),
thousands of samples a second, so it learns in minutes what shapes there are. The mask network then fits a
drawn shape to the scene (pipelines/coarse.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from smartmask import guidance
from smartmask.frame import BOX_SIDE
from smartmask.geometry import BoxXYXY, scale_box

GUIDE_CELLS = 16  # cells a side of the guide's map, over GUIDE_SPAN boxes
GUIDE_SPAN = 1.25
GEOMETRY = 11 + len(guidance.KINDS)
TOUCH = 0.006  # a box this near to the photo's border, as a share of its side, is cut by it
EDGES = 4


@dataclass(frozen=True)
class PriorConfig:
    """Sizes. components: of the shape space; width, depth: of the denoiser; text_dim: of a name's vector.
    dropout: of features at full noise; it falls with the noise level. known: names whose shapes it was shown."""

    components: int = 128
    width: int = 384
    depth: int = 6
    text_dim: int = 128
    dropout: float = 0.45
    known: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", tuple(self.known))


@dataclass(eq=False)
class ShapeAsk:
    """What the prior is told, B samples. object: (B, text_dim). geometry: (B, GEOMETRY). guide: (B, GUIDE_CELLS^2)."""

    object: torch.Tensor
    geometry: torch.Tensor
    guide: torch.Tensor

    def __len__(self) -> int:
        return len(self.object)

    def repeat(self, count: int) -> ShapeAsk:
        """Each row ``count`` times, neighbours first."""
        parts = (self.object, self.geometry, self.guide)
        return ShapeAsk(*(part.repeat_interleave(count, dim=0) for part in parts))


def box_geometry(box: BoxXYXY, photo: BoxXYXY, guides: Sequence[guidance.Guide]) -> np.ndarray:
    """``(GEOMETRY,)`` float32 of a box in a photo: log aspect, log size, edges, the photo's aspect, which borders
    cut it, and the kinds of guide. Both boxes in the same pixel edges."""
    px0, py0, px1, py1 = photo
    width, height = px1 - px0, py1 - py0
    x0, y0, x1, y1 = (box[0] - px0) / width, (box[1] - py0) / height, (box[2] - px0) / width, (box[3] - py0) / height
    across, down = max(x1 - x0, 1e-4), max(y1 - y0, 1e-4)
    aspect, size = math.log(across * width / (down * height)), math.log(across * down) / 4
    touch = (x0 < TOUCH, y0 < TOUCH, 1 - x1 < TOUCH, 1 - y1 < TOUCH)
    values = [aspect, size, x0, y0, x1, y1, math.log(width / height), *touch]
    return np.clip(np.array([*values, *guidance.kind_vector(guides)], dtype=np.float32), -4, 4)


def guide_cells(box: BoxXYXY, guides: Sequence[guidance.Guide], height: int, width: int) -> np.ndarray:
    """``(GUIDE_CELLS^2,)`` float32 in [0, 1]: the guides' map over GUIDE_SPAN boxes; zeros for a box, point or none.

    A box says nothing more than the frame itself does, and a point only where that frame lies.
    """
    rough = [guide for guide in guides if not isinstance(guide, (guidance.Box, guidance.Point))]
    if not rough:
        return np.zeros(GUIDE_CELLS**2, dtype=np.float32)
    x0, y0, x1, y1 = scale_box(box, GUIDE_SPAN)
    n = 3 * GUIDE_CELLS
    steps = (np.arange(n) + 0.5) / n
    x, y = np.meshgrid(x0 + steps * (x1 - x0), y0 + steps * (y1 - y0))
    drawn = guidance.sample(rough, x, y, height, width)
    return cv2.resize(drawn, (GUIDE_CELLS, GUIDE_CELLS), interpolation=cv2.INTER_AREA).ravel()


class Residual(nn.Module):
    """A feed-forward block modulated by the condition."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(3, width))
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor, modulation: torch.Tensor, drop: torch.Tensor) -> torch.Tensor:
        """x (B, width), modulation (B, 3, width) -> (B, width). drop: (B,) chance to lose a feature in training."""
        shift, scale, gate = (modulation + self.offset).unbind(1)
        h = F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift
        h = self.down(F.silu(self.up(h)))
        if self.training:
            keep = 1 - drop[:, None]
            h = h * (torch.rand_like(h) < keep) / keep
        return x + gate * h


class ShapePrior(nn.Module):
    """(noisy components, time, ask) -> clean components, all (B, components), and the box that a rough guide means."""

    mean: torch.Tensor
    basis: torch.Tensor
    scale: torch.Tensor

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        width, cells = config.width, GUIDE_CELLS**2
        # the shape space, set by ``fit_space``: values = mean + (components * scale) @ basis
        self.register_buffer("mean", torch.zeros(BOX_SIDE**2))
        self.register_buffer("basis", torch.zeros(config.components, BOX_SIDE**2))
        self.register_buffer("scale", torch.ones(config.components))
        self.embed = nn.Linear(config.components, width)
        self.time = nn.Linear(64, width)
        self.object = nn.Linear(config.text_dim, width)
        self.null_object = nn.Parameter(torch.zeros(width))
        self.place = nn.Linear(GEOMETRY, width)
        self.guide = nn.Linear(cells, width)
        self.mix = nn.Linear(width, width)
        self.modulate = nn.Linear(width, 3 * width)
        self.blocks = nn.ModuleList(Residual(width) for _ in range(config.depth))
        self.head = nn.Linear(width, config.components)
        self.edges = nn.Sequential(
            nn.Linear(config.text_dim + GEOMETRY + cells, 128), nn.GELU(), nn.Linear(128, 2 * EDGES)
        )
        for layer in (self.modulate, self.head, self.edges[2]):
            if isinstance(layer, nn.Linear):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(
        self, noisy: torch.Tensor, time: torch.Tensor, ask: ShapeAsk, keep_object: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Predicts clean components. time: (B,), 1 is noise. keep_object: (B,) bool, False hides the name."""
        told = self.object(ask.object)
        if keep_object is not None:
            told = torch.where(keep_object[:, None], told, self.null_object)
        condition = self.time(_time_features(time)) + told + self.place(ask.geometry) + self.guide(ask.guide)
        modulation = self.modulate(F.silu(self.mix(F.silu(condition)))).unflatten(1, (3, -1))
        h = self.embed(noisy)
        # what stands where must not be learnt by heart, how an outline runs may be: features are lost at high noise
        drop = self.config.dropout * time
        for block in self.blocks:
            h = block(h, modulation, drop)
        return self.head(F.layer_norm(h, h.shape[-1:]))

    def guess_box(self, ask: ShapeAsk) -> tuple[torch.Tensor, torch.Tensor]:
        """Where the object's box lies, given a rough guide's extent: mean and log deviation, two (B, 4).

        ask: geometry and guide cells of the extent. Edges x0, y0, x1, y1 from the extent's centre, in units of
        half its larger side (a stroke may have nearly no height), so (-1, -1, 1, 1) is the square round it.
        """
        told = torch.cat([ask.object, ask.geometry, ask.guide], dim=1)
        mean, deviation = self.edges(told).chunk(2, dim=1)
        return mean + mean.new_tensor([-1.0, -1.0, 1.0, 1.0]), deviation.clamp(-5, 1) - 1.5

    # --- the shape space ---------------------------------------------------------------------

    @torch.no_grad()
    def fit_space(self, shapes: torch.Tensor) -> None:
        """Sets mean, basis and scale to the principal components of ``(n, BOX_SIDE^2)`` shapes.

        Components are divided by the square root of their deviation (halfway to whitening, so that noise
        hides fine components before coarse ones, but not at once), then by one number to deviation 1.
        """
        self.mean.copy_(shapes.mean(0))
        centred = shapes - self.mean
        variance, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
        count = self.config.components
        self.basis.copy_(vectors.flip(1)[:, :count].T)
        self.scale.copy_(variance.flip(0)[:count].clamp_min(1e-8) ** 0.25)
        spread = self.to_components(shapes[:: max(1, len(shapes) // 4096)]).std()
        self.scale.mul_(spread)

    def to_components(self, shapes: torch.Tensor) -> torch.Tensor:
        """``(n, BOX_SIDE^2)`` shapes -> ``(n, components)``."""
        return (shapes - self.mean) @ self.basis.T / self.scale

    def to_shapes(self, components: torch.Tensor) -> torch.Tensor:
        """``(n, components)`` -> ``(n, BOX_SIDE^2)`` shapes, positive inside."""
        return self.mean + (components * self.scale) @ self.basis


def _time_features(time: torch.Tensor) -> torch.Tensor:
    """``(B,)`` times in [0, 1] -> ``(B, 64)`` sines and cosines."""
    rates = torch.exp(torch.linspace(0, math.log(1000), 32, device=time.device))
    angles = time[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
