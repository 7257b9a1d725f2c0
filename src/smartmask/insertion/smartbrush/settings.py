"""What a SmartBrush folder says of itself, and the parts that a pipeline is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from smartmask.image.codecs import Codec
from smartmask.insertion.smartbrush.masked_diffusion import NoisePath
from smartmask.insertion.smartbrush.network import InpaintNetwork, Parts
from smartmask.text.states import Words


@dataclass(frozen=True)
class BrushSettings:
    """What a folder says of itself: preset (tiny, small or sd), side of its crops in pixels, patch (pixels folded
    into channels; 0 with a VAE), sampling defaults, and the paper's parts it was trained with."""

    preset: str
    side: int
    patch: int = 0
    steps: int = 20
    guidance_scale: float = 2.0
    parts: Parts = field(default_factory=Parts)


@dataclass(frozen=True, eq=False)
class BrushParts:
    """A SmartBrush pipeline's parts: network, codec of pictures, reader of words, path of noise, settings."""

    network: InpaintNetwork
    codec: Codec
    words: Words
    path: NoisePath
    settings: BrushSettings
