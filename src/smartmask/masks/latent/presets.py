"""Named configurations of the latent model: what its networks are made of, and how they are trained and asked.

``sd15`` and ``sd21`` are Stable Diffusion's own networks, widened: what the paper starts from. ``tiny`` starts from
nothing: pixels folded into channels for a VAE, a small U-Net, and the project's own vocabulary for CLIP, so that all
paths run on a CPU. What the paper leaves open is our choice and says so in ``docs/latent.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from smartmask.text.encoder import TEXT_DIM

BETAS = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@dataclass(frozen=True)
class Defaults:
    """How a model is asked where a request does not say. steps: of the sampler. guidance_scale: weight of the object's
    text, context_guidance_scale: of the sentence about the picture (1: no more than it was trained with)."""

    steps: int = 25
    guidance_scale: float = 3.0
    context_guidance_scale: float = 1.5


@dataclass(frozen=True)
class LatentPreset:
    """One size of model.

    base: hub name of the Stable Diffusion model that it starts from; None: from nothing, with the vocabulary's words.
    side: of the canvas in pixels. unet, vae: arguments of UNet2DConditionModel (without its channels in, which are the
    noisy picture's and the layout's) and of AutoencoderKL. patch: pixels a side that are folded into channels instead
    of a VAE, which is exact both ways; 0 with a VAE. scheduler: arguments of the sampler.
    learning_rate, ema, batch: of training.
    """

    base: str | None
    side: int
    unet: dict[str, Any]
    vae: dict[str, Any]
    scheduler: dict[str, Any]
    learning_rate: float
    ema: float
    batch: int
    patch: int = 0
    defaults: Defaults = field(default_factory=Defaults)

    @property
    def latent_channels(self) -> int:
        """Of a picture."""
        return 3 * self.patch**2 if self.patch else int(self.vae["latent_channels"])

    @property
    def factor(self) -> int:
        """Pixels a latent cell."""
        return self.patch or int(2 ** (len(self.vae["block_out_channels"]) - 1))


def _stable_diffusion(base: str, text: int, prediction: str, **unet: Any) -> LatentPreset:
    blocks = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",)
    ups = ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3
    return LatentPreset(
        base=base, side=512,
        unet={
            "sample_size": 64, "block_out_channels": (320, 640, 1280, 1280), "layers_per_block": 2,
            "down_block_types": blocks, "up_block_types": ups, "cross_attention_dim": text, "attention_head_dim": 8,
            **unet,
        },
        vae={
            "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4,
            "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
            "scaling_factor": 0.18215, "sample_size": 512,
        },
        scheduler={**BETAS, "prediction_type": prediction, "steps_offset": 1},
        learning_rate=1e-5, ema=0.9999, batch=8,
    )  # fmt: skip


PRESETS: dict[str, LatentPreset] = {
    "sd15": _stable_diffusion("stable-diffusion-v1-5/stable-diffusion-v1-5", 768, "epsilon"),
    "sd21": _stable_diffusion(
        "stabilityai/stable-diffusion-2-1-base", 1024, "epsilon", attention_head_dim=(5, 10, 20, 20),
        use_linear_projection=True,
    ),
    "tiny": LatentPreset(
        base=None, side=128,
        unet={
            "sample_size": 32, "block_out_channels": (32, 64, 128), "layers_per_block": 1,
            "down_block_types": ("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"), "cross_attention_dim": TEXT_DIM,
            "attention_head_dim": 32, "norm_num_groups": 16,
        },
        vae={}, patch=4,
        # Folded pixels say the same many times, so that a picture shows through much noise: more of it, and at the
        # last step nothing else, or training would never ask for a place that nothing tells.
        scheduler={
            **BETAS, "beta_start": 0.002, "beta_end": 0.03, "prediction_type": "sample", "timestep_spacing": "trailing",
            "rescale_betas_zero_snr": True,
        },
        learning_rate=8e-4, ema=0.999, batch=16, defaults=Defaults(steps=15, guidance_scale=2.0),
    ),
}  # fmt: skip


def latent_preset(name: str) -> LatentPreset:
    """The preset of a name; ValueError lists them for an unknown one."""
    if name not in PRESETS:
        raise ValueError(f"There is no preset '{name}'; use {', '.join(PRESETS)}.")
    return PRESETS[name]
