"""Vision-language models of transformers, by hub name or folder: loaded, adapted, spoken to.

One path for every family that AutoModelForImageTextToText knows (LLaVA, LLaVA-OneVision, Qwen2-VL and 2.5-VL,
Idefics3, InternVL, ...): the model's own processor and chat template, one picture before the first words.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.io.hub import (
    check_complete,
    check_files,
    check_finite,
    check_weights,
    loading,
    model_folder,
    quiet,
    read_config,
)
from smartmask.io.reading import tensor_names
from smartmask.plan.planners.asking import Message

if TYPE_CHECKING:
    from PIL import Image

WHAT = "vision-language model"
WITHOUT = "--planner learned works without it"
ADAPTER = "adapter_config.json"
Turn = tuple[str, str]  # role (user or assistant), words
IGNORED = -100  # a label that does not count
ROWS = 32  # answers that are weighed at once


def open_model(name: str | Path, dtype: Any = None, without: str = WITHOUT) -> tuple[Any, Any]:
    """``(processor, model)`` of a hub name or a local folder, or of an adapter's folder with its base merged in.

    Anything that transformers' AutoModelForImageTextToText reads; safetensors only. dtype: torch's, None for float32.
    without: what works without it, for the end of a sentence.
    ModelError or ModelMissingError of one sentence if it is not there or not such a model.
    """
    folder = model_folder(name, WHAT)
    base: str | Path = name
    if folder is not None and (folder / ADAPTER).is_file():
        base = str(read_config(folder / ADAPTER, WHAT).get("base_model_name_or_path") or "")
        check_weights(folder, WHAT, ("adapter_model",))
        check_files(folder, WHAT, "tokenizer_config.json")
        processor, model = _open_whole(base, dtype, without)
        with loading(name, WHAT, without):
            return processor, _with_adapter(model, folder)
    return _open_whole(base, dtype, without)


def _open_whole(name: str | Path, dtype: Any, without: str) -> tuple[Any, Any]:
    folder = model_folder(name, WHAT)
    if folder is not None:
        check_files(folder, WHAT, "config.json", "tokenizer_config.json")
        check_weights(folder, WHAT)
    with loading(name, WHAT, without):
        from transformers import AutoModelForImageTextToText

        more = {} if dtype is None else {"dtype": dtype}
        with quiet("transformers", bars=folder is None):
            processor = _open_processor(str(folder or name))
            loaded: Any = AutoModelForImageTextToText.from_pretrained(
                str(folder or name), use_safetensors=True, output_loading_info=True, **more
            )
        check_complete(loaded[1])
        check_finite(loaded[0])
    return processor, loaded[0]


def _open_processor(path: str) -> Any:
    """The model's own processor, for pictures alone: those that read videos too want torchvision for them.

    transformers builds a processor from what its ``__init__`` names; without the video part nothing else differs.
    """
    from transformers import AutoConfig, AutoProcessor
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    config = AutoConfig.from_pretrained(path)
    kind: Any = PROCESSOR_MAPPING.get(type(config), None)
    if kind is None or "video_processor" not in kind.get_attributes():
        return AutoProcessor.from_pretrained(path)
    return pictures_only(kind).from_pretrained(path)


def pictures_only(kind: Any) -> Any:
    """A processor class of transformers without its video part, under the same name, so that it saves as itself."""
    parts = [part for part in kind.get_attributes() if part != "video_processor"]
    return type(kind.__name__, (kind,), {"get_attributes": classmethod(lambda _: list(parts)), "__module__": __name__})


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
    picture = f"{getattr(processor, 'image_token', '<image>')}\n"
    lines = [f"{names[role]}: " + (picture if i == 0 else "") + said for i, (role, said) in enumerate(turns)]
    return "\n".join([*lines, "ASSISTANT:"])


def model_inputs(processor: Any, picture: Image.Image, words: str) -> dict[str, Any]:
    """What the model is called with, one row, of a picture and of words that ``wording`` made."""
    begin = getattr(processor.tokenizer, "bos_token", None)
    twice = {"add_special_tokens": False} if begin and words.startswith(begin) else {}  # the template wrote it
    return dict(processor(images=picture, text=words, return_tensors="pt", **twice))


def end_token(model: Any, processor: Any) -> int:
    """What ends an answer: the model's own token, which for some is not the tokenizer's end of a text."""
    ends: Any = getattr(model.generation_config, "eos_token_id", None)
    if isinstance(ends, (list, tuple)):
        ends = ends[0] if ends else None
    return int(processor.tokenizer.eos_token_id if ends is None else ends)


def answered(inputs: dict[str, Any], answer: Sequence[int]) -> dict[str, Any]:
    """The inputs of a question (one row) continued by its answer's tokens, with ``labels``: IGNORED but at the answer.

    Masks and types of tokens go on as at the question's last one.
    """
    import torch

    asked, more = inputs["input_ids"], torch.tensor([list(answer)])
    found = dict(inputs)
    for key, value in inputs.items():
        if torch.is_tensor(value) and value.shape == asked.shape and key != "input_ids":
            found[key] = torch.cat([value, value[:, -1:].expand(-1, more.shape[1])], dim=1)
    found["input_ids"] = torch.cat([asked, more], dim=1)
    found["labels"] = torch.cat([torch.full_like(asked, IGNORED), more], dim=1)
    return found


def log_likelihoods(model: Any, inputs: dict[str, Any], answers: Sequence[Sequence[int]]) -> np.ndarray:
    """``(n,)`` nats: how likely each answer's tokens are after the question (one row).

    The question goes through the model once; then every answer continues what was kept of it, ROWS at a time, shorter
    ones padded behind, where no token that counts looks.
    """
    import torch

    asked, found = inputs["input_ids"], []
    with torch.inference_mode():
        first = model(**inputs, use_cache=True)
        begin = first.logits[:, -1].float().log_softmax(-1)
        for start in range(0, len(answers), ROWS):
            some = answers[start : start + ROWS]
            longest = max(map(len, some))
            said = torch.tensor([[*a, *[a[-1]] * (longest - len(a))] for a in some], device=asked.device)
            real = torch.tensor([[len(a) > i for i in range(longest)] for a in some], device=asked.device)
            kept = copy.deepcopy(first.past_key_values)
            kept.batch_repeat_interleave(len(some))
            later = model(input_ids=said, past_key_values=kept, use_cache=True).logits
            scores = torch.cat([begin.expand(len(some), -1)[:, None], later[:, :-1].float().log_softmax(-1)], dim=1)
            found.append((scores.gather(-1, said[..., None])[..., 0] * real).sum(1).cpu().numpy())
    return np.concatenate(found)
