"""Stable Diffusion as an inserter: diffusers' inpainting pipelines, with or without a segmentation ControlNet.

What differs between the families stands in ``diffusion_load.FAMILIES``; the rest is one path: crop to the
model's size, paint, and back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from smartmask.checks import check_scale
from smartmask.composition import resize, resize_mask
from smartmask.hub import ModelError, OutOfMemoryError, is_out_of_memory, quiet
from smartmask.pipelines.diffusion_load import (
    CONTROL,
    INPAINT,
    Family,
    check_side,
    open_pipeline,
    own_side,
    working_size,
)
from smartmask.pipelines.inpaint import Painting, PaintRequest


class DiffusionInpainter:
    """A diffusers inpainting pipeline that answers PaintRequests. Built by ``from_pretrained``.

    pipeline: the loaded diffusers pipeline.  family: its row of FAMILIES.  side: pixels of the crop's longer side.
    """

    def __init__(
        self,
        pipeline: Any,
        family: Family,
        name: str,
        side: int,
        control_scale: float | None = None,
        negative_prompt: str | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.family = family
        self.name = name
        self.side: int | None = side
        self.cell = int(pipeline.vae_scale_factor)  # pixels of the picture in one of the latent, each way
        self.levels = int(pipeline.scheduler.config.num_train_timesteps)
        self.controlled = getattr(pipeline, "controlnet", None) is not None
        self.control_scale = family.control_scale if control_scale is None else control_scale
        self.negative_prompt = negative_prompt

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        controlnet: str | Path | None = None,
        device: str | None = None,
        dtype: str | None = None,
        offload: bool | str = False,
        slicing: bool = False,
        *,
        side: int | None = None,
        variant: str | None = None,
        control_scale: float | None = None,
        negative_prompt: str | None = None,
    ) -> DiffusionInpainter:
        """An inserter of a folder or hub name in diffusers' format: SD 1.x, 2.x or SDXL, inpainting or plain.

        controlnet: a segmentation ControlNet (ADE20K's colours) of the same family, folder or hub name.
        device: "cpu", "cuda", ...; None takes a GPU where there is one.  dtype: float32, float16 or bfloat16;
        None is float16 on a GPU, else float32.  offload: True or "model" keeps only the part at work on the GPU,
        "sequential" only its layer.  slicing: attention and VAE in slices, slower but smaller.
        side: pixels of the longer side; the model's own by default.  variant: of the files, such as "fp16".
        control_scale: weight of the ControlNet, the family's by default.  negative_prompt: what not to paint.
        Raises ValueError for what is no such model, ModelMissingError for what has to be fetched, OutOfMemoryError.
        """
        control_scale = check_scale(control_scale, "control scale")
        pipeline, family = open_pipeline(name, controlnet, INPAINT, device, dtype, offload, slicing, variant, side)
        own = own_side(pipeline, family)
        label = str(name) if controlnet is None else f"{name} + {controlnet}"
        if control_scale is not None and getattr(pipeline, "controlnet", None) is None:
            raise ModelError(
                f"The control scale is {control_scale:g}, but the {INPAINT.what} '{name}' has no {CONTROL}; name "
                "one, or leave the scale out."
            )
        return cls(
            pipeline, family, label, check_side(own if side is None else side, family), control_scale, negative_prompt
        )

    def __call__(self, request: PaintRequest) -> Painting:
        """Paints the crop at the model's size; the answer has the request's size.

        Raises OutOfMemoryError, RuntimeError where the model's safety checker withholds its picture, and ValueError
        for more steps than the model has noise levels.
        """
        height, width = request.mask.shape
        size = self.working_size(height, width)
        arguments = self._arguments(request, size)
        try:
            with quiet("diffusers", "transformers"):
                output = self.pipeline(**arguments)
        except Exception as error:
            if is_out_of_memory(error):
                raise OutOfMemoryError(
                    f"There is not enough memory to paint {size[1]}x{size[0]} pixels with '{self.name}'; "
                    "use a smaller side, dtype float16, offload or slicing"
                ) from error
            raise
        if any(getattr(output, "nsfw_content_detected", None) or ()):
            raise RuntimeError(f"The safety checker of '{self.name}' withheld the picture; try another seed or prompt")
        return Painting(resize(np.array(output.images[0].convert("RGB")), height, width))

    def working_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) that the model paints for a crop: longer side ``side``, both multiples of the family's."""
        return working_size(height, width, self.side or self.family.side, self.family.multiple)

    def _arguments(self, request: PaintRequest, size: tuple[int, int]) -> dict[str, Any]:
        import torch
        from PIL import Image

        height, width = size
        mask = whole_cells(resize_mask(request.mask, height, width), self.cell)
        steps = request.steps or self.family.steps
        if steps >= self.levels:  # with an offset, as most models have, all of them together leave the schedule
            raise ValueError(f"The number of steps is {steps}; '{self.name}' paints in at most {self.levels - 1}.")
        scale = request.guidance_scale
        arguments: dict[str, Any] = {
            "prompt": paint_prompt(request.prompt, request.context),
            "negative_prompt": self.negative_prompt,
            "image": Image.fromarray(resize(request.image, height, width)),
            "mask_image": Image.fromarray(mask).convert("L"),
            "height": height,
            "width": width,
            "num_inference_steps": steps,
            "guidance_scale": self.family.guidance_scale if scale is None else scale,
            # a strength below 1 skips the first noise levels; of few steps nothing would be left
            "strength": self.family.strength if int(steps * self.family.strength) else 1.0,
            "generator": torch.Generator("cpu").manual_seed(request.seed),
            "output_type": "pil",
        }
        if self.controlled:
            control = Image.fromarray(self.family.control_colours(request.scene))
            arguments["control_image"] = control.resize((width, height), Image.Resampling.NEAREST)
            arguments["controlnet_conditioning_scale"] = float(self.control_scale)
        callback = request.callback
        if callback is not None:

            def on_step(pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
                callback(step + 1, int(pipeline.num_timesteps))
                return tensors

            arguments["callback_on_step_end"] = on_step
        return arguments


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
