"""SmartBrush's network (arXiv 2212.05034): a diffusers U-Net that is told the mask and its precision, and
predicts the exact mask in extra output channels.

Channels in: the noisy picture C, the mask M, and for a base that was trained for inpainting the masked picture C.
Channels out: the prediction C, then the mask's logits M. Text comes through cross-attention. The precision s / S
is added to the time embedding, which reaches every block; the paper does not say where it enters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from smartmask.io.diffusion import check_conditions, widened

PRECISION_FEATURES = 32
SIZES_AND_TEXT = "text_time"  # SDXL's further conditions, as diffusers calls them: sizes, and a pooled text


@dataclass(frozen=True)
class InpaintPreset:
    """A network in pixel space: side of the crops; patch of pixels folded into channels; U-Net widths.

    attention: for each width whether its blocks attend to the text. heads: channels of one attention head.
    """

    side: int
    patch: int
    widths: tuple[int, ...]
    attention: tuple[bool, ...]
    layers: int = 1
    heads: int = 32
    groups: int = 16


# Pixels are folded 4 x 4 into channels: a latent without a VAE, exact both ways, 32 x 32 for a crop of 128.
INPAINT_PRESETS: dict[str, InpaintPreset] = {
    "tiny": InpaintPreset(32, 4, (16, 32), (False, True), heads=16, groups=8),
    "small": InpaintPreset(128, 4, (64, 96, 192), (False, True, True)),
}
TEXT_WIDTH = 128


@dataclass(frozen=True)
class Parts:
    """The paper's five ideas; each can be left out, for the ablation.

    mask_noise: noise inside the mask only, else everywhere (and the picture is blended in while sampling).
    precision: the network is told s. mask_prediction: it learns the exact mask and sampling uses it.
    captions: half of the texts carry a caption, else names only. multi_task: a fifth is plain text-to-image.
    """

    mask_noise: bool = True
    precision: bool = True
    mask_prediction: bool = True
    captions: bool = True
    multi_task: bool = True


def inpaint_preset(name: str) -> InpaintPreset:
    """The preset of a name; ValueError lists them for an unknown one."""
    if name not in INPAINT_PRESETS:
        known = ", ".join(INPAINT_PRESETS)
        raise ValueError(f"There is no preset '{name}'; use {known}, or sd with a Stable Diffusion folder.")
    return INPAINT_PRESETS[name]


def build_unet(preset: InpaintPreset) -> Any:
    """A diffusers UNet2DConditionModel with random weights."""
    from diffusers import UNet2DConditionModel

    cells = preset.patch**2
    down = tuple("CrossAttnDownBlock2D" if attends else "DownBlock2D" for attends in preset.attention)
    up = tuple("CrossAttnUpBlock2D" if attends else "UpBlock2D" for attends in reversed(preset.attention))
    return UNet2DConditionModel(
        sample_size=preset.side // preset.patch, in_channels=4 * cells, out_channels=4 * cells,
        block_out_channels=preset.widths, layers_per_block=preset.layers, down_block_types=down, up_block_types=up,
        cross_attention_dim=TEXT_WIDTH, attention_head_dim=preset.heads, norm_num_groups=preset.groups,
        time_cond_proj_dim=PRECISION_FEATURES,
    )  # fmt: skip


def extend_unet(unet: Any) -> None:
    """Makes SmartBrush's U-Net of a Stable Diffusion one, in place; new weights are zero, so its answers stay.

    A text-to-image base (4 channels in) gets a mask channel; an inpainting base (9) has one, and the masked
    picture. Both get a mask channel out and the precision. ValueError for any other U-Net.
    """
    config = unet.config
    if config.out_channels != 4 or config.in_channels not in (4, 9):
        raise ValueError(
            f"The base U-Net has {config.in_channels} channels in and {config.out_channels} out; a Stable Diffusion "
            "text-to-image (4 and 4) or inpainting (9 and 4) folder is needed."
        )
    check_conditions(unet, SIZES_AND_TEXT)
    if config.in_channels == 4:
        unet.conv_in = widened(unet.conv_in, extra_in=1)
    unet.conv_out = widened(unet.conv_out, extra_out=1)
    cond = nn.Linear(PRECISION_FEATURES, unet.time_embedding.linear_1.in_features, bias=False)
    nn.init.zeros_(cond.weight)
    unet.time_embedding.cond_proj = cond.to(unet.conv_in.weight)
    unet.register_to_config(in_channels=unet.conv_in.in_channels, out_channels=5, time_cond_proj_dim=PRECISION_FEATURES)


def new_layers(unet: Any) -> list[nn.Module]:
    """The layers that ``extend_unet`` made or widened, which LoRA leaves to be trained as they are."""
    return [unet.conv_in, unet.conv_out, unet.time_embedding.cond_proj]


def precision_features(precision: torch.Tensor) -> torch.Tensor:
    """``(B,)`` precisions in [0, 1] -> ``(B, PRECISION_FEATURES)`` sines and cosines."""
    waves = torch.arange(1, PRECISION_FEATURES // 2 + 1, device=precision.device) * torch.pi
    angles = precision[:, None].float() * waves
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class InpaintNetwork(nn.Module):
    """The U-Net with its channels put together and taken apart."""

    def __init__(self, unet: Any, channels: int, mask_channels: int, factor: int = 8) -> None:
        """factor: pixels of a picture in a latent cell, each way; SDXL is told sizes in pixels."""
        super().__init__()
        self.unet, self.factor = unet, factor
        self.channels, self.mask_channels = channels, mask_channels

    @property
    def sees_masked_picture(self) -> bool:
        """Whether the base was an inpainting model, which is also given the picture without the mask's part."""
        return self.unet.config.in_channels > self.channels + self.mask_channels

    def forward(
        self,
        noisy: torch.Tensor,
        time: torch.Tensor,
        mask: torch.Tensor,
        precision: torch.Tensor,
        text: torch.Tensor,
        masked: torch.Tensor | None = None,
        pooled: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The prediction (B, C, h, w) and the exact mask's logits (B, M, h, w), both float32.

        noisy: (B, C, h, w); time: (B,) 0 to 999; mask: (B, M, h, w), 1 where paint may go; precision: (B,)
        in [0, 1]; text: (B, words, width); masked: (B, C, h, w), for a base that sees it;
        pooled: (B, width) of the text, for SDXL.
        """
        parts = [noisy, mask.to(noisy)]
        if self.sees_masked_picture:
            if masked is None:
                raise ValueError("This network also needs the masked picture; its base was an inpainting model.")
            parts.append(masked)
        dtype = self.unet.conv_in.weight.dtype
        out = self.unet(
            torch.cat(parts, dim=1).to(dtype), time, text.to(dtype),
            timestep_cond=precision_features(precision).to(dtype), added_cond_kwargs=self._more(noisy, pooled),
        ).sample.float()  # fmt: skip
        return out[:, : self.channels], out[:, self.channels :]

    def _more(self, noisy: torch.Tensor, pooled: torch.Tensor | None) -> dict[str, torch.Tensor] | None:
        """What SDXL's U-Net is told besides (arXiv 2307.01952, section 2.2): the pooled text and (height, width) before
        scaling, top and left of the crop, and (height, width) wanted. Our crop is told to be a whole picture."""
        if self.unet.config.addition_embed_type != SIZES_AND_TEXT:
            return None
        if pooled is None:
            raise ValueError("This network also needs the pooled text; its base was SDXL.")
        size = [edge * self.factor for edge in noisy.shape[2:]]
        ids = torch.tensor([[*size, 0, 0, *size]] * len(noisy), device=noisy.device)
        dtype = self.unet.conv_in.weight.dtype
        return {"text_embeds": pooled.to(dtype), "time_ids": ids.to(dtype)}
