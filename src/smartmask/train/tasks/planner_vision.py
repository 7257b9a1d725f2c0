"""LoRA fine-tuning of a LLaVA-like model to name the next object, on what ``smartmask data instruct`` writes.

The model sees a coloured layout and the question that the vision planner asks, and learns the answer: the loss is
the cross-entropy of the answer's tokens and of the end after them, nothing else. Only matrices of low rank beside the
language model's own are trained (Hu et al., LoRA, arXiv 2106.09685); the vision tower and the projector stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import send_to_device
from PIL import Image

from smartmask.image.files import load_photo
from smartmask.io.hub import is_out_of_memory, model_folder
from smartmask.io.publish import replacing_folder, save_json
from smartmask.io.reading import read_json
from smartmask.plan.planners.vision_models import WHAT, answered, end_token, model_inputs, open_model, wording
from smartmask.train.captions import TEXTS
from smartmask.train.schedules import Cosine
from smartmask.train.settings import VisionSettings
from smartmask.train.task import Batch, Losses, Stream, Task, Tensors
from smartmask.train.trainer import Trainer

# the language model's attention and feed-forward matrices, by either of its names in transformers
TARGETS = r".*\b(language_model|text_model)\b.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
IMAGE = "<image>"
MOST_CHECKED = 200  # samples of a check


@dataclass(frozen=True)
class Example:
    """One sample: the picture's path, the user's words without the picture's mark, and the answer.

    text: what the words say of the picture, one of ``captions.TEXTS``; empty where the data do not tell.
    """

    image: Path
    asked: str
    answer: str
    text: str = ""


def read_examples(folder: Path) -> list[Example]:
    """The samples of an instruction folder (``llava.json``, ``images/``); ValueError of one sentence if it is none."""
    path = Path(folder) / "llava.json"
    if not path.is_file():
        raise ValueError(f"{path} does not exist; give a folder that 'smartmask data instruct' wrote.")
    try:
        rows = read_json(path, "samples", dataset=True)
        found = [_example(row, Path(folder)) for row in rows]
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{path} is not in the form of LLaVA's conversations ({error!r}).") from None
    if not found:
        raise ValueError(f"{path} holds no sample; give a folder that 'smartmask data instruct' wrote.")
    return found


def _example(row: dict[str, Any], folder: Path) -> Example:
    asked, answer = row["conversations"][0]["value"], row["conversations"][1]["value"]
    image = (folder / row["image"]).resolve()
    if not image.is_relative_to(folder.resolve()) or not image.is_file():
        raise ValueError(f"The picture '{row['image']}' of {folder} is not in that folder; make the data again.")
    return Example(image, asked.removeprefix(IMAGE).lstrip("\n"), answer, str(row.get("text", "")))


def encode(processor: Any, example: Example, end: int) -> dict[str, torch.Tensor]:
    """A sample as the model's inputs, one row each, with ``labels``: IGNORED but at the answer and the end after it.

    The question has the very form in which the planner asks it; the answer's tokens are those it would generate. end:
    the token after it, of ``end_token``.
    """
    picture = Image.fromarray(load_photo(example.image))
    inputs = model_inputs(processor, picture, wording(processor, [("user", example.asked)]))
    said = processor.tokenizer(example.answer, add_special_tokens=False)["input_ids"]
    return answered(inputs, [*said, end])


def answer_loss(model: Any, processor: Any, examples: list[Example], precision: str = "no") -> float:
    """Mean over samples of the answer's mean cross-entropy, in nats a token."""
    was_training, device, end = model.training, next(model.parameters()).device, end_token(model, processor)
    model.eval()
    half = torch.float16 if precision == "fp16" else torch.bfloat16
    with torch.inference_mode(), torch.autocast(device.type, half, enabled=precision != "no"):
        losses = [float(model(**send_to_device(encode(processor, one, end), device)).loss) for one in examples]
    model.train(was_training)
    return float(np.mean(losses))


def adapted(model: Any, settings: VisionSettings) -> Any:
    """The model with fresh LoRA matrices, everything else frozen. ValueError for one without a language model."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(settings.seed)
    rank, dropout = settings.rank, settings.dropout
    lora = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=dropout, target_modules=TARGETS, bias="none")
    try:
        return get_peft_model(model, lora)
    except ValueError as error:
        raise ValueError(
            f"The {WHAT} has no language_model with attention to adapt ({type(model).__name__})."
        ) from error


def pick(number: int, count: int, seed: int) -> int:
    """Which sample comes as a run's number-th: every sample once before any comes again."""
    order = np.random.default_rng([seed, number // count]).permutation(count)
    return int(order[number % count])


def vision_task(model: Any, processor: Any, examples: list[Example], settings: VisionSettings) -> Task:
    """The matrices' training; a batch is one sample, as pictures and answers differ in size."""

    end = end_token(model, processor)

    def make(rng: np.random.Generator, number: int) -> Batch:
        example = examples[pick(number, len(examples), settings.seed)]
        return Batch([example.image.name], encode(processor, example, end))

    def loss(network: Any, inputs: Tensors) -> Losses:
        return {"loss": network(**inputs).loss}

    def save(network: Any, out: Path) -> None:
        save_adapter(network, processor, settings.base, out / "adapter")

    return Task("adapter", model, Stream(make, settings.seed, settings.workers), loss, save=save, schedule=Cosine(),
                facts={"samples": len(examples)})  # fmt: skip


def train_planner_vision(settings: VisionSettings) -> dict[str, Any]:
    """Trains, and saves ``out/adapter`` for ``--planner vision:OUT/adapter``.

    A step's ``batch`` samples go through the model one by one. Returns numbers, also in ``out/result.json``: of a
    check also the loss on unseen scenes before and after. Errors of ``open_model``, and ValueError for bad data.
    """
    out = settings.out
    examples = read_examples(settings.data)
    checked = read_examples(settings.check)[:MOST_CHECKED] if settings.check is not None else []
    processor, whole = open_model(settings.base, torch.bfloat16 if torch.cuda.is_available() else None)
    loop = settings.model_copy(update={"batch": 1, "accumulate": settings.batch * settings.accumulate})
    try:
        trainer = Trainer(vision_task(adapted(whole, settings), processor, examples, loop), loop, out)
        if not trainer.step:
            trainer.figures |= _check("before", trainer.network, processor, checked, settings)
        model = trainer.fit()
        after = _check("after", model, processor, checked, settings)
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise RuntimeError("The memory is too small for this model; give a smaller --base") from error
        raise
    numbers = {"adapter": str(out / "adapter"), "samples": len(examples), "steps": trainer.step, **trainer.figures,
               **after}  # fmt: skip
    if trainer.accelerator.is_main_process:
        save_json(numbers, out / "result.json")
    return numbers


def _check(
    when: str, model: Any, processor: Any, examples: list[Example], settings: VisionSettings
) -> dict[str, float]:
    """The loss of all examples, and of each kind of text by itself: those with a caption are easier."""
    parts = {"": examples} | {f"_{text}": [e for e in examples if e.text == text] for text in TEXTS}
    return {
        f"{when}_check_loss{kind}": answer_loss(model, processor, some, settings.precision)
        for kind, some in parts.items()
        if some
    }


def save_adapter(model: Any, processor: Any, base: str, folder: Path) -> None:
    """The adapter in peft's form beside the processor's files; the base is named by its full path or hub name."""
    local = model_folder(base, WHAT)
    model.peft_config["default"].base_model_name_or_path = str(base if local is None else local.resolve())
    with replacing_folder(folder) as partial:
        model.save_pretrained(str(partial), safe_serialization=True)
        processor.save_pretrained(str(partial))
