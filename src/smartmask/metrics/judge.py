"""The evaluation network: names the class of a silhouette, and gives features for distances between sets of them.

It is trained on real masks of the training split alone (``smartmask eval judge``), judges masks and
nothing else: no part of the project trains or ranks with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from smartmask.io.components import load_component
from smartmask.io.package import WEIGHTS

JUDGE = WEIGHTS / "judge"
FEATURES = 64  # enough for shapes, few enough that a covariance of some hundred samples is no noise
_BATCH = 256


@dataclass(frozen=True)
class JudgeConfig:
    """names: the classes, in the order of the logits; width: channels of the first layer."""

    names: tuple[str, ...]
    width: int = 32
    features: int = FEATURES

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))


class Judge(nn.Module):
    """Pixels as blocks of 4x4, three convolutions, a linear layer to the features, and one to the logits."""

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        layers: list[nn.Module] = [nn.PixelUnshuffle(4)]  # no detail is lost, and no time on large maps
        for before, after, stride in ((16, width, 1), (width, 2 * width, 2), (2 * width, 2 * width, 2)):
            layers += [nn.Conv2d(before, after, 3, stride, padding=1), nn.GroupNorm(4, after), nn.GELU()]
        self.body = nn.Sequential(*layers)  # (B, 1, 64, 64) -> (B, 2 width, 4, 4)
        self.embed = nn.Linear(2 * width * 16, config.features)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(config.features, len(config.names))

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        """``(B, features)`` of pictures (B, 1, 64, 64) in [-1, 1]."""
        return functional.gelu(self.embed(self.body(pictures).flatten(1)))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """``(B, names)`` logits."""
        return self.head(self.drop(self.features(pictures)))


def load_judge(folder: Path | None = None) -> Judge:
    """The network of a folder, or the bundled one. ValueError, naming the file, if it is missing or damaged."""
    return load_component(folder or JUDGE, Judge, JudgeConfig).eval()


def as_input(pictures: np.ndarray) -> torch.Tensor:
    """``(N, 64, 64)`` uint8 -> ``(N, 1, 64, 64)`` float32 in [-1, 1]."""
    return torch.from_numpy(pictures)[:, None].float() / 127.5 - 1


@torch.inference_mode()
def _batched(function: Callable[[torch.Tensor], torch.Tensor], pictures: np.ndarray) -> np.ndarray:
    parts = [function(as_input(pictures[i : i + _BATCH])) for i in range(0, len(pictures), _BATCH)]
    return torch.cat(parts).double().numpy()


def features_of(judge: Judge, pictures: np.ndarray) -> np.ndarray:
    """``(N, features)`` float64 of ``(N, 64, 64)`` uint8 silhouettes."""
    return _batched(judge.features, pictures)


def named_by(judge: Judge, pictures: np.ndarray) -> np.ndarray:
    """``(N,)`` str: the class that the judge takes each silhouette for."""
    return np.array(judge.config.names)[_batched(judge, pictures).argmax(axis=1)]


def macro_accuracy(true: np.ndarray, said: np.ndarray) -> float:
    """Mean over the classes in ``true`` of the share of each that is named rightly."""
    return float(np.mean([np.mean(said[true == name] == name) for name in np.unique(true)]))


def jitter(pictures: torch.Tensor, generator: torch.Generator, amount: float = 0.06) -> torch.Tensor:
    """Random flips, and scales, aspect ratios and shifts of about ``amount``; pictures (B, 1, S, S) in [-1, 1]."""
    count = len(pictures)
    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    size = torch.exp(amount * torch.randn(count, 2, generator=generator))
    shift = amount * torch.randn(count, 2, generator=generator)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = flip * size[:, 0], size[:, 1], shift
    grid = functional.affine_grid(theta, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures + 1, grid, align_corners=False) - 1
