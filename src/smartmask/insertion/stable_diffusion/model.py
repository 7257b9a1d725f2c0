"""What every use of a diffusers pipeline shares: how one is loaded, asked, and what its failures are called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from smartmask.errors import ModelError, OutOfMemoryError
from smartmask.insertion.stable_diffusion.families import Family, Task, check_side, working_size
from smartmask.insertion.stable_diffusion.load import CONTROL, Opening, open_pipeline
from smartmask.insertion.stable_diffusion.samplers import pace_of
from smartmask.io.checks import check_scale, check_steps
from smartmask.io.hub import is_out_of_memory, quiet
from smartmask.io.watch import Progress


class DiffusionModel:
    """A diffusers pipeline with its row of FAMILIES; a subclass says for which ``task``. Built by ``from_pretrained``.

    side: pixels of the longer side that it paints.  control_scale: None for the task's or the family's own.
    controlnet: the name of one that was loaded beside the model.
    """

    task: ClassVar[Task]
    takes: ClassVar[tuple[str, ...]] = ()  # names of the class's own options
    reference_scale = 1.0  # weight of an IP-Adapter's picture

    def __init__(
        self,
        pipeline: Any,
        family: Family,
        name: str,
        side: int,
        control_scale: float | None = None,
        controlnet: str | Path | None = None,
    ) -> None:
        self.pipeline, self.family, self.name = pipeline, family, name
        self.side: int | None = side
        self.cell = int(pipeline.vae_scale_factor)  # pixels of the picture in one of the latent, each way
        self.levels = int(pipeline.scheduler.config.num_train_timesteps)
        self.pace, self.controlnet = pace_of(pipeline, family), controlnet
        self.controlled = getattr(pipeline, "controlnet", None) is not None
        own = family.control_scale if self.task.control_scale is None else self.task.control_scale
        self.control_scale = own if control_scale is None else control_scale

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
        lora: Sequence[str | Path] = (),
        sampler: str | None = None,
        ip_adapter: str | Path | None = None,
        reference_scale: float | None = None,
        **own: Any,
    ) -> Self:
        """A model of a folder or hub name in diffusers' format, of one of FAMILIES.

        controlnet: one of the same family, folder or hub name; None where the model's folder holds its own, or none
        is needed.
        device: "cpu", "cuda", ...; None takes a GPU where there is one.  dtype: float32, float16 or bfloat16;
        None is the family's own on a GPU, else float32.  offload: True or "model" keeps only the part at work on the
        GPU, "sequential" only its layer.  slicing: attention and VAE in slices, slower but smaller.
        side: pixels of the longer side; the model's own by default.  variant: of the files, such as "fp16".
        control_scale: weight of the ControlNet.  lora: folders, files or hub names, each perhaps with ":SCALE" behind.
        sampler: one of SAMPLERS in the place of the model's own.  ip_adapter: file, folder or hub name of what shows
        it a reference picture; reference_scale: its weight (1).  own: further arguments of the class.
        Raises ValueError for what is no such model, ModelMissingError for what has to be fetched, OutOfMemoryError.
        """
        control_scale, task = check_scale(control_scale, "control scale"), cls.task
        check_scale(reference_scale, "reference scale")
        strange = [option for option in own if option not in cls.takes]
        if strange:
            raise ModelError(f"The {task.what} '{name}' has no option '{strange[0]}' here; leave it out.")
        lora = (lora,) if isinstance(lora, (str, Path)) else tuple(lora)
        opening = Opening(
            controlnet, device, dtype, offload, slicing, side, variant, lora, sampler, ip_adapter, reference_scale
        )
        if reference_scale is not None and ip_adapter is None:
            raise ModelError(
                f"The reference scale is {reference_scale:g}; it weighs what --ip-adapter shows, name one."
            )
        pipeline, family = open_pipeline(name, task, opening)
        controlled = getattr(pipeline, "controlnet", None) is not None
        if task.needs_control and not controlled:
            raise ModelError(
                f"The {task.what} '{name}' has no {CONTROL} and would not see the layout; "
                f"add --controlnet with a segmentation {CONTROL} ({family.controlnet})."
            )
        if control_scale is not None and not controlled:
            raise ModelError(
                f"The control scale is {control_scale:g}, but the {task.what} '{name}' has no {CONTROL}; name "
                "one, or leave the scale out."
            )
        label = " + ".join(str(part) for part in (name, controlnet, *lora, ip_adapter) if part is not None)
        config = getattr(pipeline, family.denoises).config
        made_for = int(config.get("sample_size") or 0) * int(pipeline.vae_scale_factor) or family.side
        side = check_side(made_for if side is None else side, family)
        model = cls(pipeline, family, label, side, control_scale, controlnet, **own)
        model.reference_scale = 1.0 if reference_scale is None else reference_scale
        return model

    def working_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) that the model paints for a picture: longer side ``side``, multiples of the family's."""
        return working_size(height, width, self.side or self.family.side, self.family.multiple)

    @contextmanager
    def painting(self, size: tuple[int, int]) -> Iterator[None]:
        """Keeps the libraries quiet; OutOfMemoryError, with the remedies, where memory does not suffice."""
        try:
            with quiet("diffusers", "transformers"):
                yield
        except Exception as error:
            if is_out_of_memory(error):
                raise OutOfMemoryError(
                    f"There is not enough memory to paint {size[1]}x{size[0]} pixels with '{self.name}'; "
                    "use a smaller side, dtype float16, offload or slicing"
                ) from error
            raise

    def steps_of(self, steps: int | None) -> int:
        """The steps asked for, or the family's own; ValueError for more than the model has noise levels."""
        steps = check_steps(steps) or self.pace.steps
        if steps >= self.levels:  # with an offset, as most models have, all of them together leave the schedule
            raise ValueError(f"The number of steps is {steps}; '{self.name}' paints in at most {self.levels - 1}.")
        return steps

    def paint(
        self,
        size: tuple[int, int],
        *,
        seed: int,
        steps: int | None,
        guidance_scale: float | None,
        callback: Progress | None,
        **arguments: Any,
    ) -> np.ndarray:
        """``(height, width, 3)`` uint8 RGB of ``size``; ``arguments`` are the task's own, for the pipeline.

        callback(step, steps) is called after each step.  Raises OutOfMemoryError, RuntimeError where the model's
        safety checker withholds its picture, and ValueError as ``steps_of`` does.
        """
        import torch

        arguments |= {
            "height": size[0],
            "width": size[1],
            "num_inference_steps": self.steps_of(steps),
            self.family.scale: self.pace.guidance_scale if guidance_scale is None else guidance_scale,
            "generator": torch.Generator("cpu").manual_seed(seed),
            "output_type": "pil",
            **self.family.always(*size),
        }
        if callback is not None:

            def on_step(pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
                callback(step + 1, int(pipeline.num_timesteps))
                return tensors

            arguments["callback_on_step_end"] = on_step
        with self.painting(size):
            output = self.pipeline(**arguments)
        if any(getattr(output, "nsfw_content_detected", None) or ()):
            raise RuntimeError(f"The safety checker of '{self.name}' withheld the picture; try another seed or text")
        return np.array(output.images[0].convert("RGB"))
