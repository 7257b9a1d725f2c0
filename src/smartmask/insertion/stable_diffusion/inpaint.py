"""Diffusers' inpainting pipelines as inserters, with or without ControlNet, LoRAs and a reference picture.

What differs between the families stands in ``families.FAMILIES``; the rest is one path: crop to the
model's size, paint, and back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from smartmask.errors import ModelError
from smartmask.image.composition import resize, resize_mask
from smartmask.insertion.inpainter import Painting, PaintRequest
from smartmask.insertion.stable_diffusion.adapters import set_reference_scale
from smartmask.insertion.stable_diffusion.control import control_kind, cut_out_picture, layout_picture
from smartmask.insertion.stable_diffusion.families import INPAINT
from smartmask.insertion.stable_diffusion.model import DiffusionModel
from smartmask.io.checks import check_strength

BLANK = np.full((8, 8, 3), 255, dtype=np.uint8)  # what an object without a reference picture refers to, at weight 0


class DiffusionInpainter(DiffusionModel):
    """A diffusers inpainting pipeline (made for it, or plain) that answers PaintRequests.

    side: pixels of the crop's longer side.  negative_prompt: what not to paint.  control: what its ControlNet was
    trained on, seg or inpaint; None reads its name.  strength: share of the noise levels gone through, None for the
    family's.
    """

    task = INPAINT
    takes = ("negative_prompt", "control", "strength")

    def __init__(
        self,
        *shared: Any,
        negative_prompt: str | None = None,
        control: str | None = None,
        strength: float | None = None,
    ) -> None:
        super().__init__(*shared)
        self.control = control_kind(control, self.controlnet)
        if control is not None and not self.controlled:
            raise ModelError(f"The control is '{control}'; it says what a ControlNet sees, name one with --controlnet.")
        if negative_prompt is not None and self.family.negative is None:
            raise ModelError(f"The negative prompt is '{negative_prompt}', but '{self.name}' takes none; leave it out.")
        self.negative_prompt = negative_prompt
        self.strength = self.family.strength if strength is None else check_strength(strength)

    @property
    def takes_reference(self) -> bool:
        """Whether it can be shown a picture of the object; those that need an IP-Adapter for it have one."""
        adapted = bool(getattr(getattr(self.pipeline, "unet", None), "encoder_hid_proj", None))
        return self.family.reference is not None and (adapted or self.family.reference != "ip_adapter_image")

    @property
    def needs_reference(self) -> bool:
        """Whether it was given something that only a reference picture has a use for."""
        return self.takes_reference and self.family.reference == "ip_adapter_image"

    def __call__(self, request: PaintRequest) -> Painting:
        """Paints the crop at the model's size; the answer has the request's size. Raises as ``paint`` does."""
        from PIL import Image

        height, width = request.mask.shape
        size = self.working_size(height, width)
        steps = self.steps_of(request.steps)
        image = resize(request.image, *size)
        mask = whole_cells(resize_mask(request.mask, *size), self.cell)
        arguments: dict[str, Any] = {
            "prompt": self.family.wording.format(paint_prompt(request.prompt, request.context)),
            "image": Image.fromarray(image),
            "mask_image": Image.fromarray(mask).convert("L"),
            # a strength below 1 skips the first noise levels; of few steps nothing would be left
            "strength": self.strength if int(steps * self.strength) else 1.0,
            **self._reference(request),
        }
        if self.family.negative is not None:
            arguments["negative_prompt"] = self.negative_prompt or self.family.negative or None
        if self.controlled:
            seen = layout_picture(request.scene, size, self.family) if self.control == "seg" else None
            arguments["control_image"] = cut_out_picture(image, mask) if seen is None else seen
            arguments["controlnet_conditioning_scale"] = float(self.control_scale)
        painted = self.paint(
            size, seed=request.seed, steps=steps, guidance_scale=request.guidance_scale, callback=request.callback,
            **arguments,
        )  # fmt: skip
        return Painting(resize(painted, height, width))

    def _reference(self, request: PaintRequest) -> dict[str, Any]:
        """The reference picture as the pipeline takes it; ``paint.check_references`` asked before whether it does."""
        from PIL import Image

        if not self.takes_reference or (request.reference is None and not self.needs_reference):
            return {}
        picture = BLANK if request.reference is None else request.reference
        if self.needs_reference:
            set_reference_scale(self.pipeline, 0.0 if request.reference is None else self.reference_scale)
            picture = squared(picture)
        return {str(self.family.reference): Image.fromarray(picture)}


def squared(picture: np.ndarray) -> np.ndarray:
    """``(n, n, 3)`` uint8: the picture on white. An image encoder crops the middle, which would cut a long object."""
    height, width = picture.shape[:2]
    side = max(height, width)
    result = np.full((side, side, 3), 255, dtype=np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    result[top : top + height, left : left + width] = picture
    return result


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
