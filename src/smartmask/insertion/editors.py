"""Editors by instruction: a photograph and a sentence come in, a whole new photograph goes out, with no mask at all.

InstructPix2Pix (Brooks et al., arXiv 2211.09800) and its like are what mask-free insertion is compared with; nothing
keeps them from changing the rest of the picture, which is why no command of ours inserts with them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from smartmask.errors import ModelError
from smartmask.image.composition import resize, side_size
from smartmask.insertion.stable_diffusion.families import FAMILIES
from smartmask.insertion.stable_diffusion.load import find_device, find_dtype
from smartmask.io.hub import check_files, loading, model_folder, quiet, read_config

# Classes of diffusers that take a picture and an instruction: their family, and the working side in pixels.
EDITORS = {
    "StableDiffusionInstructPix2PixPipeline": ("sd", 512),
    "StableDiffusionXLInstructPix2PixPipeline": ("sdxl", 768),
}
INSTRUCTION = "add {article} {name}"
MULTIPLE = 8  # of both sides
WHAT, WITHOUT = "editor", "it is for comparison alone"


class InstructionEditor:
    """A diffusers pipeline of EDITORS. side: pixels of the picture's longer side that it works at."""

    def __init__(self, pipeline: Any, name: str, side: int) -> None:
        self.pipeline, self.name, self.side = pipeline, name, side

    @classmethod
    def from_pretrained(
        cls, name: str | Path, device: str | None = None, dtype: str | None = None, side: int | None = None
    ) -> InstructionEditor:
        """A folder or hub name. Raises ModelError of one sentence for what is no such editor."""
        folder = model_folder(name, WHAT)
        if folder is not None:
            check_files(folder, WHAT, "model_index.json")
            check_kind(str(read_config(folder / "model_index.json", WHAT).get("_class_name")), name)
        with loading(name, WHAT, WITHOUT), quiet("diffusers", "transformers", bars=folder is None):
            from diffusers import DiffusionPipeline

            place = find_device(device, False)
            index = DiffusionPipeline.load_config(folder or str(name))
            family, made_at = check_kind(str(index.get("_class_name")), name)
            numbers = find_dtype(dtype, place, FAMILIES[family])
            pipeline = DiffusionPipeline.from_pretrained(folder or str(name), dtype=numbers, use_safetensors=True)
            pipeline.set_progress_bar_config(disable=True)
            pipeline.to(place)
        made_for = int(pipeline.unet.config.sample_size or 0) * int(pipeline.vae_scale_factor)
        return cls(pipeline, str(name), side or made_for or made_at)

    def __call__(
        self, photo: np.ndarray, instruction: str, *, seed: int, steps: int | None = None,
        guidance_scale: float | None = None,
    ) -> np.ndarray:  # fmt: skip
        """``(H, W, 3)`` uint8: the photo (H, W, 3) uint8 as the instruction changes it, at its own size."""
        import torch
        from PIL import Image

        height, width = photo.shape[:2]
        size = tuple(max(MULTIPLE, round(v / MULTIPLE) * MULTIPLE) for v in side_size(height, width, self.side))
        asked = {"num_inference_steps": steps, "guidance_scale": guidance_scale}
        with quiet("diffusers", "transformers"):
            output = self.pipeline(
                prompt=instruction,
                image=Image.fromarray(resize(photo, size[0], size[1])),
                generator=torch.Generator("cpu").manual_seed(seed),
                output_type="pil",
                **{key: value for key, value in asked.items() if value is not None},
            )
        return resize(np.array(output.images[0].convert("RGB")), height, width)


def check_kind(kind: str, name: str | Path) -> tuple[str, int]:
    """Family and side of a class in EDITORS; ModelError for any other."""
    if kind not in EDITORS:
        raise ModelError(f"The {WHAT} '{name}' is a {kind}; give one of {', '.join(EDITORS)}.")
    return EDITORS[kind]


def instruction_for(name: str) -> str:
    """The sentence that asks for an object."""
    return INSTRUCTION.format(article="an" if name[:1].lower() in tuple("aeiou") else "a", name=name)
