"""Training of SmartBrush (arXiv 2212.05034): noise inside masks of drawn precision, and the exact mask beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from smartmask.data.captions import Captions
from smartmask.data.shards.source import Shards, is_shards
from smartmask.insertion.smartbrush.masked_diffusion import add_masked_noise, dice_loss
from smartmask.insertion.smartbrush.network import Parts, new_layers
from smartmask.insertion.smartbrush.pipeline import SmartBrushPipeline
from smartmask.io.diffusion import add_lora
from smartmask.io.hub import fetched_folder
from smartmask.text.encoder import TextEncoder
from smartmask.train.chance import generators, normal
from smartmask.train.settings import InpaintSettings
from smartmask.train.task import Losses, Stream, Task, Tensors
from smartmask.train.tasks.inpaint_data import SOURCES, CropStream, PhotoObjects, find_objects, photo_sources
from smartmask.train.tasks.inpaint_shards import ShardCropStream, dev_photos
from smartmask.train.tasks.inpaint_sheet import InpaintSheet
from smartmask.train.trainer import Trainer

DICE_WEIGHT = 0.01  # the paper's
SAVED = "smartbrush"


def start(settings: InpaintSettings) -> SmartBrushPipeline:
    """The pipeline to train. ValueError if preset and base do not go together."""
    if (settings.preset == "sd") != bool(settings.base):
        raise ValueError(
            f"The preset is '{settings.preset}' and the base '{settings.base}'; 'sd' needs the folder of a Stable "
            "Diffusion model as base, and the others start from nothing."
        )
    torch.manual_seed(settings.seed)
    parts = parts_of(settings)
    if settings.base:
        pipeline = SmartBrushPipeline.from_stable_diffusion(_base(settings), parts)
        if settings.lora:
            unet = pipeline.network.unet
            add_lora(unet, settings.rank, new_layers(unet))
        return pipeline
    if settings.lora:
        raise ValueError(f"LoRA adapts a trained model; the preset '{settings.preset}' has none, leave --lora out.")
    return SmartBrushPipeline.new(settings.preset, TextEncoder.from_pretrained(settings.text_folder), parts)


def _base(settings: InpaintSettings) -> Path:
    return fetched_folder(settings.base, "base model", "the preset 'small' needs none")


def parts_of(settings: InpaintSettings) -> Parts:
    """The paper's parts but for those to leave out."""
    return replace(Parts(), **dict.fromkeys(settings.without, False))


def training_loss(network: nn.Module, batch: Tensors, pipeline: SmartBrushPipeline) -> torch.Tensor:
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
    drawn = generators(batch["chance"])
    time = torch.cat([path.training_times(1, own) for own in drawn]).to(clean.device)
    noise = normal(drawn, clean)
    noisy = add_masked_noise(clean, noise, time, noisy_part, path)
    masked = codec.encode(pixels * ~coarse) if pipeline.network.sees_masked_picture else None
    told = batch["precision"] * float(parts.precision)
    words = pipeline.words.told(batch["tokens"])
    output, logits = network(noisy, path.network_time(time), mask, told, words.states, masked, words.pooled)
    loss = path.loss(output, clean, noise, time, noisy_part.float())
    if parts.mask_prediction:
        exact = codec.encode_mask(batch["exact"].bool())
        loss = loss + DICE_WEIGHT * batch["single"] * dice_loss(logits, exact)
    return loss


def inpaint_task(
    pipeline: SmartBrushPipeline, stream: Stream, sheet: InpaintSheet | None, facts: dict[str, Any]
) -> Task:  # fmt: skip
    """SmartBrush's training on photographs; the sheet shows others. facts: of the data."""

    def loss(network: nn.Module, batch: Tensors) -> Losses:
        return {"loss": training_loss(network, batch, pipeline).mean()}

    return Task(
        SAVED, pipeline.network, stream, loss,
        save=lambda network, out: with_network(pipeline, network).save_pretrained(out / SAVED),
        validate=None if sheet is None else sheet.draw, betas=(0.9, 0.98), facts=facts,
    )  # fmt: skip


def train_inpaint(settings: InpaintSettings) -> Path:
    """Trains and returns the folder of the saved pipeline (``out/smartbrush``).

    Only photographs of the train split are used; the sample sheets in ``out/samples`` show the dev split.
    """
    settings = settings.model_copy(update={"learning_rate": settings.peak})
    read = _from_shards if is_shards(settings.data) else _from_sets
    pipeline, task = read(settings)
    trainer = Trainer(task, settings, settings.out)
    pipeline.to(trainer.accelerator.device)
    trainer.fit()
    return settings.out / SAVED


def with_network(pipeline: SmartBrushPipeline, network: Any) -> SmartBrushPipeline:
    """The pipeline with another network (the average of a run)."""
    return SmartBrushPipeline(network, pipeline.codec, pipeline.words, pipeline.path, replace(pipeline.settings))


def _from_sets(settings: InpaintSettings) -> tuple[SmartBrushPipeline, Task]:
    """The training on data sets; the sample sheet where the dev split has anything to show."""
    sources = photo_sources(Path(settings.data), settings.source_names or SOURCES)
    photos = find_objects(sources, "train", Captions.read(settings.captions) if settings.captions else None)
    pipeline = start(settings)
    stream = CropStream(
        photos, pipeline.settings.side, pipeline.words, parts_of(settings), settings.batch, settings.seed,
        settings.workers,
    )  # fmt: skip
    try:
        shown = find_objects(sources, "dev")
    except ValueError:
        shown = []
    return pipeline, inpaint_task(pipeline, stream, _sheet(shown, pipeline, settings), {"photos": len(photos)})


def _from_shards(settings: InpaintSettings) -> tuple[SmartBrushPipeline, Task]:
    """The training on shards, whose captions were written with them."""
    if settings.captions:
        raise ValueError(f"The captions {settings.captions[0]} are for data sets; write them with the shards.")
    shards = Shards.at(settings.data, "train")
    pipeline = start(settings)
    stream = ShardCropStream(
        shards, pipeline.settings.side, pipeline.words, parts_of(settings), settings.batch, settings.seed,
        settings.workers, settings.lanes,
    )  # fmt: skip
    sheet = _sheet(dev_photos(settings.data), pipeline, settings)
    return pipeline, inpaint_task(pipeline, stream, sheet, stream.windows.facts)


def _sheet(
    photos: Sequence[PhotoObjects], pipeline: SmartBrushPipeline, settings: InpaintSettings
) -> InpaintSheet | None:  # fmt: skip
    return InpaintSheet(photos, pipeline, settings.out / "samples") if photos else None
