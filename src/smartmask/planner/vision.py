"""A vision-language model of the LLaVA family as planner: it sees the layout as a picture and reads the text.

So does the planner of SmartMask (arXiv 2312.05039, section 3.3); which model and which wording it uses are ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from smartmask.hub import check_complete, check_files, check_weights, is_out_of_memory, loading, model_folder, quiet
from smartmask.models.text import TextEncoder
from smartmask.planner.asking import AskingPlanner, Message
from smartmask.planner.interface import Planner, PlanState
from smartmask.render import scene_colours

WHAT = "vision-language model"
SECONDS = 120.0
NEW_TOKENS = 200


class VisionPlanner(AskingPlanner):
    """Shows the coloured layout to a model; whatever goes wrong, ``fallback`` answers and ``notes`` says why."""

    name = "vision"

    def __init__(
        self, processor: Any, model: Any, text: TextEncoder, fallback: Planner, seconds: float = SECONDS,
        tell: Callable[[str], None] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(text, fallback, tell)
        self.processor, self.model, self.seconds = processor, model.eval(), seconds

    @classmethod
    def from_pretrained(
        cls, name: str | Path, text: TextEncoder, fallback: Planner, seconds: float = SECONDS, device: str = "cpu",
        tell: Callable[[str], None] | None = None,
    ) -> VisionPlanner:  # fmt: skip
        """A hub name or a local folder that transformers' AutoModelForImageTextToText reads; safetensors only.

        ModelError or ModelMissingError of one sentence if it is not there or not such a model.
        """
        folder = model_folder(name, WHAT)
        if folder is not None:
            check_files(folder, WHAT, "config.json", "tokenizer_config.json")
            check_weights(folder, WHAT)
        with loading(name, WHAT, "--planner learned works without it"):
            from transformers import AutoModelForImageTextToText, AutoProcessor

            with quiet("transformers", bars=folder is None):
                processor = AutoProcessor.from_pretrained(str(folder or name))
                loaded: Any = AutoModelForImageTextToText.from_pretrained(
                    str(folder or name), use_safetensors=True, output_loading_info=True
                )
            check_complete(loaded[1])
            model = loaded[0].to(device)
        return cls(processor, model, text, fallback, seconds, tell)

    def ask(self, messages: Sequence[Message], state: PlanState) -> str:
        """The model's words; OSError if it runs out of time or memory."""
        import torch
        from PIL import Image

        picture = Image.fromarray(scene_colours(state.scene))
        start = time.monotonic()
        try:
            inputs = self.processor(images=picture, text=self._wording(messages), return_tensors="pt")
            inputs = inputs.to(self.model.device)
            with torch.inference_mode(), quiet("transformers"):
                tokens = self.model.generate(
                    **inputs, max_new_tokens=NEW_TOKENS, do_sample=False, max_time=self.seconds
                )
        except RuntimeError as error:
            why = "memory is too small for it" if is_out_of_memory(error) else str(error).splitlines()[0][:200]
            raise OSError(f"The {WHAT} failed ({why}).") from error
        if time.monotonic() - start >= self.seconds:
            raise OSError(f"The {WHAT} took more than {self.seconds:g} s.")
        new = tokens[:, inputs["input_ids"].shape[1] :]
        return str(self.processor.batch_decode(new, skip_special_tokens=True)[0])

    def _wording(self, messages: Sequence[Message]) -> str:
        """The conversation in the model's own form; LLaVA-1.5's where the model brings none."""
        first = f"{messages[0]['content']}\n\n{messages[1]['content']}"  # not all models know a system's turn
        turns = [("user", first), *((m["role"], m["content"]) for m in messages[2:])]
        if getattr(self.processor, "chat_template", None):
            spoken = [
                {"role": role, "content": ([{"type": "image"}] if i == 0 else []) + [{"type": "text", "text": said}]}
                for i, (role, said) in enumerate(turns)
            ]
            return str(self.processor.apply_chat_template(spoken, add_generation_prompt=True))
        names = {"user": "USER", "assistant": "ASSISTANT"}
        lines = [f"{names[role]}: " + ("<image>\n" if i == 0 else "") + said for i, (role, said) in enumerate(turns)]
        return "\n".join([*lines, "ASSISTANT:"])
