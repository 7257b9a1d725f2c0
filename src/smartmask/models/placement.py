"""Where, how big, and in front of what: a light network over the whole layout that samples boxes and depth.

The box's distribution factors into a categorical over a grid of centres and, given the centre's
cell, a mixture of Gaussians over offset and size; both see the layout, the texts and the guide.
Depth is a product of pairwise odds of standing in front of each thing that the box overlaps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from smartmask.data.view import View
from smartmask.frame import Frame
from smartmask.geometry import BoxXYXY, mask_box
from smartmask.models.layout import FLAGS, LayoutCrop, LayoutEncoder, render
from smartmask.scene import Scene

BOX = 4  # centre offset x, y (cells), log width, log height (shares of the frame)
UNIFORMS = 2 + BOX * 2  # uniform numbers that one placement consumes
PAIR = 10  # geometric features of a pair of boxes
SURE = 0.7  # share of two boxes' common ground that a thing must hold to count as in front
OVERLAP = 0.05  # share of the smaller box from which two boxes count as overlapping


@dataclass(frozen=True)
class PlacementConfig:
    """Size of the placement network: tokens a side (``cells``), width, depth, mixture components."""

    width: int = 128
    depth: int = 3
    heads: int = 4
    cells: int = 8
    mixture: int = 4
    text_dim: int = 128


def scene_frame(view: View) -> Frame:
    """The square that holds the whole photo of a view, centred on it."""
    x0, y0, x1, y1 = view.photo
    return Frame((x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0))


def render_scene(view: View, guides: tuple = ()) -> LayoutCrop:
    """The whole view as the placement network sees it: its square frame, with no box known."""
    return render(view, scene_frame(view), (0.0, 0.0, 0.0, 0.0), guides)


class PlacementNetwork(nn.Module):
    """(whole layout, texts) -> distribution of the new object's box."""

    def __init__(self, config: PlacementConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.layout = LayoutEncoder(config.text_dim, width, config.cells)
        self.position = nn.Parameter(torch.randn(config.cells**2, width) * 0.02)
        self.object = nn.Linear(config.text_dim, width)
        self.context = nn.Linear(config.text_dim, width)
        layer = nn.TransformerEncoderLayer(
            width, config.heads, 4 * width, 0.1, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, config.depth, nn.LayerNorm(width), enable_nested_tensor=False)
        self.centre = nn.Linear(width, 1)
        self.size = nn.Sequential(
            nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, config.mixture * (1 + 2 * BOX))
        )

    def forward(
        self, ids: torch.Tensor, flags: torch.Tensor, names: torch.Tensor, object_: torch.Tensor, context: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """``(centre log-probabilities (B, cells^2), token features (B, cells^2, 2 width))``.

        ids, flags: a rendered scene; names (N, text_dim); object_, context (B, text_dim).
        """
        told, about = self.object(object_), self.context(context)
        tokens = self.layout(ids, flags, names) + self.position + told[:, None]
        tokens = self.encoder(torch.cat([told[:, None], about[:, None], tokens], dim=1))[:, 2:]
        outside = flags[:, FLAGS.index("outside")]
        outside = nn.functional.adaptive_avg_pool2d(outside[:, None], self.config.cells).flatten(1) > 0.99
        logits = self.centre(tokens)[..., 0].float().masked_fill(outside, -1e4)
        features = torch.cat([tokens, told[:, None].expand_as(tokens)], dim=-1)
        return logits.log_softmax(dim=1), features

    def mixture(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """``(..., 2 width)`` features -> log-weights (..., K), means and log deviations (..., K, 4)."""
        raw = self.size(features).float().unflatten(-1, (self.config.mixture, 1 + 2 * BOX))
        return raw[..., 0].log_softmax(-1), raw[..., 1 : 1 + BOX], raw[..., 1 + BOX :].clamp(-3, 1.5)

    def log_density(self, features: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
        """``(B,)`` log density of boxes (B, 4: offset x, y, log w, log h) at their cells' features (B, 2 width)."""
        weights, means, deviations = self.mixture(features)
        scaled = (boxes[:, None] - means) * torch.exp(-deviations)
        log_normal = (-0.5 * scaled**2 - deviations - 0.5 * math.log(2 * math.pi)).sum(-1)
        return torch.logsumexp(weights + log_normal, dim=-1)

    @torch.no_grad()
    def place(
        self, log_centres: torch.Tensor, features: torch.Tensor, uniforms: torch.Tensor, spread: float = 0.35
    ) -> tuple[np.ndarray, np.ndarray]:
        """One box for each row of uniform numbers: ``(n, 4)`` x0, y0, x1, y1 in frame units, and ``(n,)`` log density.

        log_centres: (cells^2,), features: (cells^2, 2 width) of one scene. uniforms: (n, UNIFORMS) in [0, 1).
        spread: factor on every deviation; below 1 it favours the likely.
        """
        cells = self.config.cells
        shares = _nucleus(log_centres.double().exp(), 0.95).cumsum(0)
        # right: a uniform number of exactly 0 must not fall on an empty first cell
        cell = torch.searchsorted(shares, uniforms[:, 0].double() * shares[-1], right=True).clamp_max(cells**2 - 1)
        weights, means, deviations = self.mixture(features[cell])
        component = torch.searchsorted(weights.double().exp().cumsum(-1), uniforms[:, 1:2].double())[:, 0]
        component = component.clamp_max(self.config.mixture - 1)
        rows = torch.arange(len(uniforms))
        # Box and Muller: two uniforms a normal deviate
        radius = torch.sqrt(-2 * torch.log1p(-uniforms[:, 2 : 2 + BOX]))
        normal = radius * torch.cos(2 * math.pi * uniforms[:, 2 + BOX :])
        drawn = means[rows, component] + spread * normal * torch.exp(deviations[rows, component])
        cx = ((cell % cells) + 0.5 + drawn[:, 0]) / cells
        cy = ((cell // cells) + 0.5 + drawn[:, 1]) / cells
        w, h = torch.exp(drawn[:, 2].clamp(-5, 0)), torch.exp(drawn[:, 3].clamp(-5, 0))
        boxes = torch.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], dim=1)
        density = log_centres[cell] + self.log_density(features[cell], drawn)
        return boxes.double().numpy(), density.double().numpy()


def _nucleus(shares: torch.Tensor, mass: float) -> torch.Tensor:
    """The likeliest cells that together hold ``mass``; the others get 0."""
    order = shares.argsort(descending=True)
    before = shares[order].cumsum(0) - shares[order]
    kept = torch.zeros_like(shares)
    kept[order[before < mass]] = shares[order[before < mass]]
    return kept


@dataclass(frozen=True)
class OrderConfig:
    """Size of the order network."""

    width: int = 64
    text_dim: int = 128


class OrderNetwork(nn.Module):
    """Odds that a new object stands in front of a thing: from both names' vectors and both boxes."""

    def __init__(self, config: OrderConfig) -> None:
        super().__init__()
        self.config = config
        text_dim, width = config.text_dim, config.width
        self.names = nn.Linear(2 * text_dim, width)
        self.pair = nn.Linear(PAIR, width)
        self.head = nn.Sequential(nn.GELU(), nn.Dropout(0.1), nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1))

    def forward(self, new: torch.Tensor, other: torch.Tensor, pair: torch.Tensor) -> torch.Tensor:
        """Logits (B,) of names' vectors (B, text_dim) each and pair features (B, PAIR)."""
        return self.head(self.names(torch.cat([new, other], dim=-1)) + self.pair(pair))[..., 0]


def pair_features(new: BoxXYXY, other: BoxXYXY, height: int, width: int) -> np.ndarray:
    """``(PAIR,)`` float32 geometry of two boxes in a scene; swapping them flips the odd ones' sign."""
    side = math.sqrt(height * width)
    nw, nh, ow, oh = new[2] - new[0], new[3] - new[1], other[2] - other[0], other[3] - other[1]
    ix = max(min(new[2], other[2]) - max(new[0], other[0]), 0.0)
    iy = max(min(new[3], other[3]) - max(new[1], other[1]), 0.0)
    inter = ix * iy
    values = [
        (new[3] - other[3]) / side, (new[1] - other[1]) / side, (new[3] - other[3]) / max(nh, 1),
        (new[3] - other[1]) / max(oh, 1), math.log(max(nw, 1) / max(ow, 1)), math.log(max(nh, 1) / max(oh, 1)),
        inter / max(nw * nh, 1), inter / max(ow * oh, 1), nh / side, oh / side,
    ]  # fmt: skip
    return np.clip(np.array(values, dtype=np.float32), -4, 4)


def overlaps(a: BoxXYXY, b: BoxXYXY) -> bool:
    """Whether two boxes share at least OVERLAP of the smaller one."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return w > 0 and h > 0 and w * h >= OVERLAP * max(smaller, 1e-9)


def ordered_pairs(scene: Scene, boxes: Sequence[BoxXYXY | None]) -> list[tuple[int, int]]:
    """``(front, back)`` layer indices of things whose depth the annotation gives away.

    Of two overlapping boxes, the thing that holds at least SURE of what both hold of their common
    ground is in front. In amodal scenes, where masks overlap, the layers' own order tells.
    """
    things = [i for i, layer in enumerate(scene.layers) if layer.thing and boxes[i] is not None]
    pairs: list[tuple[int, int]] = []
    for position, i in enumerate(things):
        for j in things[position + 1 :]:
            a, b = boxes[i], boxes[j]
            if a is None or b is None or not overlaps(a, b):
                continue
            x0, y0 = math.floor(max(a[0], b[0])), math.floor(max(a[1], b[1]))
            common = np.s_[y0 : math.ceil(min(a[3], b[3])), x0 : math.ceil(min(a[2], b[2]))]
            first, second = scene.layers[i].mask[common], scene.layers[j].mask[common]
            if (first & second).sum() > 20:
                pairs.append((j, i))
                continue
            held, other = int(first.sum()), int(second.sum())
            if held + other < 20:
                continue
            share = held / (held + other)
            if share >= SURE:
                pairs.append((i, j))
            elif share <= 1 - SURE:
                pairs.append((j, i))
    return pairs


@torch.no_grad()
def likely_order(network: OrderNetwork, scene: Scene, vectors: np.ndarray, new: np.ndarray, box: BoxXYXY) -> int:
    """The index in ``scene.layers`` at which an object with this box most likely stands.

    vectors: (layers, text_dim) of the layers' names; new: (text_dim,) of the object's. Stuff is behind.
    Among all indices it takes the one of the highest product of odds, the front-most of equals.
    """
    near: list[tuple[int, BoxXYXY]] = []
    for index, layer in enumerate(scene.layers):
        other = mask_box(layer.mask) if layer.thing else None
        if other is not None and overlaps(box, other):
            near.append((index, other))
    if not near:
        return len(scene.layers)
    features = np.stack([pair_features(box, other, scene.height, scene.width) for _, other in near])
    others = torch.from_numpy(vectors[[index for index, _ in near]])
    logits = network(torch.from_numpy(new).expand_as(others), others, torch.from_numpy(features)).double().numpy()
    # moving past a thing to the front adds its logit to the log odds of the whole order
    gain, best, order = 0.0, 0.0, near[0][0]
    for (index, _), logit in zip(near, logits, strict=True):
        gain += float(logit)
        if gain >= best:
            best, order = gain, index + 1
    return len(scene.layers) if order > near[-1][0] else order
