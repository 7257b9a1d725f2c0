"""A small network that names the surfaces and things of a photograph: an encoder of five scales and a decoder.

The decoder adds the scales from coarse to fine as feature pyramid networks do (Lin et al., CVPR 2017, section 3); one
vector of the whole picture joins at the coarsest, so that a ceiling is not looked for outdoors. Where a pixel lies is
told beside its colour: sky is above.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn.functional import interpolate, relu
from torch.nn.utils.fusion import fuse_conv_bn_eval

STRIDE = 32  # a picture's sides are multiples of it
CELL = 4  # pixels of the picture a side of an answer's cell


@dataclass(frozen=True)
class ReaderConfig:
    """What a reader knows, and its size.

    classes: names, in the order of the network's answers.  things: those that come one by one.  left_out: those that
    make no layer.  sure: probability from which a pixel is named.  side: longer side of a photo as the network sees it.
    widths: channels at strides 2, 4, 8, 16, 32.  depth: blocks a scale.  features: of the decoder.  normed: with batch
    normalisation, as in training; without, it is folded into the convolutions.
    """

    classes: tuple[str, ...]
    things: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    sure: float = 0.4
    side: int = 192
    widths: tuple[int, ...] = (24, 48, 80, 128, 160)
    depth: int = 2
    features: int = 64
    normed: bool = False

    def __post_init__(self) -> None:
        for name in ("classes", "things", "left_out", "widths"):
            object.__setattr__(self, name, tuple(getattr(self, name)))


class Convolution(nn.Sequential):
    """A convolution, batch normalisation if ``normed``, and a rectifier if ``active``."""

    def __init__(self, inside: int, out: int, kernel: int, stride: int, normed: bool, active: bool = True) -> None:
        layers: list[nn.Module] = [nn.Conv2d(inside, out, kernel, stride, kernel // 2, bias=not normed)]
        if normed:
            layers.append(nn.BatchNorm2d(out, momentum=0.02))
        if active:
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class Block(nn.Module):
    """A residual block of a 3x3 and a 1x1 convolution."""

    def __init__(self, width: int, normed: bool) -> None:
        super().__init__()
        self.near = Convolution(width, width, 3, 1, normed)
        self.across = Convolution(width, width, 1, 1, normed, active=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return relu(x + self.across(self.near(x)))


class ReaderNetwork(nn.Module):
    """(photographs) -> logits of each class, four pixels a cell."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        self.config = config
        stem, *widths = config.widths
        self.stem = Convolution(5, stem, 3, 2, config.normed)
        self.scales = nn.ModuleList()
        for before, width in zip((stem, *widths), widths, strict=False):
            blocks = [Block(width, config.normed) for _ in range(config.depth)]
            self.scales.append(nn.Sequential(Convolution(before, width, 3, 2, config.normed), *blocks))
        self.sides = nn.ModuleList(Convolution(width, config.features, 1, 1, config.normed) for width in widths)
        self.mixed = nn.ModuleList(
            Convolution(config.features, config.features, 3, 1, config.normed) for _ in widths[1:]
        )
        self.whole = nn.Linear(widths[-1], config.features)
        self.drop = nn.Dropout2d(0.15)
        self.head = nn.Conv2d(config.features, len(config.classes), 1)

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        """``(B, classes, H / 4, W / 4)`` logits of photos (B, 3, H, W) in [-1, 1]; H and W multiples of STRIDE."""
        x = torch.cat([photos, positions(photos)], dim=1).contiguous(memory_format=torch.channels_last)
        x, found = self.stem(x), []
        for scale in self.scales:
            x = scale(x)
            found.append(x)
        x = self.sides[-1](x) + relu(self.whole(x.mean(dim=(2, 3))))[:, :, None, None]
        for side, mixed, finer in zip(reversed(self.sides[:-1]), self.mixed, reversed(found[:-1]), strict=True):
            x = mixed(interpolate(x, size=finer.shape[2:], mode="bilinear", align_corners=False) + side(finer))
        return self.head(self.drop(x))


def positions(photos: torch.Tensor) -> torch.Tensor:
    """``(B, 2, H, W)``: the height of each pixel from -1 (top) to 1, and its distance from the middle, 0 to 1."""
    batch, _, height, width = photos.shape
    down = torch.linspace(-1, 1, height, device=photos.device)[:, None].expand(height, width)
    aside = torch.linspace(-1, 1, width, device=photos.device).abs()[None].expand(height, width)
    return torch.stack([down, aside])[None].expand(batch, -1, -1, -1).to(photos.dtype)


def folded(network: ReaderNetwork) -> ReaderNetwork:
    """The network as it is used: normalisation folded into the convolutions, the same answers up to rounding."""
    plain = ReaderNetwork(replace(network.config, normed=False)).eval()
    both = (m.modules() for m in (plain, copy.deepcopy(network).eval()))
    pairs = ([module for module in modules if isinstance(module, Convolution)] for modules in both)
    for own, trained in zip(*pairs, strict=True):
        first, norm = trained[0], trained[1]
        assert isinstance(first, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        own[0].load_state_dict(fuse_conv_bn_eval(first, norm).state_dict())
    plain.whole.load_state_dict(network.whole.state_dict())
    plain.head.load_state_dict(network.head.state_dict())
    return plain
