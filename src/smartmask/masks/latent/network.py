"""The U-Net of ``eps = U(z_t, E(S_k), T_obj, T_context, t)`` (arXiv 2312.05039, eq. 2): noise, layout, two texts, time.

Channels in: the noisy picture's latent C, then the layout's C. Both texts come through cross-attention, one behind
the other. Attention knows no order, so each text's states are marked by a vector of its own; the paper does not say
how its network tells the second text from the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from smartmask.io.diffusion import check_conditions, widened
from smartmask.masks.latent.presets import LatentPreset


@dataclass(frozen=True)
class MarksConfig:
    """Numbers of a text state."""

    width: int


class TextMarks(nn.Module):
    """What is added to the states of each text: (2, width), zero at first."""

    def __init__(self, config: MarksConfig) -> None:
        super().__init__()
        self.config = config
        self.marks = nn.Parameter(torch.zeros(2, config.width))

    def forward(self, objects: torch.Tensor, contexts: torch.Tensor) -> torch.Tensor:
        """Two (B, n, width) -> (B, 2 n, width)."""
        own = self.marks.to(objects)
        return torch.cat([objects + own[0], contexts + own[1]], dim=1)


class LatentNetwork(nn.Module):
    """A diffusers UNet2DConditionModel with twice its latent's channels in, and the marks of its two texts."""

    def __init__(self, unet: Any, marks: TextMarks | None = None) -> None:
        super().__init__()
        self.unet = unet
        self.marks = marks or TextMarks(MarksConfig(int(unet.config.cross_attention_dim)))

    def forward(
        self,
        noisy: torch.Tensor,
        layout: torch.Tensor,
        time: torch.Tensor,
        objects: torch.Tensor,
        contexts: torch.Tensor,
    ) -> torch.Tensor:
        """The prediction (B, C, h, w), float32.

        noisy, layout: (B, C, h, w); time: (B,) or () whole steps; objects, contexts: (B, n, width) text states.
        """
        dtype = self.unet.conv_in.weight.dtype
        states = self.marks(objects.to(dtype), contexts.to(dtype))
        return self.unet(torch.cat([noisy, layout], dim=1).to(dtype), time, states).sample.float()


def build_unet(preset: LatentPreset, channels_in: int | None = None) -> Any:
    """A UNet2DConditionModel with random weights; channels_in: twice the latent's unless given."""
    from diffusers import UNet2DConditionModel

    channels = preset.latent_channels
    return UNet2DConditionModel(**preset.unet, in_channels=channels_in or 2 * channels, out_channels=channels)


def widen_unet(unet: Any) -> None:
    """Gives a text-to-image U-Net channels for the layout, in place; they are zero, so its answers stay.

    ValueError for a U-Net that takes or gives anything besides a noisy picture, time and text.
    """
    config = unet.config
    if config.in_channels != config.out_channels:
        raise ValueError(
            f"The base U-Net has {config.in_channels} channels in and {config.out_channels} out; give a "
            "text-to-image model, whose numbers are equal, not one for inpainting."
        )
    check_conditions(unet)
    unet.conv_in = widened(unet.conv_in, extra_in=config.in_channels)
    unet.register_to_config(in_channels=2 * config.in_channels)
