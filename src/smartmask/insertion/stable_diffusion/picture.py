"""Segmentation to image: a layout becomes a picture by Stable Diffusion with a segmentation ControlNet.

SmartMask's last step for layouts from nothing (arXiv 2312.05039, section 3.3). The models are the user's own; the
layout goes to them in ADE20K's colours (``seg_control_image``), the sentence as the prompt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from smartmask.image.composition import resize
from smartmask.insertion.lay import seed_of
from smartmask.insertion.stable_diffusion.control import layout_picture
from smartmask.insertion.stable_diffusion.families import PICTURE
from smartmask.insertion.stable_diffusion.model import DiffusionModel
from smartmask.io.checks import check_prompt
from smartmask.io.watch import Progress
from smartmask.scene import Scene


@dataclass(frozen=True, eq=False)
class Picture:
    """A painted layout. image: (H, W, 3) uint8 RGB of the scene's size. painted: (height, width) the model worked at.

    unknown: share of the scene in [0, 1] that the ControlNet saw as nothing: unlabeled, or of no class of ADE20K.
    """

    image: np.ndarray
    painted: tuple[int, int]
    unknown: float


class LayoutPainter(DiffusionModel):
    """A diffusers text-to-image pipeline with a segmentation ControlNet, given or in the model's own folder."""

    task = PICTURE

    def __call__(
        self,
        scene: Scene,
        prompt: str,
        *,
        generator: int | torch.Generator | None = 0,
        steps: int | None = None,
        guidance_scale: float | None = None,
        negative_prompt: str | None = None,
        callback_on_step_end: Progress | None = None,
    ) -> Picture:
        """Paints what is visible of the scene; callback_on_step_end(step, of) after each step.

        generator: an int is the seed, a torch.Generator draws it, None is chance; the same seed, the same picture.

        Raises ValueError for bad input, OutOfMemoryError, and RuntimeError where the safety checker withholds it.
        """
        check_prompt(prompt, "scene text")
        size = self.working_size(scene.height, scene.width)
        painted = self.paint(
            size, seed=seed_of(generator), steps=steps, guidance_scale=guidance_scale, callback=callback_on_step_end,
            prompt=prompt, negative_prompt=negative_prompt, image=layout_picture(scene, size, self.family),
            controlnet_conditioning_scale=float(self.control_scale),
        )  # fmt: skip
        unknown = (self.family.control_colours(scene) == 0).all(axis=2).mean()
        return Picture(resize(painted, scene.height, scene.width), size, float(unknown))
