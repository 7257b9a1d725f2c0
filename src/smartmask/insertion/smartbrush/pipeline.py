"""SmartBrushPipeline (arXiv 2212.05034): paints an object into a mask that may be coarse, and says where it is.

An ``Inpainter``: called with a PaintRequest, it answers a Painting whose ``alpha`` is the predicted object.
Its folder is diffusers-like: ``model_index.json``, ``unet/``, and either ``text/`` (our vocabulary; the network
works on pixels) or ``vae/``, ``text_encoder/``, ``tokenizer/`` and ``scheduler/`` of a Stable Diffusion base.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smartmask.image.codecs import Codec
from smartmask.insertion.inpainter import Painting, PaintRequest
from smartmask.insertion.smartbrush import files
from smartmask.insertion.smartbrush.masked_diffusion import NoisePath, OnState, sample_masked
from smartmask.insertion.smartbrush.network import InpaintNetwork, Parts
from smartmask.insertion.smartbrush.precision import check_precision, rung
from smartmask.insertion.smartbrush.settings import BrushParts, BrushSettings
from smartmask.io.checks import check_scale, check_seed, check_steps
from smartmask.text.encoder import TextEncoder
from smartmask.text.states import Told, Words


class SmartBrushPipeline:
    """Paints objects with SmartBrush's network; ``side`` is its working size in pixels."""

    name = "smartbrush"

    def __init__(
        self, network: InpaintNetwork, codec: Codec, words: Words, path: NoisePath, settings: BrushSettings
    ) -> None:
        self.network, self.codec, self.words = network.eval(), codec, words
        self.path, self.settings = path, settings
        self.side: int | None = settings.side

    @classmethod
    def of(cls, parts: BrushParts) -> SmartBrushPipeline:
        """The pipeline of its parts."""
        return cls(parts.network, parts.codec, parts.words, parts.path, parts.settings)

    @classmethod
    def new(cls, preset: str, text: TextEncoder, parts: Parts | None = None) -> SmartBrushPipeline:
        """An untrained pipeline of a pixel-space preset, with the paper's parts that are wanted (None: all).

        Raises ValueError for an unknown preset.
        """
        return cls.of(files.new(preset, text, parts))

    @classmethod
    def from_stable_diffusion(cls, folder: Path, parts: Parts | None = None) -> SmartBrushPipeline:
        """A pipeline that starts from a Stable Diffusion folder; ValueError, naming the file, for any other."""
        return cls.of(files.from_stable_diffusion(folder, parts))

    # --- saved form --------------------------------------------------------------------------

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        **other: Any,
    ) -> SmartBrushPipeline:
        """Loads a folder written by ``save_pretrained``; never touches the network.

        device, dtype: None for the CPU and float32; a dtype may be its name ("bfloat16").
        Raises ValueError, naming the file, for what is missing, damaged or another pipeline's, and for the
        options of other inserters (``other``).
        """
        if other:
            raise ValueError(f"The SmartBrush folder '{folder}' has no option '{next(iter(other))}'; leave it out.")
        kind = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
        if dtype is not None and (not isinstance(kind, torch.dtype) or not kind.is_floating_point):
            raise ValueError(f"The dtype is '{dtype}'; use float32, bfloat16 or float16.")
        pipeline = cls.of(files.load(Path(folder), kind))
        return pipeline if device is None else pipeline.to(device)

    def save_pretrained(self, folder: str | Path, half: bool = False) -> None:
        """Writes the folder beside its place, then moves it there. half: the U-Net as float16."""
        parts = BrushParts(self.network, self.codec, self.words, self.path, self.settings)
        files.save(parts, Path(folder), half)

    def to(self, device: str | torch.device) -> SmartBrushPipeline:
        """Moves the networks to a device; ValueError if torch does not have it."""
        try:
            texts = (getattr(self.words, name, None) for name in ("text_encoder", "text_encoder_2"))
            for module in (self.network, getattr(self.codec, "vae", None), *texts):
                if module is not None:
                    module.to(device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).split("\n")[0].rstrip(".")
            raise ValueError(f"The device '{device}' cannot be used ({reason}); try cpu.") from None
        return self

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    # --- the call ----------------------------------------------------------------------------

    def __call__(self, request: PaintRequest) -> Painting:
        """The painted crop; ``alpha`` is the mask itself where it is exact (s = 0), else the predicted object."""
        # 1. check
        precision = check_precision(request.precision)
        steps = check_steps(request.steps)
        scale = check_scale(request.guidance_scale)
        check_seed(request.seed)
        if not request.mask.any():
            raise ValueError(f"The mask of '{request.prompt}' is empty; paint at least one pixel.")
        # 2. pad the crop to a square
        height, width = request.mask.shape
        side = self._square(max(height, width))
        margin = ((0, side - height), (0, side - width))
        image = np.pad(request.image, (*margin, (0, 0)), mode="edge")
        mask = np.pad(request.mask, margin)
        # 3. draw
        callback = request.callback
        pictures, probable = self.draw(
            torch.from_numpy(image).permute(2, 0, 1)[None],
            torch.from_numpy(mask)[None, None],
            [precision],
            [(request.prompt, request.context)],
            [request.seed],
            steps=steps,
            guidance_scale=scale,
            on_state=None if callback is None else lambda step, count, *_: callback(step, count),
        )
        # 4. back to the crop
        painted = pictures[0].permute(1, 2, 0).numpy()[:height, :width]
        alpha = probable[0, 0].numpy()[:height, :width]
        if rung(precision) == 0 or not self.settings.parts.mask_prediction:
            alpha = request.mask.astype(np.float32)
        return Painting(np.ascontiguousarray(painted), np.ascontiguousarray(alpha, dtype=np.float32))

    def _square(self, longer: int) -> int:
        """The side to work at: the network's own, or the next that its halvings allow."""
        unit = self.codec.factor * 2 ** (len(self.network.unet.config.block_out_channels) - 1)
        return -(-max(longer, self.settings.side) // unit) * unit

    @torch.inference_mode()
    def draw(
        self,
        pictures: torch.Tensor,
        masks: torch.Tensor,
        precisions: Sequence[float],
        texts: Sequence[tuple[str, str]],
        seeds: Sequence[int],
        steps: int | None = None,
        guidance_scale: float | None = None,
        on_state: OnState | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch of crops painted: (B, 3, H, W) uint8 pictures and (B, 1, H, W) float32 object probabilities.

        pictures: (B, 3, H, W) uint8; masks: (B, 1, H, W) bool; texts: (name, caption or ""). Outside the masks
        the pictures of a pixel-space network come back bit for bit; a VAE's come back as it decodes them.
        on_state(step, steps, latents, mask) is called after each step; it may raise to stop.
        """
        device, parts = self.device, self.settings.parts
        pixels = pictures.to(device).float() / 127.5 - 1
        clean = self.codec.encode(pixels)
        mask = self.codec.encode_mask(masks.to(device))
        precision = torch.tensor(list(precisions), device=device, dtype=torch.float32) * float(parts.precision)
        noise = torch.stack([torch.randn(clean.shape[1:], generator=torch.Generator().manual_seed(s)) for s in seeds])
        state, probable = sample_masked(
            self._denoiser(pixels, precision, texts, guidance_scale),
            clean,
            noise.to(device),
            mask,
            self.path,
            steps or self.settings.steps,
            narrow=torch.tensor([parts.mask_prediction and rung(p) > 0 for p in precisions], device=device),
            blend=not parts.mask_noise,
            on_state=on_state,
        )
        painted = ((self.codec.decode(state) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()
        return painted, (self.codec.decode_mask(probable).cpu() * masks).float()

    def _denoiser(
        self, pixels: torch.Tensor, precision: torch.Tensor, texts: Sequence[tuple[str, str]], scale: float | None
    ) -> Any:
        """The network with its conditions filled in and classifier-free guidance round it."""
        scale = self.settings.guidance_scale if scale is None else scale
        words = self._states(texts)
        nothing = self._states([("", "")] * len(texts)) if scale != 1 else None

        def masked(mask: torch.Tensor) -> torch.Tensor | None:
            if not self.network.sees_masked_picture:
                return None
            return self.codec.encode(pixels * (self.codec.decode_mask(mask.float()) < 0.5))

        def denoise(
            noisy: torch.Tensor, time: torch.Tensor, mask: torch.Tensor, exact: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            told = torch.where(exact, torch.zeros_like(precision), precision)
            seen = masked(mask)
            when = self.path.network_time(time)
            output, logits = self.network(noisy, when, mask, told, words.states, seen, words.pooled)
            if nothing is not None:
                without, _ = self.network(noisy, when, mask, told, nothing.states, seen, nothing.pooled)
                output = without + scale * (output - without)
            return self.path.clean(noisy, time, output), logits

        return denoise

    def _states(self, texts: Sequence[tuple[str, str]]) -> Told:
        tokens = np.stack([self.words.tokens(name, caption) for name, caption in texts])
        return self.words.told(torch.from_numpy(tokens).to(self.device))
