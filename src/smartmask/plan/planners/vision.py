"""A vision-language model of the LLaVA family as planner: it sees the layout as a picture and reads the text.

So does the planner of SmartMask (arXiv 2312.05039, section 3.3); which model and which wording it uses are ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from smartmask.export.pictures import scene_colours
from smartmask.io.hub import (
    check_complete,
    check_files,
    check_finite,
    check_weights,
    is_out_of_memory,
    loading,
    model_folder,
    quiet,
    read_config,
)
from smartmask.io.reading import tensor_names
from smartmask.plan.planners.asking import AskingPlanner, Message
from smartmask.plan.planners.interface import Planner, PlanState
from smartmask.text.encoder import TextEncoder

WHAT = "vision-language model"
WITHOUT = "--planner learned works without it"
SECONDS = 120.0
ADAPTER = "adapter_config.json"
Turn = tuple[str, str]  # role (user or assistant), words


def open_model(name: str | Path, dtype: Any = None) -> tuple[Any, Any]:
    """``(processor, model)`` of a hub name or a local folder, or of an adapter's folder with its base merged in.

    Anything that transformers' AutoModelForImageTextToText reads; safetensors only. dtype: torch's, None for float32.
    ModelError or ModelMissingError of one sentence if it is not there or not such a model.
    """
    folder = model_folder(name, WHAT)
    base: str | Path = name
    if folder is not None and (folder / ADAPTER).is_file():
        base = str(read_config(folder / ADAPTER, WHAT).get("base_model_name_or_path") or "")
        check_weights(folder, WHAT, ("adapter_model",))
        check_files(folder, WHAT, "tokenizer_config.json")
        processor, model = _open_whole(base, dtype)
        with loading(name, WHAT, WITHOUT):
            return processor, _with_adapter(model, folder)
    return _open_whole(base, dtype)


def _open_whole(name: str | Path, dtype: Any) -> tuple[Any, Any]:
    folder = model_folder(name, WHAT)
    if folder is not None:
        check_files(folder, WHAT, "config.json", "tokenizer_config.json")
        check_weights(folder, WHAT)
    with loading(name, WHAT, WITHOUT):
        from transformers import AutoModelForImageTextToText, AutoProcessor

        more = {} if dtype is None else {"dtype": dtype}
        with quiet("transformers", bars=folder is None):
            processor = AutoProcessor.from_pretrained(str(folder or name))
            loaded: Any = AutoModelForImageTextToText.from_pretrained(
                str(folder or name), use_safetensors=True, output_loading_info=True, **more
            )
        check_complete(loaded[1])
        check_finite(loaded[0])
    return processor, loaded[0]


def _with_adapter(model: Any, folder: Path) -> Any:
    """The model with an adapter's matrices added to its own; ValueError for an adapter of another model."""
    from peft import PeftModel, get_peft_model_state_dict

    with quiet("transformers"):
        adapted: Any = PeftModel.from_pretrained(model, str(folder))
    stored = tensor_names(folder / "adapter_model.safetensors", "adapter")
    lost = sorted(set(get_peft_model_state_dict(adapted)) ^ stored)
    if lost:
        raise ValueError(f"the adapter and its base do not agree on {lost[0]}")
    return adapted.merge_and_unload()


def turns_of(messages: Sequence[Message]) -> list[Turn]:
    """A conversation as turns of user and assistant; the system's words open the first, as not all models know it."""
    first = f"{messages[0]['content']}\n\n{messages[1]['content']}"
    return [("user", first), *((m["role"], m["content"]) for m in messages[2:])]


def wording(processor: Any, turns: Sequence[Turn]) -> str:
    """Turns in the model's own form, the picture before the first; LLaVA-1.5's form where the model brings none."""
    if getattr(processor, "chat_template", None):
        spoken = [
            {"role": role, "content": ([{"type": "image"}] if i == 0 else []) + [{"type": "text", "text": said}]}
            for i, (role, said) in enumerate(turns)
        ]
        return str(processor.apply_chat_template(spoken, add_generation_prompt=True))
    names = {"user": "USER", "assistant": "ASSISTANT"}
    lines = [f"{names[role]}: " + ("<image>\n" if i == 0 else "") + said for i, (role, said) in enumerate(turns)]
    return "\n".join([*lines, "ASSISTANT:"])


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
        cls, name: str | Path, text: TextEncoder, fallback: Planner, seconds: float = SECONDS, device: str = "cpu",
        tell: Callable[[str], None] | None = None,
    ) -> VisionPlanner:  # fmt: skip
        """A model as ``open_model`` finds it: a hub name, a local folder, or an adapter of 'train planner-vision'."""
        processor, model = open_model(name)
        return cls(processor, model.to(device), text, fallback, seconds, tell)

    def ask(self, messages: Sequence[Message], state: PlanState) -> str:
        """The model's words; OSError if it runs out of time or memory."""
        import torch
        from PIL import Image

        picture = Image.fromarray(scene_colours(state.scene))
        start = time.monotonic()
        try:
            inputs = self.processor(
                images=picture, text=wording(self.processor, turns_of(messages)), return_tensors="pt"
            )
            inputs = inputs.to(self.model.device)
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
