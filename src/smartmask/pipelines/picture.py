"""Segmentation to image: a layout becomes a picture by Stable Diffusion with a segmentation ControlNet.

SmartMask's last step for layouts from nothing (arXiv 2312.05039, section 3.3). The models are the user's own; the
layout goes to them in ADE20K's colours (``seg_control_image``), the sentence as the prompt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.checks import check_prompt, check_seed
from smartmask.composition import resize
from smartmask.hub import ModelError, OutOfMemoryError, is_out_of_memory, quiet
from smartmask.pipelines.diffusion_load import PICTURE, Family, check_side, open_pipeline, own_side, working_size
from smartmask.scene import Scene

CONTROLNETS = {"sd": "lllyasviel/control_v11p_sd15_seg", "sdxl": "one trained on ADE20K's colours"}


@dataclass(frozen=True, eq=False)
class Picture:
    """A painted layout. image: (H, W, 3) uint8 RGB of the scene's size. painted: (height, width) the model worked at.

    unknown: share of the scene in [0, 1] that the ControlNet saw as nothing: unlabeled, or of no class of ADE20K.
    """

    image: np.ndarray
    painted: tuple[int, int]
    unknown: float


class LayoutPainter:
    """A diffusers text-to-image pipeline with a segmentation ControlNet. Built by ``from_pretrained``.

    side: pixels of the longer side that it paints.
    """

    def __init__(self, pipeline: Any, family: Family, name: str, side: int, control_scale: float = 1.0) -> None:
        self.pipeline, self.family, self.name, self.side = pipeline, family, name, side
        self.control_scale = control_scale

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
        control_scale: float = 1.0,
    ) -> LayoutPainter:
        """A text-to-image model of a folder or hub name in diffusers' format: SD 1.x, 2.x or SDXL.

        controlnet: a segmentation ControlNet (ADE20K's colours) of the same family, folder or hub name; None where
        the model's folder holds its own.  The other options are those of ``DiffusionInpainter.from_pretrained``;
        control_scale: weight of the layout, 1 as the ControlNets were trained.
        Raises ValueError for what is no such model, ModelMissingError for what has to be fetched, OutOfMemoryError.
        """
        pipeline, family = open_pipeline(name, controlnet, PICTURE, device, dtype, offload, slicing, variant, side)
        if getattr(pipeline, "controlnet", None) is None:
            kind = "sdxl" if "XL" in type(pipeline).__name__ else "sd"
            raise ModelError(
                f"The {PICTURE.what} '{name}' has no ControlNet and would not see the layout; "
                f"add --controlnet with a segmentation ControlNet ({CONTROLNETS[kind]})."
            )
        label = str(name) if controlnet is None else f"{name} + {controlnet}"
        return cls(
            pipeline,
            family,
            label,
            check_side(own_side(pipeline, family) if side is None else side, family),
            control_scale,
        )

    def __call__(
        self,
        scene: Scene,
        prompt: str,
        *,
        seed: int = 0,
        steps: int | None = None,
        guidance_scale: float | None = None,
        negative_prompt: str | None = None,
        callback: Callable[[int, int], None] | None = None,
    ) -> Picture:
        """Paints what is visible of the scene; callback(step, of) after each step. The same seed, the same picture.

        Raises ValueError for bad input, OutOfMemoryError, and RuntimeError where the safety checker withholds it.
        """
        check_prompt(prompt, "scene text")
        check_seed(seed)
        if steps is not None and steps < 1:
            raise ValueError(f"The number of steps is {steps}; it must be at least 1.")
        colours = self.family.control_colours(scene)
        size = working_size(scene.height, scene.width, self.side, self.family.multiple)
        arguments = self._arguments(colours, prompt, size, seed, steps, guidance_scale)
        if callback is not None:

            def on_step(pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
                callback(step + 1, int(pipeline.num_timesteps))
                return tensors

            arguments["callback_on_step_end"] = on_step
        try:
            with quiet("diffusers", "transformers"):
                output = self.pipeline(negative_prompt=negative_prompt, **arguments)
        except Exception as error:
            if is_out_of_memory(error):
                raise OutOfMemoryError(
                    f"There is not enough memory to paint {size[1]}x{size[0]} pixels with '{self.name}'; "
                    "use dtype float16, offload or slicing"
                ) from error
            raise
        if any(getattr(output, "nsfw_content_detected", None) or ()):
            raise RuntimeError(f"The safety checker of '{self.name}' withheld the picture; try another seed or text")
        image = resize(np.array(output.images[0].convert("RGB")), scene.height, scene.width)
        return Picture(image, size, float((colours == 0).all(axis=2).mean()))

    def _arguments(
        self, colours: np.ndarray, prompt: str, size: tuple[int, int], seed: int, steps: int | None,
        guidance_scale: float | None,
    ) -> dict[str, Any]:  # fmt: skip
        import torch
        from PIL import Image

        height, width = size
        control = Image.fromarray(colours).resize((width, height), Image.Resampling.NEAREST)
        return {
            "prompt": prompt,
            "image": control,
            "height": height,
            "width": width,
            "num_inference_steps": steps or self.family.steps,
            "guidance_scale": self.family.guidance_scale if guidance_scale is None else guidance_scale,
            "controlnet_conditioning_scale": float(self.control_scale),
            "generator": torch.Generator("cpu").manual_seed(seed),
            "output_type": "pil",
        }
