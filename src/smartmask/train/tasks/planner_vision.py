"""LoRA fine-tuning of a LLaVA-like model to name the next object, on what ``smartmask data instruct`` writes.

The model sees a coloured layout and the question that the vision planner asks, and learns the answer: the loss is
the cross-entropy of the answer's tokens and of the end after them, nothing else. Only matrices of low rank beside the
language model's own are trained (Hu et al., LoRA, arXiv 2106.09685); the vision tower and the projector stay.
"""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image

from smartmask.image.files import load_photo
from smartmask.io.files import save_json
from smartmask.io.hub import is_out_of_memory, model_folder
from smartmask.plan.planners.vision import WHAT, open_model, wording
from smartmask.train.resume import Resumable

TARGETS = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
IMAGE = "<image>"
IGNORED = -100  # a label that does not count
MOST_CHECKED = 200  # samples of a check


@dataclass
class VisionTrainConfig:
    """Settings of one run.

    steps: optimiser steps of ``batch`` samples each. rank: of the matrices; they weigh 2 (alpha = 2 rank).
    learning_rate: peak, after a warm-up of 3 % of the steps; it falls to zero as a cosine. precision: no, bf16, fp16.
    """

    steps: int = 2000
    batch: int = 8
    rank: int = 16
    learning_rate: float = 2e-4
    dropout: float = 0.05
    clip: float = 1.0
    precision: str = "bf16"
    seed: int = 0
    save_every: int = 100


@dataclass(frozen=True)
class Example:
    """One sample: the picture's path, the user's words without the picture's mark, and the answer."""

    image: Path
    asked: str
    answer: str


def read_examples(folder: Path) -> list[Example]:
    """The samples of an instruction folder (``llava.json``, ``images/``); ValueError of one sentence if it is none."""
    path = Path(folder) / "llava.json"
    if not path.is_file():
        raise ValueError(f"{path} does not exist; give a folder that 'smartmask data instruct' wrote.")
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        found = [_example(row, Path(folder)) for row in rows]
    except (json.JSONDecodeError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{path} is not in the form of LLaVA's conversations ({error!r}).") from None
    if not found:
        raise ValueError(f"{path} holds no sample; give a folder that 'smartmask data instruct' wrote.")
    return found


def _example(row: dict[str, Any], folder: Path) -> Example:
    asked, answer = row["conversations"][0]["value"], row["conversations"][1]["value"]
    image = (folder / row["image"]).resolve()
    if not image.is_relative_to(folder.resolve()) or not image.is_file():
        raise ValueError(f"The picture '{row['image']}' of {folder} is not in that folder; make the data again.")
    return Example(image, asked.removeprefix(IMAGE).lstrip("\n"), answer)


def encode(processor: Any, example: Example) -> dict[str, torch.Tensor]:
    """A sample as the model's inputs, one row each, with ``labels``: IGNORED but at the answer and the end after it.

    The question has the very form in which the planner asks it; the answer's tokens are those it would generate.
    """
    picture = Image.fromarray(load_photo(example.image))
    inputs = dict(processor(images=picture, text=wording(processor, [("user", example.asked)]), return_tensors="pt"))
    asked = inputs["input_ids"]
    tokenizer = processor.tokenizer
    said = [*tokenizer(example.answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    more = torch.tensor([said])
    for key, value in list(inputs.items()):  # masks and types of tokens go on as at the last one
        if torch.is_tensor(value) and value.shape == asked.shape and key != "input_ids":
            inputs[key] = torch.cat([value, value[:, -1:].expand(-1, len(said))], dim=1)
    inputs["input_ids"] = torch.cat([asked, more], dim=1)
    inputs["labels"] = torch.cat([torch.full_like(asked, IGNORED), more], dim=1)
    return inputs


def answer_loss(model: Any, processor: Any, examples: list[Example], accelerator: Accelerator) -> float:
    """Mean over samples of the answer's mean cross-entropy, in nats a token."""
    was_training = model.training
    model.eval()
    with torch.inference_mode(), accelerator.autocast():
        losses = [float(model(**_moved(encode(processor, one), accelerator)).loss) for one in examples]
    model.train(was_training)
    return float(np.mean(losses))


def _moved(inputs: dict[str, torch.Tensor], accelerator: Accelerator) -> dict[str, torch.Tensor]:
    return {key: value.to(accelerator.device) for key, value in inputs.items()}


def adapted(model: Any, config: VisionTrainConfig) -> Any:
    """The model with fresh LoRA matrices, everything else frozen. ValueError for one without a language model."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(config.seed)
    lora = LoraConfig(
        r=config.rank, lora_alpha=2 * config.rank, lora_dropout=config.dropout, target_modules=TARGETS, bias="none"
    )
    try:
        return get_peft_model(model, lora)
    except ValueError as error:
        raise ValueError(
            f"The {WHAT} has no language_model with attention to adapt ({type(model).__name__})."
        ) from error


def pick(step: int, place: int, count: int, config: VisionTrainConfig) -> int:
    """Which sample comes at a place of a step's batch: every sample once before any comes again."""
    number = step * config.batch + place
    order = np.random.default_rng([config.seed, number // count]).permutation(count)
    return int(order[number % count])


def train_planner_vision(
    data: Path, base: str, out: Path, config: VisionTrainConfig, check: Path | None = None
) -> dict[str, Any]:
    """Trains, and saves ``out/adapter`` for ``--planner vision:OUT/adapter``. Resumes from ``out/checkpoints``.

    data: a folder of ``data instruct``; check: another, of unseen scenes, whose loss is told before and after.
    Returns numbers, also in ``out/result.json``. Errors of ``open_model``, and ValueError for bad data.
    """
    examples = read_examples(data)
    checked = read_examples(check)[:MOST_CHECKED] if check is not None else []
    accelerator = Accelerator(mixed_precision=config.precision, cpu=not torch.cuda.is_available())
    processor, whole = open_model(base, torch.bfloat16 if accelerator.device.type == "cuda" else None)
    model = adapted(whole, config)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, config.steps))
    settings = {"base": str(base), "samples": len(examples), "steps": config.steps, "batch": config.batch,
                "rank": config.rank, "seed": config.seed}  # fmt: skip
    fresh = _check(model, processor, checked, accelerator) if not (out / "checkpoints").is_dir() else {}
    run = Resumable(out, model, optimizer, schedule, settings, every=config.save_every)
    run.figures |= {f"before_{name}": value for name, value in fresh.items()}
    network, stepper = accelerator.prepare(model, optimizer)
    network.train()
    try:
        while run.step < config.steps:
            loss = _one_step(network, stepper, accelerator, processor, examples, run.step, config)
            schedule.step()
            run.done({"loss": loss}, last=run.step + 1 == config.steps)
            if run.step % 10 == 0:
                accelerator.print(f"step {run.step}: loss {run.figures['loss']:.4f}", flush=True)
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise RuntimeError("The memory is too small for this model; give a smaller --base") from error
        raise
    after = _check(network, processor, checked, accelerator)
    save_adapter(accelerator.unwrap_model(network), processor, base, out / "adapter")
    numbers: dict[str, Any] = {
        "adapter": str(out / "adapter"),
        "samples": len(examples),
        "steps": run.step,
        **run.figures,
    }
    numbers |= {f"after_{name}": value for name, value in after.items()}
    save_json(numbers, out / "result.json")
    return numbers


def _check(model: Any, processor: Any, examples: list[Example], accelerator: Accelerator) -> dict[str, float]:
    if not examples:
        return {}
    model.to(accelerator.device)
    return {"check_loss": answer_loss(model, processor, examples, accelerator)}


def _rate(step: int, steps: int) -> float:
    warm = max(1, round(0.03 * steps))
    return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0)))


def _one_step(
    network: Any, optimizer: Any, accelerator: Accelerator, processor: Any, examples: list[Example], step: int,
    config: VisionTrainConfig,
) -> float:  # fmt: skip
    """Gradients of a batch, sample by sample, as pictures and answers differ in size; then one optimiser step."""
    total = 0.0
    for place in range(config.batch):
        inputs = _moved(encode(processor, examples[pick(step, place, len(examples), config)]), accelerator)
        with accelerator.autocast():
            loss = network(**inputs).loss / config.batch
        accelerator.backward(loss)
        total += loss.item()
    if not math.isfinite(total):
        raise ValueError(f"The loss is {total} at step {step}; lower the learning rate.")
    accelerator.clip_grad_norm_(network.parameters(), config.clip)
    optimizer.step()
    optimizer.zero_grad()
    return total


def save_adapter(model: Any, processor: Any, base: str, folder: Path) -> None:
    """The adapter in peft's form beside the processor's files; the base is named by its full path or hub name."""
    local = model_folder(base, WHAT)
    model.peft_config["default"].base_model_name_or_path = str(base if local is None else local.resolve())
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(str(partial), safe_serialization=True)
    processor.save_pretrained(str(partial))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
