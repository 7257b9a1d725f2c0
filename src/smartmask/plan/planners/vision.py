"""A vision-language model as planner: it sees the layout as a picture and reads the text.

So does the planner of SmartMask (arXiv 2312.05039, section 3.3); which model and which wording it uses are ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from smartmask.export.pictures import scene_colours
from smartmask.io.hub import is_out_of_memory, quiet
from smartmask.plan.planners.asking import AskingPlanner, Message
from smartmask.plan.planners.interface import Planner, PlanState
from smartmask.plan.planners.vision_models import WHAT, model_inputs, open_model, turns_of, wording
from smartmask.text.encoder import TextEncoder

SECONDS = 120.0


class VisionPlanner(AskingPlanner):
    """Shows the coloured layout to a model; whatever goes wrong, ``fallback`` answers and ``notes`` says why."""

    name = "vision"
    tokens = 200

    def __init__(
        self, processor: Any, model: Any, text: TextEncoder, fallback: Planner, seconds: float = SECONDS,
        tell: Callable[[str], None] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(text, fallback, tell)
        self.processor, self.model, self.seconds = processor, model.eval(), seconds

    @classmethod
    def from_pretrained(
        cls, name: str | Path, text: TextEncoder, fallback: Planner, seconds: float = SECONDS,
        device: str | None = None, tell: Callable[[str], None] | None = None,
    ) -> VisionPlanner:  # fmt: skip
        """A model as ``open_model`` finds it: a hub name, a local folder, or an adapter of 'train planner-vision'.

        device: torch's; None: the GPU in bfloat16 where there is one, else the CPU in float32.
        """
        import torch

        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        processor, model = open_model(name, None if device == "cpu" else torch.bfloat16)
        return cls(processor, model.to(device), text, fallback, seconds, tell)

    def ask(self, messages: Sequence[Message], state: PlanState) -> str:
        """The model's words; OSError if it runs out of time or memory."""
        import torch

        start = time.monotonic()
        try:
            inputs = self.inputs(messages, state)
            with torch.inference_mode(), quiet("transformers"):
                tokens = self.model.generate(
                    **inputs, max_new_tokens=self.tokens, do_sample=False, max_time=self.seconds
                )
        except RuntimeError as error:
            why = "memory is too small for it" if is_out_of_memory(error) else str(error).splitlines()[0][:200]
            raise OSError(f"The {WHAT} failed ({why}).") from error
        if time.monotonic() - start >= self.seconds:
            raise OSError(f"The {WHAT} took more than {self.seconds:g} s.")
        new = tokens[:, inputs["input_ids"].shape[1] :]
        return str(self.processor.batch_decode(new, skip_special_tokens=True)[0])

    def inputs(self, messages: Sequence[Message], state: PlanState) -> dict[str, Any]:
        """What the model is called with, where it is and in its numbers."""
        from PIL import Image

        picture = Image.fromarray(scene_colours(state.scene))
        found = model_inputs(self.processor, picture, wording(self.processor, turns_of(messages)))
        place, numbers = self.model.device, self.model.dtype
        return {key: value.to(place, numbers if value.is_floating_point() else None) for key, value in found.items()}
