"""A plain text-to-image model, step by step: what inserters share that take its steps themselves.

Stable Diffusion 1, 2 and SDXL, through the parts of diffusers' own text-to-image pipelines.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch

from smartmask.errors import ModelError
from smartmask.image.composition import resize, resize_mask
from smartmask.insertion.inpainter import Painting, PaintRequest
from smartmask.insertion.stable_diffusion.families import TEXT_TO_IMAGE, Family
from smartmask.insertion.stable_diffusion.inpaint import paint_prompt, whole_cells
from smartmask.insertion.stable_diffusion.model import DiffusionModel
from smartmask.io.checks import check_steps
from smartmask.io.watch import Progress

Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # (state, level ()) -> the network's answer
Draw = Callable[[], torch.Tensor]


class LatentInpainter(DiffusionModel):
    """Paints inside a mask with a model that knows none: a subclass's ``sample`` says how the background comes in.

    negative_prompt: what not to paint. The papers decode the whole latent; here as everywhere only what is inside the
    mask is used, and outside it the photo stays as it is, bit for bit.
    """

    task = TEXT_TO_IMAGE
    takes: ClassVar[tuple[str, ...]] = ("negative_prompt",)
    usual_steps: int
    method: str

    def __init__(
        self, pipeline: Any, family: Family, name: str, *rest: Any, negative_prompt: str | None = None
    ) -> None:  # fmt: skip
        super().__init__(pipeline, family, f"{name} ({self.method})", *rest)
        self.negative_prompt = negative_prompt
        if self.controlled or getattr(pipeline.unet, "encoder_hid_proj", None) is not None:
            what = "a ControlNet" if self.controlled else "an IP-Adapter"
            raise ModelError(f"The method '{self.method}' has no use for {what}; leave it out.")
        if pipeline.vae.config.get("force_upcast") and pipeline.vae.dtype == torch.float16:
            pipeline.vae.to(torch.float32)  # SDXL's overflows

    @abstractmethod
    def sample(
        self, clean: torch.Tensor, mask: torch.Tensor, predict: Predict, steps: int, draw: Draw, on_step: Progress
    ) -> torch.Tensor:
        """The painted latent (1, C, h, w), float32.

        clean: the crop's latent; mask: (1, 1, h, w), 1 where paint goes; predict(state, level) gives the network's
        answer at one of the schedule's whole-numbered levels, the text weighed in; draw() gives noise like ``clean``.
        """

    def __call__(self, request: PaintRequest) -> Painting:
        """Paints the crop at the model's size; the answer has the request's size. Raises as ``steps_of`` does."""
        height, width = request.mask.shape
        size = self.working_size(height, width)
        steps = self.steps_of(check_steps(request.steps) or self.usual_steps)
        scale = self.family.guidance_scale if request.guidance_scale is None else request.guidance_scale
        cells = whole_cells(resize_mask(request.mask, *size), self.cell)[:: self.cell, :: self.cell]
        generator, device = torch.Generator("cpu").manual_seed(request.seed), self.pipeline._execution_device

        def draw() -> torch.Tensor:
            return torch.randn(shape, generator=generator).to(device)

        def on_step(step: int, count: int) -> None:
            if request.callback is not None:
                request.callback(step, count)

        with self.painting(size), torch.no_grad():
            clean = self._encode(resize(request.image, *size))
            shape = clean.shape
            predict = self._predictor(paint_prompt(request.prompt, request.context), scale, size)
            mask = torch.from_numpy(cells)[None, None].to(clean)
            painted = self._decode(self.sample(clean, mask, predict, steps, draw, on_step))
            self.pipeline.maybe_free_model_hooks()
        return Painting(resize(painted, height, width))

    # --- the model's parts -------------------------------------------------------------------

    def _encode(self, image: np.ndarray) -> torch.Tensor:
        """``(H, W, 3)`` uint8 -> (1, C, h, w) float32, scaled as the U-Net expects."""
        vae, device = self.pipeline.vae, self.pipeline._execution_device
        pixels = torch.from_numpy(image).permute(2, 0, 1)[None].to(device, vae.dtype) / 127.5 - 1
        return vae.encode(pixels).latent_dist.mean.float() * vae.config.scaling_factor

    def _decode(self, latent: torch.Tensor) -> np.ndarray:
        """The other way, ``(H, W, 3)`` uint8."""
        vae = self.pipeline.vae
        pixels = vae.decode((latent / vae.config.scaling_factor).to(vae.dtype)).sample.float()
        return ((pixels[0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy()

    def _predictor(self, prompt: str, scale: float, size: tuple[int, int]) -> Predict:
        """The U-Net with its text, and classifier-free guidance round it; a scale of 1 asks it once a step."""
        unet, guided = self.pipeline.unet, scale != 1
        states, more = self._conditions(prompt, guided, size)

        def predict(state: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
            doubled = torch.cat([state] * len(states)).to(unet.dtype)
            output = unet(doubled, level, encoder_hidden_states=states, added_cond_kwargs=more).sample.float()
            if not guided:
                return output
            without, with_text = output.chunk(2)
            return without + scale * (with_text - without)

        return predict

    def _conditions(
        self, prompt: str, guided: bool, size: tuple[int, int]
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor] | None]:
        """Text states (B, words, width), the empty text's first, and what SDXL's U-Net is told besides."""
        pipeline, device = self.pipeline, self.pipeline._execution_device
        found = pipeline.encode_prompt(
            prompt, device=device, num_images_per_prompt=1, do_classifier_free_guidance=guided,
            negative_prompt=self.negative_prompt,
        )  # fmt: skip
        states = torch.cat([found[1], found[0]]) if guided else found[0]
        if len(found) == 2:
            return states, None
        pooled = torch.cat([found[3], found[2]]) if guided else found[2]
        # the crop is told to be a whole picture of its own size
        ids = torch.tensor([[*size, 0, 0, *size]] * len(pooled), dtype=pooled.dtype, device=device)
        return states, {"text_embeds": pooled, "time_ids": ids}
