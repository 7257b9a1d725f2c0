"""The Inception network that FID is defined with, filled from a folder: 2,048 features of a picture.

FID (Heusel et al., arXiv 1706.08500) uses TensorFlow's Inception v3 of 2015-12-05 (Szegedy et al., arXiv 1512.00567),
which torch users know as ``pt_inception-2015-12-05-6726825d.pth``. Its layers are here under the names that file gives
them, so that its tensors fill this network as they are; the weights are the user's own, as safetensors. It differs
from the later Inception v3 in three ways: averages at the border leave the padding out, the very last block pools by
maximum, and there are 1,008 classes (whose layer is not needed here).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from smartmask.io.reading import read_tensors
from smartmask.metrics.inception_weights import MARK, weights_in

FEATURES = 2048
SIDE = 299  # pixels at which the network looks
SPARE = ("fc.weight", "fc.bias")  # of the classes; not needed for features
BATCH = 16  # pictures at once
Pool = Literal["mean", "max"]
Kernel = int | tuple[int, int]
Layer = tuple[str, int, Kernel, int]  # name, channels out, kernel (h, w), stride
Chain = Sequence["Layer | tuple[Layer, Layer]"]  # the last of a chain may be two layers side by side


class Convolution(nn.Module):
    """Convolution without bias, batch normalisation and ReLU; padded to keep the size unless it strides."""

    def __init__(self, before: int, after: int, kernel: Kernel, stride: int = 1, padded: bool = True) -> None:
        super().__init__()
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (sides[0] // 2, sides[1] // 2) if padded else (0, 0)
        self.conv = nn.Conv2d(before, after, sides, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=1e-3)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.bn(self.conv(maps)))


class Mixed(nn.Module):
    """Chains of convolutions side by side on one input, and a pooled one, joined along the channels.

    pool: how the input is pooled; pooled: channels of the convolution after it, None for none, where the pool strides
    by two as the other chains do. ``width`` is the number of channels out.
    """

    def __init__(self, before: int, chains: Sequence[Chain], pool: Pool, pooled: int | None) -> None:
        super().__init__()
        self.chains: list[list[tuple[str, ...]]] = []
        self.pool, self.width = pool, 0
        for chain in chains:
            wide, names = before, []
            for link in chain:
                layers: tuple[Layer, ...] = link if isinstance(link[0], tuple) else (link,)  # type: ignore[assignment]
                for name, after, kernel, stride in layers:
                    self.add_module(name, Convolution(wide, after, kernel, stride, padded=stride == 1))
                names.append(tuple(name for name, *_ in layers))
                wide = sum(after for _, after, *_ in layers)
            self.chains.append(names)
            self.width += wide
        self.branch_pool = None if pooled is None else Convolution(before, pooled, 1)
        self.width += before if pooled is None else pooled

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        parts = []
        for chain in self.chains:
            found = maps
            for names in chain:
                found = torch.cat([self.get_submodule(name)(found) for name in names], dim=1)
            parts.append(found)
        return torch.cat([*parts, self._pooled(maps)], dim=1)

    def _pooled(self, maps: torch.Tensor) -> torch.Tensor:
        if self.branch_pool is None:
            return functional.max_pool2d(maps, 3, stride=2)
        if self.pool == "max":
            return self.branch_pool(functional.max_pool2d(maps, 3, stride=1, padding=1))
        return self.branch_pool(functional.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False))


def _fine(before: int, pooled: int) -> Mixed:
    """Blocks 5b to 5d, at 35 x 35."""
    small: Chain = [("branch5x5_1", 48, 1, 1), ("branch5x5_2", 64, 5, 1)]
    double: Chain = [(f"branch3x3dbl_{i}", wide, kernel, 1) for i, wide, kernel in ((1, 64, 1), (2, 96, 3), (3, 96, 3))]
    return Mixed(before, [[("branch1x1", 64, 1, 1)], small, double], "mean", pooled)


def _to_middle(before: int) -> Mixed:
    """Block 6a, from 35 x 35 to 17 x 17."""
    double: Chain = [("branch3x3dbl_1", 64, 1, 1), ("branch3x3dbl_2", 96, 3, 1), ("branch3x3dbl_3", 96, 3, 2)]
    return Mixed(before, [[("branch3x3", 384, 3, 2)], double], "max", None)


def _middle(before: int, inner: int) -> Mixed:
    """Blocks 6b to 6e, at 17 x 17: rows and columns of seven instead of squares."""
    row, column = (1, 7), (7, 1)
    once: Chain = [("branch7x7_1", inner, 1, 1), ("branch7x7_2", inner, row, 1), ("branch7x7_3", 192, column, 1)]
    kernels: tuple[Kernel, ...] = (1, column, row, column, row)
    twice: Chain = [(f"branch7x7dbl_{i}", 192 if i == 5 else inner, k, 1) for i, k in enumerate(kernels, 1)]
    return Mixed(before, [[("branch1x1", 192, 1, 1)], once, twice], "mean", 192)


def _to_coarse(before: int) -> Mixed:
    """Block 7a, from 17 x 17 to 8 x 8."""
    seven: Chain = [(f"branch7x7x3_{i}", 192, k, 1) for i, k in ((1, 1), (2, (1, 7)), (3, (7, 1)))]
    return Mixed(
        before,
        [[("branch3x3_1", 192, 1, 1), ("branch3x3_2", 320, 3, 2)], [*seven, ("branch7x7x3_4", 192, 3, 2)]],
        "max",
        None,
    )


def _coarse(before: int, pool: Pool) -> Mixed:
    """Blocks 7b and 7c, at 8 x 8."""

    def fork(stem: str) -> tuple[Layer, Layer]:
        return (f"{stem}a", 384, (1, 3), 1), (f"{stem}b", 384, (3, 1), 1)

    once: Chain = [("branch3x3_1", 384, 1, 1), fork("branch3x3_2")]
    twice: Chain = [("branch3x3dbl_1", 448, 1, 1), ("branch3x3dbl_2", 384, 3, 1), fork("branch3x3dbl_3")]
    return Mixed(before, [[("branch1x1", 320, 1, 1)], once, twice], pool, 192)


class Inception(nn.Module):
    """(B, 3, 299, 299) in [-1, 1] -> (B, 2048): the mean over the last block's 8 x 8 cells."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, 3, 2, padded=False)  # -> 149 x 149
        self.Conv2d_2a_3x3 = Convolution(32, 32, 3, padded=False)
        self.Conv2d_2b_3x3 = Convolution(32, 64, 3)  # 147 x 147, then pooled to 73 x 73
        self.Conv2d_3b_1x1 = Convolution(64, 80, 1)
        self.Conv2d_4a_3x3 = Convolution(80, 192, 3, padded=False)  # 71 x 71, then pooled to 35 x 35
        self.Mixed_5b = _fine(192, 32)
        self.Mixed_5c = _fine(self.Mixed_5b.width, 64)
        self.Mixed_5d = _fine(self.Mixed_5c.width, 64)
        self.Mixed_6a = _to_middle(self.Mixed_5d.width)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = (
            _middle(self.Mixed_6a.width, inner) for inner in (128, 160, 160, 192)
        )
        self.Mixed_7a = _to_coarse(self.Mixed_6e.width)
        self.Mixed_7b = _coarse(self.Mixed_7a.width, "mean")
        self.Mixed_7c = _coarse(self.Mixed_7b.width, "max")

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        stem = [self.Conv2d_1a_3x3, self.Conv2d_2a_3x3, self.Conv2d_2b_3x3]
        stem += [self.Conv2d_3b_1x1, self.Conv2d_4a_3x3]
        maps = pictures
        for number, layer in enumerate(stem):
            maps = layer(maps)
            if number in (2, 4):
                maps = functional.max_pool2d(maps, 3, stride=2)
        for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
            maps = self.get_submodule(f"Mixed_{name}")(maps)
        return maps.mean(dim=(2, 3))


class InceptionFeatures:
    """Pictures -> the 2,048 features that FID is defined on."""

    def __init__(self, network: Inception, device: str = "cpu") -> None:
        self.network, self.device = network.eval().to(device), device

    @classmethod
    def from_folder(cls, folder: Path, device: str = "cpu") -> InceptionFeatures:
        """The weights of a folder: one safetensors file with the tensors of pt_inception-2015-12-05.

        The layer of classes and the counters of batches may be there. Raises ValueError, naming the first tensor that
        is missing, strange or of another shape.
        """
        file = weights_in(folder)
        if file is None:
            raise ValueError(
                f"'{folder}' holds no safetensors file of FID's Inception network ({MARK}); save the tensors of "
                "pt_inception-2015-12-05 with safetensors, under their own names, as model.safetensors."
            )
        with torch.device("meta"):
            network = Inception()
        wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        tensors = {name: value for name, value in read_tensors(file)[0].items() if name not in SPARE}
        counters = {name for name in wanted if name.endswith("num_batches_tracked")}
        missing, strange = sorted(wanted.keys() - counters - tensors.keys()), sorted(tensors.keys() - wanted.keys())
        if missing or strange:
            what = f"lacks the tensor {missing[0]}" if missing else f"has the tensor {strange[0]}, which it should not"
            raise ValueError(f"'{file}' {what}; FID's network is pt_inception-2015-12-05, another Inception is not it.")
        for name, value in tensors.items():
            if name not in counters and value.shape != wanted[name]:
                raise ValueError(f"The tensor {name} of '{file}' has shape {value.shape}; FID's has {wanted[name]}.")
        own = {
            name: torch.tensor(value, dtype=torch.float32) for name, value in tensors.items() if name not in counters
        }
        own |= {name: torch.tensor(0) for name in counters}
        network.load_state_dict(own, assign=True)
        return cls(network, device)

    def __call__(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """``(n, 2048)`` float64 of (H, W, 3) uint8 RGB pictures of any sizes.

        Pictures are scaled to 299 x 299 bilinearly without smoothing, as pytorch-fid does; the original TensorFlow
        code's resizing is another, which shifts a FID a little.
        """
        found = []
        for start in range(0, len(pictures), BATCH):
            batch = torch.cat([self._scaled(picture) for picture in pictures[start : start + BATCH]])
            with torch.inference_mode():
                found.append(self.network(batch.to(self.device)).double().cpu().numpy())
        return np.concatenate(found)

    @staticmethod
    def _scaled(picture: np.ndarray) -> torch.Tensor:
        pixels = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255
        return functional.interpolate(pixels, (SIDE, SIDE), mode="bilinear", align_corners=False) * 2 - 1
