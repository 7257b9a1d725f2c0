"""Stable Diffusion as an inserter: diffusers' inpainting pipelines, with or without a segmentation ControlNet.

What differs between the families stands in ``families.FAMILIES``; the rest is one path: crop to the
model's size, paint, and back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from smartmask.image.composition import resize, resize_mask
from smartmask.insertion.inpainter import Painting, PaintRequest
from smartmask.insertion.stable_diffusion.families import INPAINT, Family
from smartmask.insertion.stable_diffusion.model import DiffusionModel


class DiffusionInpainter(DiffusionModel):
    """A diffusers inpainting pipeline (made for it, or plain) that answers PaintRequests.

    side: pixels of the crop's longer side.  negative_prompt: what not to paint.
    """

    task = INPAINT

    def __init__(
        self,
        pipeline: Any,
        family: Family,
        name: str,
        side: int,
        control_scale: float | None = None,
        negative_prompt: str | None = None,
    ) -> None:
        super().__init__(pipeline, family, name, side, control_scale)
        self.negative_prompt = negative_prompt

    def __call__(self, request: PaintRequest) -> Painting:
        """Paints the crop at the model's size; the answer has the request's size. Raises as ``paint`` does."""
        from PIL import Image

        height, width = request.mask.shape
        size = self.working_size(height, width)
        steps, strength = self.steps_of(request.steps), self.family.strength
        arguments: dict[str, Any] = {
            "prompt": paint_prompt(request.prompt, request.context),
            "negative_prompt": self.negative_prompt,
            "image": Image.fromarray(resize(request.image, *size)),
            "mask_image": Image.fromarray(whole_cells(resize_mask(request.mask, *size), self.cell)).convert("L"),
            # a strength below 1 skips the first noise levels; of few steps nothing would be left
            "strength": strength if int(steps * strength) else 1.0,
        }
        if self.controlled:
            arguments["control_image"] = self.control_image(request.scene, size)
            arguments["controlnet_conditioning_scale"] = float(self.control_scale)
        painted = self.paint(
            size, seed=request.seed, steps=steps, guidance_scale=request.guidance_scale, callback=request.callback,
            **arguments,
        )  # fmt: skip
        return Painting(resize(painted, height, width))


def paint_prompt(prompt: str, context: str = "") -> str:
    """The object first, since prompts are cut at 77 tokens; a sentence that names it already stands alone."""
    context = context.strip().rstrip(".")
    if not context or context.lower() == prompt.lower():
        return prompt
    return context if context.lower().startswith(prompt.lower()) else f"{prompt}, {context}"


def whole_cells(mask: np.ndarray, cell: int) -> np.ndarray:
    """The (H, W) mask grown to whole ``cell`` x ``cell`` squares; H and W are multiples of ``cell``.

    Models paint latents, one a square: a square at the edge that stays as it was would show the old
    background inside the mask. What is painted beyond the mask is never used.
    """
    height, width = mask.shape
    touched = mask.reshape(height // cell, cell, width // cell, cell).any(axis=(1, 3))
    return touched.repeat(cell, axis=0).repeat(cell, axis=1)
