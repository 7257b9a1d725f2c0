"""Training of SmartBrush (arXiv 2212.05034): noise inside masks of drawn precision, and the exact mask beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from smartmask.insertion.smartbrush.masked_diffusion import add_masked_noise, dice_loss
from smartmask.insertion.smartbrush.network import Parts, add_lora
from smartmask.insertion.smartbrush.pipeline import SmartBrushPipeline
from smartmask.text.encoder import TextEncoder
from smartmask.train.tasks.inpaint_data import SOURCES, CropStream, find_objects, photo_sources
from smartmask.train.tasks.inpaint_sheet import InpaintSheet
from smartmask.train.trainer import Batch, LoopConfig, Run, make_accelerator, one_thread

DICE_WEIGHT = 0.01  # the paper's
SAVED = "smartbrush"


@dataclass
class InpaintTrainConfig(LoopConfig):
    """The loop's settings and SmartBrush's own. preset: tiny, small, or sd, which starts from the Stable Diffusion
    folder ``base``; lora: train rank ``rank`` matrices instead of all of it. parts: of the paper, to leave some out.
    """

    batch: int = 8
    learning_rate: float = 5e-4
    preset: str = "small"
    base: str = ""
    lora: bool = False
    rank: int = 16
    parts: Parts = field(default_factory=Parts)
    sources: list[str] = field(default_factory=list)


def start(config: InpaintTrainConfig, text_folder: Path) -> SmartBrushPipeline:
    """The pipeline to train. ValueError if preset and base do not go together."""
    if (config.preset == "sd") != bool(config.base):
        raise ValueError(
            f"The preset is '{config.preset}' and the base '{config.base}'; 'sd' needs the folder of a Stable "
            "Diffusion model as base, and the others start from nothing."
        )
    torch.manual_seed(config.seed)
    if config.base:
        pipeline = SmartBrushPipeline.from_stable_diffusion(Path(config.base), config.parts)
        if config.lora:
            add_lora(pipeline.network.unet, config.rank)
        return pipeline
    if config.lora:
        raise ValueError(f"LoRA adapts a trained model; the preset '{config.preset}' has none, leave --lora out.")
    return SmartBrushPipeline.new(config.preset, TextEncoder.from_pretrained(text_folder), config.parts)


def training_loss(network: nn.Module, batch: Batch, pipeline: SmartBrushPipeline) -> torch.Tensor:
    """``(B,)`` losses of crops (``make_sample``): the diffusion loss where there is noise, and the weighted Dice loss.

    pipeline: for its codec, words, noise path and parts; ``network`` may be its own wrapped for training.
    """
    codec, parts, path = pipeline.codec, pipeline.settings.parts, pipeline.path
    pixels = batch["picture"].float() / 127.5 - 1
    coarse = batch["coarse"].bool()
    clean = codec.encode(pixels)
    mask = codec.encode_mask(coarse)
    wide = mask.repeat(1, codec.channels // codec.mask_channels, 1, 1)
    noisy_part = wide if parts.mask_noise else torch.ones_like(wide)
    time = path.training_times(len(clean)).to(clean.device)
    noise = torch.randn_like(clean)
    noisy = add_masked_noise(clean, noise, time, noisy_part, path)
    masked = codec.encode(pixels * ~coarse) if pipeline.network.sees_masked_picture else None
    told = batch["precision"] * float(parts.precision)
    words = pipeline.words.states(batch["tokens"])
    output, logits = network(noisy, path.network_time(time), mask, told, words, masked)
    loss = path.loss(output, clean, noise, time, noisy_part.float())
    if parts.mask_prediction:
        exact = codec.encode_mask(batch["exact"].bool())
        loss = loss + DICE_WEIGHT * batch["single"] * dice_loss(logits, exact)
    return loss


def crop_batches(stream: CropStream, config: InpaintTrainConfig) -> Iterator[Batch]:
    """Endless batches of a stream."""
    loader = DataLoader(
        stream, batch_size=config.batch, num_workers=config.workers, worker_init_fn=one_thread,
        persistent_workers=config.workers > 0,
    )  # fmt: skip
    return iter(loader)


def train_inpaint(data: Path, text_folder: Path, out: Path, config: InpaintTrainConfig) -> Path:
    """Trains and returns the folder of the saved pipeline (``out/smartbrush``). Resumes from ``out/checkpoints``.

    data: a folder of sets (coco/, pennfudan/) or a COCO folder; only photographs of the train split are used, and
    the sample sheets in ``out/samples`` show the dev split.
    """
    sources = photo_sources(data, config.sources or SOURCES)
    photos = find_objects(sources, "train")
    pipeline = start(config, text_folder)
    accelerator = make_accelerator(config, out)
    run = Run(accelerator, pipeline.network, config, out)
    pipeline.to(accelerator.device)
    # a resumed run must not see the same crops in the same order again
    stream = CropStream(photos, pipeline.settings.side, pipeline.words, config.parts, config.seed + run.state["step"])
    sheet = _sheet(sources, pipeline, out)

    def watch(average: nn.Module, step: int) -> dict[str, float]:
        return {} if sheet is None else sheet.draw(average, step)

    average = run.loop(crop_batches(stream, config), lambda net, batch: training_loss(net, batch, pipeline), watch)
    finished = with_network(pipeline, average)
    finished.save_pretrained(out / SAVED)
    return out / SAVED


def with_network(pipeline: SmartBrushPipeline, network: Any) -> SmartBrushPipeline:
    """The pipeline with another network (the average of a run)."""
    return SmartBrushPipeline(network, pipeline.codec, pipeline.words, pipeline.path, replace(pipeline.settings))


def _sheet(sources: list[Any], pipeline: SmartBrushPipeline, out: Path) -> InpaintSheet | None:
    """The sample sheet, where the dev split has anything to show."""
    try:
        photos = find_objects(sources, "dev")
    except ValueError:
        return None
    return InpaintSheet(photos, pipeline, out / "samples")
